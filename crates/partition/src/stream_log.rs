//! The real log, lent to a replica.

use std::sync::Arc;

use ottla_log::producers::{ProducerBatch, Verdict};
use ottla_log::{Stream, StreamError, StreamOffsets};
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_record::StampedBatch;

use crate::log::ReplicaLog;

impl ReplicaLog for Arc<Stream> {
    fn offsets(&self) -> StreamOffsets {
        Stream::offsets(self)
    }

    fn check_producer(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict {
        Stream::check_producer(self, batch, now)
    }

    fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, StreamError> {
        Stream::append(self, batch, now)
    }

    fn flush(&self) {
        Stream::flush(self);
    }

    fn move_start(&self, to: Offset) -> Result<Offset, StreamError> {
        Stream::move_start(self, to)
    }

    fn truncate(&self, to: Offset) -> Result<Offset, StreamError> {
        Stream::truncate(self, to)
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        Stream::latest_epoch(self)
    }

    fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        Stream::end_offset_for(self, epoch)
    }
}
