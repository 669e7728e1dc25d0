//! Paths inside a storage: relative, separated by `/`, and never leading out of it.

use super::{Result, StorageError};

/// Refuses a path that is empty, absolute, or has an empty, `.` or `..` part.
///
/// # Errors
/// [`StorageError::BadPath`].
pub fn check_path(path: &str) -> Result<()> {
    let good = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    if good { Ok(()) } else { Err(StorageError::BadPath { path: path.to_owned() }) }
}

/// The same for a directory, which may also be the storage itself, `""`.
pub(crate) fn check_dir(path: &str) -> Result<()> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

/// `dir/name`, or `name` alone in the storage itself.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// The directory that holds `path`; `""` for one at the top.
pub fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The last part of `path`.
pub fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for path in ["", "/", "/etc", "a//b", "a/", "..", "a/../b", "./a", "a\0b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        for path in ["a", "a/b", "..a", "a..b/.c"] {
            assert!(check_path(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn a_path_comes_apart_and_together() {
        assert_eq!((parent_of("a/b/c"), name_of("a/b/c")), ("a/b", "c"));
        assert_eq!((parent_of("c"), name_of("c")), ("", "c"));
        assert_eq!(join("", "c"), "c");
        assert_eq!(join("a/b", "c"), "a/b/c");
    }
}
