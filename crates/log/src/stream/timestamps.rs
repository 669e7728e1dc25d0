//! Looking for a record by its timestamp (L12).

use ottla_model::limits::DECOMPRESSED_BYTES_MAX;
use ottla_model::{Offset, Timestamp};
use ottla_record::{BatchView, RecordView, Scratch};

use super::{ReadOutcome, ReadRequest, Stream};
use crate::error::ReadError;

/// How much is read at a time.
const LOOK_BYTES: u64 = 256 * 1024;

impl Stream {
    /// The first record below `upto` whose timestamp is `at` or later: its offset and timestamp.
    /// May read files.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    pub fn offset_for_timestamp(
        &self,
        at: Timestamp,
        upto: Offset,
    ) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let Some(from) = self.start_for_timestamp(at) else { return Ok(None) };
        let mut found = None;
        self.each_record(
            from,
            upto,
            |batch| batch >= at,
            |record| {
                let hit = record.1 >= at;
                if hit {
                    found = Some(record);
                }
                hit
            },
        )?;
        Ok(found)
    }

    /// The record below `upto` with the largest timestamp, the first of several. May read files.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    pub fn max_timestamp(&self, upto: Offset) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let candidates: Vec<(Offset, Timestamp)> = {
            let state = self.state.lock();
            let start = state.log_start;
            let of = |segment: &crate::segment::Segment| (segment.base.max(start), segment.largest);
            state.segments.iter().filter(|s| s.bytes > 0 && s.base < upto).map(of).collect()
        };
        let mut best: Option<(Offset, Timestamp)> = None;
        for (at, (base, largest)) in candidates.iter().enumerate() {
            // A segment's largest timestamp is never told too small.
            if best.is_some_and(|(_, timestamp)| timestamp >= *largest) {
                continue;
            }
            let end = candidates.get(at + 1).map_or(upto, |(next, _)| *next);
            let mut bar = best.map_or(i64::MIN, |(_, timestamp)| timestamp.0);
            // The bar rises as records pass it, so that most batches need not be opened.
            let bar = std::cell::Cell::new(std::mem::take(&mut bar));
            self.each_record(
                *base,
                end,
                |batch| batch.0 > bar.get(),
                |record| {
                    if record.1.0 > bar.get() {
                        bar.set(record.1.0);
                        best = Some(record);
                    }
                    false
                },
            )?;
        }
        Ok(best)
    }

    /// An offset at or before the first record at or after this time.
    fn start_for_timestamp(&self, at: Timestamp) -> Option<Offset> {
        let state = self.state.lock();
        let segment = state.segments.iter().find(|s| s.bytes > 0 && s.largest >= at)?;
        let base = segment.base;
        let hint = segment.index.as_ref().and_then(|index| {
            let position = index.position_for_timestamp(at);
            index.entries().iter().find(|entry| entry.position == position).map(|e| e.offset)
        });
        Some(hint.unwrap_or(base).max(state.log_start))
    }

    /// Shows the records of batches that may matter, by their largest timestamp, until `stop`.
    fn each_record(
        &self,
        mut from: Offset,
        upto: Offset,
        matters: impl Fn(Timestamp) -> bool,
        mut stop: impl FnMut((Offset, Timestamp)) -> bool,
    ) -> Result<(), ReadError> {
        let mut scratch = Scratch::default();
        let start = from;
        loop {
            let request = ReadRequest { from, upto, bytes_max: LOOK_BYTES, tail_only: false };
            let ReadOutcome::Slice(slice) = self.read(request)? else { return Ok(()) };
            if slice.chunks.is_empty() {
                return Ok(());
            }
            let bytes = slice.chunks.concat();
            let mut rest = &bytes[..];
            while let Ok(batch) = BatchView::parse(rest) {
                rest = &rest[batch.bytes().len()..];
                if !matters(batch.header().max_timestamp) || batch.header().is_control() {
                    continue;
                }
                let wrong = |error: ottla_record::BatchError| ReadError::Damaged {
                    stream: self.id,
                    offset: batch.header().base_offset,
                    what: error.to_string(),
                };
                for record in batch.records(&mut scratch, DECOMPRESSED_BYTES_MAX).map_err(wrong)? {
                    let RecordView { offset, timestamp, .. } = record.map_err(wrong)?;
                    if offset >= start && stop((offset, timestamp)) {
                        return Ok(());
                    }
                }
            }
            from = slice.next;
        }
    }
}
