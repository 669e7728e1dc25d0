//! Any bytes as a metadata record, a snapshot, or a topic's settings: read or refused, and what was
//! read is written as one that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_metadata::config::canonical;
use ottla_metadata::{Image, MetadataRecord, Snapshot};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = MetadataRecord::decode(bytes) {
        let again = MetadataRecord::decode(&record.encode()).expect("what was written");
        assert_eq!(again, record);
    }
    snapshot(bytes);
    settings(bytes);
});

fn snapshot(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::decode(bytes) else { return };
    let mut image = Image::default();
    for record in &snapshot.records {
        let before = image.clone();
        if image.replay(record).is_err() {
            assert_eq!(image, before, "a refused record changes nothing");
        }
    }
    let whole = Snapshot::of(&image);
    let again = Snapshot::decode(&whole.encode()).expect("what was written");
    assert_eq!(again.image().expect("a snapshot follows itself"), image);
}

/// Lines of `key=value`.
fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    if let Ok(spelled) = canonical(&pairs) {
        assert_eq!(canonical(&spelled), Ok(spelled));
    }
}
