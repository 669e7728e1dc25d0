//! Licences: everything below the workspace is under one that `deny.toml` allows.

use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::Metadata;

/// Every third-party package whose licence `deny.toml` does not allow, one sentence each.
pub fn breaches(root: &Path, metadata: &Metadata) -> anyhow::Result<Vec<String>> {
    let allowed = allowed(root)?;
    let third_party = metadata.packages.iter().filter(|package| package.source.is_some());
    let refused = third_party.filter_map(|package| {
        let licence = package.license.clone().unwrap_or_default();
        let fine = permits(&licence, &allowed);
        (!fine).then(|| format!("{} is under `{licence}`, which deny.toml refuses", package.name))
    });
    Ok(refused.collect())
}

fn allowed(root: &Path) -> anyhow::Result<Vec<String>> {
    let path = root.join("deny.toml");
    let text = std::fs::read_to_string(&path).context("read deny.toml")?;
    let (_, rest) = text.split_once("allow = [").context("deny.toml has no `allow = [`")?;
    let (list, _) = rest.split_once(']').context("the list of deny.toml does not end")?;
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Whether an SPDX expression can be met: every `AND` part has an `OR` choice that is allowed.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let flat = expression.replace('/', " OR ").replace(['(', ')'], " ");
    flat.split(" AND ").all(|part| {
        part.split(" OR ").any(|choice| allowed.iter().any(|fine| fine == choice.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_enough_and_a_conjunction_needs_both() {
        let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
        assert!(permits("Apache-2.0 OR MIT", &allowed));
        assert!(permits("MIT/Apache-2.0", &allowed));
        assert!(permits("MIT AND Zlib", &allowed));
        assert!(!permits("MIT AND GPL-3.0", &allowed));
        assert!(!permits("", &allowed));
    }
}
