//! A data directory damaged in any way: recovery and the doctor say so, or do with what is left. Neither
//! panics, allocates without bound, or serves a batch that is not intact; whatever opens can be used.

#![no_main]

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::directory::{batch, image, image_with_straight, open, read_all, work};
use ottla_fuzz::resealed;
use ottla_log::doctor::{examine, repair};
use ottla_log::storage::MemoryStorage;
use ottla_log::storage::disk::Image;
use ottla_model::Timestamp;

#[derive(Arbitrary, Debug)]
struct Damage {
    file: u8,
    kind: Kind,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    /// Other bytes somewhere.
    Write { position: u16, bytes: Vec<u8> },
    /// The same, and where the file has a checksum of the whole, it holds.
    WriteSealed { position: u16, bytes: Vec<u8> },
    /// Another length.
    Cut { len: u16 },
    /// Another file's content.
    Swap { with: u8 },
}

fuzz_target!(|damages: Vec<Damage>| {
    static SOUND: OnceLock<[Image; 2]> = OnceLock::new();
    for sound in SOUND.get_or_init(|| [image(), image_with_straight()]) {
        let mut damaged = sound.clone();
        for damage in damages.iter().take(8) {
            inflict(damage, &mut damaged);
        }
        survive(damaged);
    }
});

fn survive(damaged: Image) {
    let storage = MemoryStorage::from_image(damaged);
    let report = examine(&storage, &storage).expect("it lists");
    use_it(&storage);
    // What was offered may have become moot by opening; asking for it does no harm.
    if let Some(offer) = report.findings.iter().find_map(|finding| finding.repair.clone()) {
        let _ = repair(&storage, &storage, &offer);
        use_it(&storage);
    }
}

fn inflict(damage: &Damage, image: &mut Image) {
    let files = image.files();
    let pick = |number: u8| &files[usize::from(number) % files.len()];
    let (_, node) = pick(damage.file);
    let content = image.content(*node).clone();
    let mut bytes = vec![0; content.len() as usize];
    content.read(0, &mut bytes);
    match &damage.kind {
        Kind::Write { position, bytes: written } => put(&mut bytes, *position, written),
        Kind::WriteSealed { position, bytes: written } => {
            put(&mut bytes, *position, written);
            if let Some(mark) = bytes.first_chunk::<8>().copied() {
                bytes = resealed(&mark, &bytes);
            }
        }
        Kind::Cut { len } => bytes.truncate(usize::from(*len)),
        Kind::Swap { with } => {
            let other = image.content(pick(*with).1).clone();
            bytes.resize(other.len() as usize, 0);
            other.read(0, &mut bytes);
        }
    }
    let content = image.content_mut(*node);
    content.set_len(0);
    content.write(0, &bytes);
}

fn put(bytes: &mut [u8], position: u16, written: &[u8]) {
    let from = usize::from(position).min(bytes.len());
    let to = (from + written.len()).min(bytes.len());
    bytes[from..to].copy_from_slice(&written[..to - from]);
}

fn use_it(storage: &MemoryStorage) {
    let Ok(log) = open(storage) else { return };
    for id in log.streams() {
        let Some(stream) = log.stream(id) else { continue };
        read_all(&stream);
        let end = stream.offsets().log_end.0;
        if (0..1 << 30).contains(&end) {
            let _ = stream.append(batch(end, 1, 10), Timestamp(3));
        }
    }
    work(&log);
    let _ = log.close(Timestamp(4));
}
