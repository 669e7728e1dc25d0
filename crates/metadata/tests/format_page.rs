//! docs/internals/metadata-log.md names every kind of record with its fields, in the order in which
//! they are written.

use std::path::Path;

use ottla_metadata::MetadataRecord;

/// One record of each kind, as it is stored.
const RECORDS: [&str; 10] = [
    r#"{"kind":"cluster","version":1,"body":{"cluster":"01010101-0101-0101-0101-010101010101","created_at":1}}"#,
    r#"{"kind":"feature_level","version":1,"body":{"feature":"metadata.version","level":1}}"#,
    r#"{"kind":"broker","version":1,"body":{"broker":1,"epoch":4,"directory":"03030303-0303-0303-0303-030303030303","boot":"b","endpoints":[],"registered_at":5}}"#,
    r#"{"kind":"topic","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","name":"flights","created_at":6,"config":{}}}"#,
    r#"{"kind":"partitions","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","first":0,"partitions":[]}}"#,
    r#"{"kind":"leadership","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","changes":[]}}"#,
    r#"{"kind":"topic_config","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","changes":{}}}"#,
    r#"{"kind":"topic_deleted","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202"}}"#,
    r#"{"kind":"snapshot","version":1,"body":{"records":12}}"#,
    r#"{"kind":"producer_ids","version":1,"body":{"broker":1,"broker_epoch":4,"next":2000}}"#,
];

#[test]
fn the_page_has_a_row_for_every_kind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/internals/metadata-log.md");
    let page = std::fs::read_to_string(&path).expect("the page is in the repository");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), RECORDS.len());
    for (row, text) in rows.iter().zip(RECORDS) {
        let record = MetadataRecord::decode(text.as_bytes()).expect("a good record");
        assert_eq!(record.encode(), text.as_bytes(), "fields have one order");
        assert!(row.starts_with(&format!("| `{}` |", record.kind())), "{row}");
        check_fields(row, text);
    }
}

/// The top fields of a body stand in the row's second column, in their order.
fn check_fields(row: &str, text: &str) {
    let column = row.split('|').nth(2).expect("a row has three columns");
    let body = text.split_once(r#""body":"#).expect("a record has a body").1;
    let mut depth = 0;
    let mut last = 0;
    for (at, character) in body.char_indices() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' if depth == 1 && matches!(&body[at - 1..at], "{" | ",") => {
                let name = body[at + 1..].split('"').next().expect("a name ends");
                let place =
                    column.find(&format!("`{name}`")).unwrap_or_else(|| panic!("{name}: {row}"));
                assert!(place >= last, "`{name}` stands too early in: {row}");
                last = place;
            }
            _ => {}
        }
    }
}
