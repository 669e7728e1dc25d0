//! Tidy: what every source file owes its reader, and what no committed file may hold.

use std::path::{Path, PathBuf};

/// Crates without clock, file, thread, environment or iteration order of their own.
const PURE: &[&str] = &["model", "record", "metadata", "partition", "control", "log"];

/// The one module of a pure crate that touches files.
const FILES_MODULE: &str = "crates/log/src/storage/files";

/// Calls that a pure crate must not make, with what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument: take a `Moment`"),
    ("SystemTime::now", "time is an argument: take a `Timestamp`"),
    ("thread::spawn", "a pure crate has no thread: let the shell call you"),
    ("thread::sleep", "a pure crate never waits"),
    ("std::fs", "files live behind the `Storage` seam"),
    ("std::net", "sockets live in the shells"),
    ("std::env", "settings are handed in"),
    ("HashMap", "iteration order must replay: use `BTreeMap`"),
    ("HashSet", "iteration order must replay: use `BTreeSet`"),
    ("getrandom", "randomness is an argument: take an `Rng`"),
];

/// Calls that only `runtime` makes (and programs that are no part of the server or the clients).
const RUNTIME_ONLY: &[(&str, &str)] = &[
    ("tokio::spawn", "spawn through `ottla_runtime`, so that shutdown finds every task"),
    ("thread::spawn", "spawn through `ottla_runtime`, so that shutdown finds every thread"),
    ("Instant::now", "ask `ottla_runtime::Clock`"),
    ("SystemTime::now", "ask `ottla_runtime::Clock`"),
];
const RUNTIME_EXEMPT: &[&str] = &["runtime", "cli", "ottla", "testkit", "xtask"];

/// What no committed source may hold.
const LEFTOVERS: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX"];

/// Longest file, tests aside. A longer one wants to be a directory.
const FILE_LINES_MAX: usize = 600;

/// Files that were longer when the rule came, with their length: it may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];

/// Every breach in the project's Rust sources, one sentence each.
pub fn breaches(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in rust_files(root) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        found.extend(breaches_in(&shown, &text));
    }
    found
}

/// The breaches of one file: `shown` is its path from the root, with `/` between the parts.
pub fn breaches_in(shown: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |line: usize, what: String| found.push(format!("{shown}:{line}: {what}"));
    if !text.starts_with("//!") && !text.starts_with("#!") {
        say(1, "a file begins with `//!` and its purpose".to_owned());
    }
    let shipped = without_tests(text);
    let lines_max = LONG_FILES.iter().find(|(f, _)| *f == shown).map_or(FILE_LINES_MAX, |f| f.1);
    let lines = shipped.lines().count();
    if lines > lines_max && !is_test(shown) {
        say(1, format!("{lines} lines; at most {lines_max}: make it a directory"));
    }
    let rules = rules_for(shown);
    for (index, line) in shipped.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (call, instead) in &rules {
            if code.contains(call) {
                say(index + 1, format!("`{call}`: {instead}"));
            }
        }
    }
    for (index, line) in text.lines().enumerate() {
        for leftover in LEFTOVERS {
            if line.contains(leftover) && !shown.starts_with("crates/xtask/") {
                say(index + 1, format!("`{leftover}` is for your own branch"));
            }
        }
    }
    found
}

fn rules_for(shown: &str) -> Vec<(&'static str, &'static str)> {
    let mut rules = Vec::new();
    let Some(name) = crate_of(shown) else { return rules };
    if is_test(shown) {
        return rules;
    }
    rules.push((
        concat!("uns", "afe "),
        "what the compiler cannot check has no home here, tests of allocations aside",
    ));
    if shown.starts_with(FILES_MODULE) {
        return rules;
    }
    if PURE.contains(&name) {
        rules.extend_from_slice(IMPURE);
    } else if !RUNTIME_EXEMPT.contains(&name) {
        rules.extend_from_slice(RUNTIME_ONLY);
    }
    rules
}

fn crate_of(shown: &str) -> Option<&str> {
    shown.strip_prefix("crates/")?.split('/').next()
}

fn is_test(shown: &str) -> bool {
    let directory = shown.contains("/tests/") || shown.contains("/benches/");
    directory || shown.ends_with("/tests.rs") || shown.ends_with("_tests.rs")
}

/// The text up to its inline test module, which by custom comes last.
fn without_tests(text: &str) -> &str {
    match text.find("#[cfg(test)]\nmod ") {
        Some(at) => &text[..at],
        None => text,
    }
}

/// Every Rust source of ours, generated code left out.
fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> =
        ["crates", "examples", "benches", "fuzz"].iter().map(|dir| root.join(dir)).collect();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && name != "gen" {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
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
    fn a_clock_in_a_pure_crate_is_seen_and_one_in_its_tests_is_not() {
        let text = "//! x\nfn f() { Instant::now(); }\n#[cfg(test)]\nmod tests { Instant::now(); }";
        let found = breaches_in("crates/partition/src/a.rs", text);
        assert_eq!(
            found,
            ["crates/partition/src/a.rs:2: `Instant::now`: time is an argument: take a `Moment`"]
        );
    }

    #[test]
    fn a_file_without_a_header_is_seen() {
        assert_eq!(breaches_in("crates/broker/src/a.rs", "fn f() {}").len(), 1);
    }

    #[test]
    fn unsafe_code_is_seen_everywhere() {
        let text = "//! x\nunsafe { }\n";
        for file in ["crates/broker/src/a.rs", "crates/log/src/storage/files/buf.rs"] {
            assert_eq!(breaches_in(file, text).len(), 1, "{file}");
        }
    }
}
