//! Any bytes as the segment of a relaxed stream, which recovery walks by checksum: it ends with the last
//! intact batch that follows on, wherever that is, and the doctor finds the same end.

#![no_main]

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::directory::{batch, image, open, read_all, stream_id};
use ottla_fuzz::sealed;
use ottla_log::doctor::examine;
use ottla_log::storage::MemoryStorage;
use ottla_log::storage::disk::Image;

#[derive(Arbitrary, Debug)]
enum Piece {
    /// An intact batch that follows on, or does not.
    Batch { records: u8, skip: bool },
    /// Any bytes, put right to look like a batch that follows on.
    Sealed(Vec<u8>),
    /// Any bytes.
    Raw(Vec<u8>),
    /// What a file that was lengthened and not written holds.
    Zeros(u16),
}

fuzz_target!(|input: (u16, Vec<Piece>)| {
    static SOUND: OnceLock<(Image, i64)> = OnceLock::new();
    let (mut damaged, end) = SOUND.get_or_init(|| (image(), relaxed_end())).clone();
    let (kept, pieces) = input;
    let prefix = format!("streams/{}/", stream_id(2));
    let files = damaged.files();
    let last = files.iter().rfind(|(path, _)| path.starts_with(&prefix) && path.ends_with(".log"));
    let (_, node) = last.expect("the stream has a segment");
    let content = damaged.content_mut(*node);
    // Mostly behind what is there, at times in the middle of it.
    content.set_len(content.len().saturating_sub(u64::from(kept)));
    let tail = tail(&pieces, end);
    content.write(content.len(), &tail);
    let storage = MemoryStorage::from_image(damaged);
    let report = examine(&storage, &storage).expect("it lists");
    let Ok(log) = open(&storage) else { return };
    let stream = log.stream(stream_id(2)).expect("nothing dropped it");
    read_all(&stream);
    let facts = report.streams.iter().find(|facts| facts.stream == stream_id(2));
    if !stream.is_damaged() {
        let ends = facts.map(|facts| facts.log_end);
        assert_eq!(ends, Some(stream.offsets().log_end), "{:?}", report.findings);
    }
});

fn relaxed_end() -> i64 {
    let log = open(&MemoryStorage::from_image(image())).expect("it is sound");
    log.stream(stream_id(2)).expect("it is there").offsets().log_end.0
}

fn tail(pieces: &[Piece], mut next: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces.iter().take(16) {
        match piece {
            Piece::Batch { records, skip } => {
                let records = i32::from(records % 8) + 1;
                next += i64::from(*skip);
                bytes.extend_from_slice(&batch(next, records, 20).to_bytes());
                next += i64::from(records);
            }
            Piece::Sealed(raw) => {
                let mut batch = sealed(raw);
                batch[..8].copy_from_slice(&next.to_be_bytes());
                bytes.extend_from_slice(&batch);
            }
            Piece::Raw(raw) => bytes.extend_from_slice(raw),
            Piece::Zeros(count) => bytes.resize(bytes.len() + usize::from(*count), 0),
        }
    }
    bytes
}
