//! The environment, of which only what is Ottla's has to be text.

use std::ffi::OsString;

use crate::failure::Failure;

/// The variables that begin with `OTTLA_`.
pub fn ours() -> Result<Vec<(String, String)>, Failure> {
    of(std::env::vars_os())
}

fn of(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Failure> {
    let mut ours = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("OTTLA_")) else { continue };
        let value = value.into_string().map_err(|_| {
            Failure::usage(format!(
                "the environment variable {name} is no UTF-8 text; write it again"
            ))
        })?;
        ours.push((name.to_owned(), value));
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn what_is_no_text_matters_only_where_it_is_ours() {
        let bad = || OsString::from_vec(vec![0xff]);
        let other = [(bad(), bad()), ("PATH".into(), bad()), ("OTTLA_GRPC".into(), "off".into())];
        assert_eq!(of(other.into_iter()).unwrap(), [("OTTLA_GRPC".to_owned(), "off".to_owned())]);
        assert!(of([("OTTLA_GRPC".into(), bad())].into_iter()).is_err());
    }
}
