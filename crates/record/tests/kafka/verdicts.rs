//! Whether our leader takes what Kafka's takes: thousands of damaged batches before both.
//!
//! - What Kafka refuses, we refuse: no batch may stop a Java consumer that Kafka would have kept out.
//! - What both take, both append as the very same bytes, but for [`stamps_differ`].
//! - What we refuse and Kafka takes breaks a rule of [`ours_alone`], and no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::describe::hex;
use super::{directory, java, kafka_libs};
use ottla_model::{LeaderEpoch, Offset, Rng};
use ottla_record::{
    BatchError, BatchHeader, BatchRules, Compression, HEADER_BYTES, RecordFault, TimestampType,
    crc32c, validate,
};

/// How many damaged batches are made of every vector.
const DAMAGED: usize = 400;

#[test]
fn kafka_and_we_take_the_same_batches() {
    let Some(libs) = kafka_libs() else { return };
    let batches = damaged_batches();
    let verdicts = ask_java(&libs, &batches);
    assert_eq!(verdicts.len(), batches.len());
    let mut tally = BTreeMap::new();
    for (batch, verdict) in batches.iter().zip(&verdicts) {
        *tally.entry(compare(batch, verdict)).or_insert(0) += 1;
    }
    assert!(tally["both take"] > 1000 && tally["both refuse"] > 1000, "{tally:?}");
    eprintln!("{tally:?}");
}

fn compare(batch: &Bytes, theirs: &str) -> &'static str {
    let header = BatchHeader::peek(batch).expect("it was sealed");
    let ours = validate(batch.clone(), &BatchRules::default());
    match (ours, theirs.starts_with("taken")) {
        (Ok(checked), true) => {
            let stamped = checked.stamp(Offset(1000), LeaderEpoch(7), None).to_bytes();
            let ours = format!("taken {:08x} {}", crc32c(&stamped), stamped.len());
            assert!(ours == theirs || stamps_differ(&header), "{ours}, {theirs}: {}", hex(batch));
            "both take"
        }
        (Err(_), false) => "both refuse",
        (Ok(_), false) => panic!("only we take, {theirs}: {}", hex(batch)),
        (Err(error), true) => match ours_alone(&error, &header) {
            Some(rule) => rule,
            None => panic!("only they take, {error}: {}", hex(batch)),
        },
    }
}

/// Where Kafka's leader writes other bytes: it drops attribute bits without a meaning when it writes
/// the header anew, and takes an append time that it removes for the records' largest timestamp.
fn stamps_differ(header: &BatchHeader) -> bool {
    header.attributes.0 & !0b111_1111 != 0
        || header.timestamp_type() == TimestampType::LogAppendTime
}

/// Rules of ours that Kafka's leader does not have.
fn ours_alone(error: &BatchError, header: &BatchHeader) -> Option<&'static str> {
    match error {
        BatchError::Record { fault: RecordFault::OffsetDelta { .. }, .. } => {
            Some("ours alone: offset deltas are 0, 1, 2; Kafka writes them anew, or does not look")
        }
        BatchError::Record { fault: RecordFault::Length { length: ..-1, .. }, .. } => {
            Some("ours alone: only -1 is no key or value; Kafka takes every negative length for it")
        }
        BatchError::Record { .. } if header.compression() != Ok(Compression::None) => {
            Some("ours alone: compressed records are whole; Kafka skips over their fields")
        }
        BatchError::Producer { .. } => {
            Some("ours alone: producer id, epoch and sequence; Kafka looks at them later")
        }
        _ => None,
    }
}

fn damaged_batches() -> Vec<Bytes> {
    let mut rng = Rng::from_number(20261121);
    let mut files: Vec<_> = fs::read_dir(directory()).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "batch"));
    files.sort();
    let mut batches = Vec::new();
    for file in files {
        let mut good = fs::read(file).unwrap();
        if good.len() > 1000 {
            continue;
        }
        good[..8].fill(0);
        for _ in 0..DAMAGED {
            batches.push(damaged(&good, &mut rng));
        }
    }
    batches
}

/// A few bytes changed, inserted or removed, then sealed; half of the time none of the header's.
fn damaged(good: &[u8], rng: &mut Rng) -> Bytes {
    let mut batch = good.to_vec();
    let from = if rng.chance(1, 2) { 21 } else { HEADER_BYTES as u64 };
    for _ in 0..=rng.below(2) {
        let at = (from + rng.below(batch.len() as u64 - from)) as usize;
        match rng.below(8) {
            0 => batch.truncate(at.max(HEADER_BYTES)),
            1 => batch.insert(at.max(HEADER_BYTES), rng.next_u64() as u8),
            2 => batch[at] = rng.next_u64() as u8,
            3 => batch[at] = 0xff,
            4 => batch[at] = 0,
            5 => batch[at] = batch[at].wrapping_add(1),
            6 => batch[at] = batch[at].wrapping_sub(1),
            _ => batch[at] ^= 1 << rng.below(8),
        }
        if batch.len() == HEADER_BYTES {
            break;
        }
    }
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

fn ask_java(libs: &Path, batches: &[Bytes]) -> Vec<String> {
    let file = std::env::temp_dir().join(format!("ottla-verdicts-{}", std::process::id()));
    let mut input = Vec::new();
    for batch in batches {
        input.extend_from_slice(&(batch.len() as u32).to_be_bytes());
        input.extend_from_slice(batch);
    }
    fs::write(&file, input).unwrap();
    let arguments = [file.clone()];
    let verdicts = java(libs, "JudgeBatches.java", &arguments, &["taken ", "refused "]);
    fs::remove_file(&file).unwrap();
    verdicts
}
