//! Documents: links that lead somewhere, crates that are described, nothing that ties the project to one machine.

use std::path::{Path, PathBuf};

/// Texts that would tie the project to a machine, a workplace or a mirror.
const TIES: &[&str] = &[
    concat!("/wor", "k/"),
    concat!("/roo", "t/"),
    concat!("/hom", "e/"),
    concat!("../sha", "red"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
];

/// Every breach in the project's documents and scripts, one sentence each.
pub fn breaches(root: &Path, crates: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for path in documents(root) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if path.extension().is_some_and(|e| e == "md") {
            found.extend(dead_links(&path, &shown, &text));
        }
        found.extend(ties(&shown, &text));
    }
    found.extend(undescribed(root, crates));
    found
}

fn dead_links(path: &Path, shown: &str, text: &str) -> Vec<String> {
    let base = path.parent().unwrap_or(path);
    let mut found = Vec::new();
    for target in links(text) {
        let file = target.split('#').next().unwrap_or_default();
        let outside = target.contains("://") || target.starts_with("mailto:");
        if !file.is_empty() && !outside && !base.join(file).exists() {
            found.push(format!("{shown}: the link to `{target}` leads nowhere"));
        }
    }
    found
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push(target.split(' ').next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

fn ties(shown: &str, text: &str) -> Vec<String> {
    if shown == "crates/xtask/src/docs.rs" {
        return Vec::new();
    }
    TIES.iter()
        .filter(|tie| text.contains(**tie))
        .map(|tie| format!("{shown}: `{tie}` ties the project to one machine"))
        .collect()
}

fn undescribed(root: &Path, crates: &[String]) -> Vec<String> {
    let page = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap_or_default();
    crates
        .iter()
        .filter(|name| !page.contains(&format!("`{name}`")))
        .map(|name| format!("docs/ARCHITECTURE.md does not describe `{name}`"))
        .collect()
}

/// Every text that people read or shells run.
fn documents(root: &Path) -> Vec<PathBuf> {
    let kinds = ["md", "rs", "toml", "sh", "proto", "py", "yml", "yaml"];
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                let skipped = ["target", ".git", "corpus", "artifacts", ".venv", "ottla-data"];
                if !skipped.contains(&name.as_str()) {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| kinds.iter().any(|k| e == *k))
                || path.parent().and_then(Path::file_name).is_some_and(|name| name == ".ci")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_code_are_found() {
        let text = "see [a](b.md#c) and [d](e)\n```\n[no](x)\n```\n";
        assert_eq!(links(text), ["b.md#c", "e"]);
    }
}
