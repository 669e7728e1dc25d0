//! docs/defaults.md shows every setting of a topic with its default, as the program has it.

use std::fmt::Write as _;
use std::path::Path;

use ottla_metadata::TopicConfig;

fn table() -> String {
    let mut text =
        String::from("| setting | default | allowed | what it does |\n|---|---|---|---|\n");
    for (setting, value) in TopicConfig::default().entries() {
        let (name, allowed, doc) = (setting.name, setting.allowed, setting.doc);
        let _infallible = writeln!(text, "| `{name}` | `{value}` | {allowed} | {doc} |");
    }
    text
}

#[test]
fn the_page_of_defaults_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/defaults.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = table();
    assert!(page.contains(&table), "docs/defaults.md has to contain this table:\n{table}");
}
