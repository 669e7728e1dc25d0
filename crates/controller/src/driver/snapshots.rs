//! When the log is worth a snapshot.
//!
//! A snapshot is due once the records after the newest one outnumber it several times over, so that
//! writing snapshots stays a small part of all writing, and a start never reads much more than it
//! needs.

use ottla_metadata::MetadataRecord;
use ottla_metadata::record::SnapshotRecord;
use ottla_model::Offset;

/// How many times the snapshot's own size the log grows before the next.
const GROWTH: i64 = 4;

/// Where the newest snapshot lies, and whether one is under way.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    start: Offset,
    end: Offset,
    is_under_way: bool,
}

impl Snapshots {
    /// A record was found in the log at its load.
    pub(super) fn loaded(&mut self, offset: Offset, record: &MetadataRecord) {
        if let MetadataRecord::Snapshot(SnapshotRecord { records }) = record {
            self.start = offset;
            self.end = offset.plus(1).plus(i64::try_from(*records).unwrap_or(0));
        }
    }

    /// Whether the log that ends here is worth another.
    pub(super) fn is_due(&self, log_end: Offset, records_min: u64) -> bool {
        let size = self.end.since(self.start);
        let grown = log_end.since(self.end);
        let worth_it =
            GROWTH.saturating_mul(size).max(i64::try_from(records_min).unwrap_or(i64::MAX));
        !self.is_under_way && grown >= worth_it
    }

    /// One was written, and is not committed yet.
    pub(super) fn written(&mut self, start: Offset, end: Offset) {
        *self = Self { start, end, is_under_way: true };
    }

    /// It is committed.
    pub(super) fn committed(&mut self) {
        self.is_under_way = false;
    }

    /// It was not taken: the next try waits for as much growth again.
    pub(super) fn refused(&mut self, log_end: Offset) {
        self.end = self.end.max(log_end);
    }
}
