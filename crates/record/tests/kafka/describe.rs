//! Batches as `WriteVectors.java` prints them.

use std::fmt::Write as _;

use ottla_record::{BatchHeader, BatchView, Batches, RecordView, Scratch, crc32c};

/// Every batch in these bytes, as `WriteVectors.java` describes them.
pub(super) fn describe(bytes: &[u8]) -> String {
    let batches = Batches::new(bytes).map(|batch| describe_batch(&batch.expect("it is a batch")));
    batches.collect()
}

fn describe_batch(batch: &BatchView<'_>) -> String {
    batch.verify_crc().expect("it is undamaged");
    let mut scratch = Scratch::new();
    let walk = batch.records(&mut scratch, 1 << 30).expect("it decompresses");
    let lines = walk.map(|record| describe_record(&record.expect("it is well-formed")));
    format!("{}{}", describe_header(batch.header()), shortened(lines.collect()))
}

fn describe_header(h: &BatchHeader) -> String {
    let horizon = match h.attributes.has_delete_horizon() {
        true => h.base_timestamp.to_string(),
        false => "none".to_owned(),
    };
    format!(
        "batch base_offset={} last_offset={} leader_epoch={} codec={} timestamps={} \
         max_timestamp={} delete_horizon={horizon} transactional={} control={} producer={} \
         epoch={} sequence={}..{} count={} size={} crc={:08x}\n",
        h.base_offset,
        h.last_offset(),
        h.leader_epoch,
        h.compression().expect("a known codec"),
        h.timestamp_type().name(),
        h.max_timestamp,
        h.is_transactional(),
        h.is_control(),
        h.producer_id,
        h.producer_epoch,
        h.base_sequence,
        h.last_sequence(),
        h.record_count,
        h.size(),
        h.crc,
    )
}

fn describe_record(record: &RecordView<'_>) -> String {
    let (key, value) = (field(record.key), field(record.value));
    let mut line = format!(
        "record offset={} timestamp={} key={key} value={value}",
        record.offset, record.timestamp
    );
    for header in record.headers() {
        let (key, value) = (field(Some(header.key)), field(header.value));
        write!(line, " header {key}={value}").expect("writing to a String cannot fail");
    }
    line + "\n"
}

/// Many records as the first two, the CRC of all lines, and the last.
fn shortened(lines: Vec<String>) -> String {
    if lines.len() <= 80 {
        return lines.concat();
    }
    let crc = crc32c(lines.concat().as_bytes());
    let middle = format!(".. {} records, crc of these lines {crc:08x}\n", lines.len());
    [&lines[0], &lines[1], &middle, &lines[lines.len() - 1]].map(String::as_str).concat()
}

fn field(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() <= 40 => format!("[{}]", hex(bytes)),
        Some(bytes) => format!("[{} bytes, crc {:08x}]", bytes.len(), crc32c(bytes)),
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a hexadecimal text, where `-` is none.
pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.trim_start_matches('-').as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}
