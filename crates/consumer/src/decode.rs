//! From an answer's bytes to records. Nothing that comes over a wire is trusted: every batch's CRC is
//! checked, and what is compressed unpacks within a budget.

use bytes::Bytes;
use ottla_model::Offset;
use ottla_record::{BatchError, BatchView, Batches, Compression, RecordView, Scratch};

use crate::record::{Entry, Place};

/// The records of one answer, from `from` on.
pub(crate) fn decode(
    answer: &Bytes,
    from: Offset,
    scratch: &mut Scratch,
    decompressed_bytes_max: u64,
) -> Result<(Vec<Bytes>, Vec<Entry>), BatchError> {
    let mut sources = vec![answer.clone()];
    let mut records = Vec::new();
    for batch in Batches::new(answer) {
        let batch = batch?;
        batch.verify_crc()?;
        // Markers of transactions are for brokers and clients, not for their users.
        if batch.header().is_control() {
            continue;
        }
        records
            .reserve(usize::try_from(batch.header().record_count).unwrap_or(0).min(RESERVED_MAX));
        match batch.header().compression()? {
            Compression::None => walk(&batch, answer, batch.payload(), 0, from, &mut records)?,
            _ => {
                let unpacked = batch.unpack(scratch, decompressed_bytes_max)?;
                let unpacked = Bytes::copy_from_slice(unpacked);
                let source = u32::try_from(sources.len()).unwrap_or(u32::MAX);
                walk(&batch, &unpacked, &unpacked, source, from, &mut records)?;
                sources.push(unpacked);
            }
        }
    }
    scratch.trim();
    Ok((sources, records))
}

/// A header's count is believed only so far before its records were seen.
const RESERVED_MAX: usize = 16 * 1024;

fn walk(
    batch: &BatchView<'_>,
    source: &Bytes,
    unpacked: &[u8],
    number: u32,
    from: Offset,
    records: &mut Vec<Entry>,
) -> Result<(), BatchError> {
    for record in batch.walk(unpacked) {
        let record = record?;
        if record.offset >= from {
            records.push(entry(&record, source, number));
        }
    }
    Ok(())
}

fn entry(record: &RecordView<'_>, source: &[u8], number: u32) -> Entry {
    let headers = record.headers();
    Entry {
        source: number,
        headers_count: u32::try_from(headers.len()).unwrap_or(u32::MAX),
        offset: record.offset,
        timestamp: record.timestamp,
        key: Place::of(record.key, source),
        value: Place::of(record.value, source),
        headers: Place::of((headers.len() > 0).then(|| headers.bytes()), source),
    }
}
