//! Stored batches as plain records.
//!
//! Keys and values of an uncompressed batch are slices of the bytes that were read; those of a
//! compressed one are slices of one copy of what was decompressed.

use bytes::Bytes;
use ottla_model::Offset;
use ottla_model::limits::DECOMPRESSED_BYTES_MAX;
use ottla_record::{
    BatchError, BatchView, Batches, Compression, RecordView, Scratch, TimestampType,
};
use ottla_wire::v1;

/// What a record costs beside its key, its value and its headers.
const RECORD_BYTES: usize = 24;

/// Records of consecutive offsets.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) records: Vec<v1::ConsumedRecord>,
    pub(super) bytes: usize,
    /// The offset after the last of them.
    pub(super) next_offset: Offset,
}

/// The records from `from` on, in portions of about `bytes_max` (one record may be larger). The last
/// portion ends at `next_offset`, the end of what was read, and may be empty.
pub(super) fn portions(
    chunks: Vec<Bytes>,
    from: Offset,
    next_offset: Offset,
    bytes_max: usize,
) -> Result<Vec<Plain>, BatchError> {
    let whole = in_one(chunks);
    let mut portions = Portions::new(from, bytes_max);
    let mut scratch = Scratch::new();
    for batch in Batches::new(&whole) {
        let batch = batch?;
        if !batch.header().attributes.is_control() {
            portions.add_batch(&whole, &batch, &mut scratch)?;
        }
    }
    Ok(portions.finish(next_offset))
}

/// The chunks end to end; a batch may lie across several.
fn in_one(mut chunks: Vec<Bytes>) -> Bytes {
    match chunks.len() {
        1 => chunks.remove(0),
        _ => chunks.concat().into(),
    }
}

struct Portions {
    from: Offset,
    bytes_max: usize,
    full: Vec<Plain>,
    filling: Plain,
}

impl Portions {
    fn new(from: Offset, bytes_max: usize) -> Self {
        Self { from, bytes_max, full: Vec::new(), filling: empty(from) }
    }

    fn add_batch(
        &mut self,
        whole: &Bytes,
        batch: &BatchView<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), BatchError> {
        let kind = match batch.header().timestamp_type() {
            TimestampType::CreateTime => v1::TimestampType::CreateTime,
            TimestampType::LogAppendTime => v1::TimestampType::LogAppendTime,
        };
        let unpacked = batch.unpack(scratch, DECOMPRESSED_BYTES_MAX)?;
        let kept = match batch.header().compression()? {
            Compression::None => whole.slice_ref(unpacked),
            _ => Bytes::copy_from_slice(unpacked),
        };
        for record in batch.walk(&kept) {
            let record = record?;
            if record.offset >= self.from {
                self.add(consumed(&record, kind, |bytes| kept.slice_ref(bytes)), record.offset);
            }
        }
        Ok(())
    }

    fn add(&mut self, record: v1::ConsumedRecord, offset: Offset) {
        let bytes = cost(&record);
        if !self.filling.records.is_empty() && self.filling.bytes + bytes > self.bytes_max {
            let next = empty(self.filling.next_offset);
            self.full.push(std::mem::replace(&mut self.filling, next));
        }
        self.filling.records.push(record);
        self.filling.bytes += bytes;
        self.filling.next_offset = offset.plus(1);
    }

    fn finish(mut self, next_offset: Offset) -> Vec<Plain> {
        self.filling.next_offset = next_offset;
        self.full.push(self.filling);
        self.full
    }
}

fn empty(next_offset: Offset) -> Plain {
    Plain { records: Vec::new(), bytes: 0, next_offset }
}

fn consumed(
    record: &RecordView<'_>,
    kind: v1::TimestampType,
    take: impl Fn(&[u8]) -> Bytes,
) -> v1::ConsumedRecord {
    let header = |header: ottla_record::RecordHeader<'_>| v1::Header {
        key: header.key_text().into_owned(),
        value: header.value.map(&take),
    };
    v1::ConsumedRecord {
        offset: record.offset.0,
        timestamp_ms: record.timestamp.0,
        timestamp_type: kind as i32,
        key: record.key.map(&take),
        value: record.value.map(&take),
        headers: record.headers().map(header).collect(),
    }
}

fn cost(record: &v1::ConsumedRecord) -> usize {
    let some = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers = record.headers.iter().map(|header| header.key.len() + some(&header.value));
    RECORD_BYTES + some(&record.key) + some(&record.value) + headers.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use ottla_model::Timestamp;
    use ottla_record::{BatchBuilder, BatchOptions, RecordHeader};

    use super::*;

    /// A batch of `count` records of ten bytes from `base` on.
    fn batch(base: i64, count: usize, compression: Compression) -> Bytes {
        let mut builder = BatchBuilder::new();
        for index in 0..count {
            let value = format!("value {:04}", base as usize + index);
            let headers = [RecordHeader::new("h", Some(b"1")), RecordHeader::new("h", None)];
            builder.push(Timestamp(7), None, Some(value.as_bytes()), headers);
        }
        let base_offset = Offset(base);
        builder.finish(&BatchOptions { compression, base_offset, ..Default::default() })
    }

    fn offsets(portion: &Plain) -> Vec<i64> {
        portion.records.iter().map(|record| record.offset).collect()
    }

    #[test]
    fn records_before_the_start_are_left_out_and_portions_are_bounded() {
        let two = [batch(0, 3, Compression::None), batch(3, 3, Compression::Zstd)].concat();
        let chunks = vec![Bytes::copy_from_slice(&two[..20]), Bytes::copy_from_slice(&two[20..])];
        let portions = portions(chunks, Offset(1), Offset(6), 80).expect("well formed");
        assert_eq!(
            portions.iter().map(offsets).collect::<Vec<_>>(),
            [vec![1, 2], vec![3, 4], vec![5]]
        );
        let ends: Vec<_> = portions.iter().map(|portion| portion.next_offset.0).collect();
        assert_eq!(ends, [3, 5, 6]);
        let last = &portions[2].records[0];
        assert_eq!(last.value.as_deref(), Some(&b"value 0005"[..]));
        assert_eq!(last.headers[1], v1::Header { key: "h".to_owned(), value: None });
    }

    #[test]
    fn an_uncompressed_value_is_a_slice_of_what_was_read() {
        let bytes = batch(0, 1, Compression::None);
        let range = bytes.as_ptr_range();
        let portions = portions(vec![bytes], Offset(0), Offset(1), 1).expect("well formed");
        let value = portions[0].records[0].value.as_ref().expect("it has one");
        assert!(range.contains(&value.as_ptr()));
    }

    #[test]
    fn nothing_read_is_one_empty_portion_that_still_moves_on() {
        let portions = portions(Vec::new(), Offset(4), Offset(9), 1).expect("nothing to be wrong");
        assert_eq!((portions.len(), portions[0].next_offset), (1, Offset(9)));
    }
}
