//! A log that is only its headers: what a replica needs of one, with crashes.

use std::cell::RefCell;

use ottla_log::epochs::EpochCache;
use ottla_log::producers::{ProducerBatch, ProducerLimits, ProducerTable, Verdict};
use ottla_log::{Offline, StreamError, StreamOffsets};
use ottla_model::{Durability, LeaderEpoch, Offset, StreamId, Timestamp};
use ottla_partition::ReplicaLog;
use ottla_record::{BatchHeader, StampedBatch};

/// The log of one partition.
pub(crate) struct FakeLog(RefCell<Inner>);

struct Inner {
    durability: Durability,
    /// Also those before the start: what is known of their producers stays known.
    batches: Vec<BatchHeader>,
    start: Offset,
    durable: Offset,
    producers: ProducerTable,
    epochs: EpochCache,
    stopped: bool,
    calls: Vec<String>,
}

impl FakeLog {
    pub(crate) fn new(durability: Durability) -> Self {
        Self(RefCell::new(Inner {
            durability,
            batches: Vec::new(),
            start: Offset::ZERO,
            durable: Offset::ZERO,
            producers: ProducerTable::new(ProducerLimits::default()),
            epochs: EpochCache::default(),
            stopped: false,
            calls: Vec::new(),
        }))
    }

    /// What was asked of the log since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }

    pub(crate) fn set_durability(&self, durability: Durability) {
        self.0.borrow_mut().durability = durability;
    }

    /// The disk has everything below.
    pub(crate) fn flush(&self, end: Offset) {
        let mut inner = self.0.borrow_mut();
        inner.durable = inner.durable.max(end.min(inner.end()));
    }

    pub(crate) fn stop(&self) {
        self.0.borrow_mut().stopped = true;
    }

    /// The machine dies: whole batches beyond what is durable are gone, and what is known of producers
    /// and epochs is made again from those that are left.
    pub(crate) fn crash(&self) {
        let mut inner = self.0.borrow_mut();
        let durable = match inner.durability {
            Durability::Fsync => inner.durable,
            Durability::Relaxed => inner.end(),
        };
        inner.cut(durable);
        inner.stopped = false;
    }

    pub(crate) fn batches(&self) -> Vec<BatchHeader> {
        self.0.borrow().batches.clone()
    }
}

impl Inner {
    fn end(&self) -> Offset {
        self.batches.last().map_or(Offset::ZERO, BatchHeader::next_offset)
    }

    fn cut(&mut self, to: Offset) {
        while self.batches.pop_if(|batch| batch.next_offset() > to).is_some() {}
        self.durable = self.durable.min(self.end());
        self.producers = ProducerTable::new(ProducerLimits::default());
        self.epochs = EpochCache::default();
        for batch in &self.batches {
            self.producers.record(&ProducerBatch::from(batch), batch.max_timestamp);
            self.epochs.assign(batch.leader_epoch, batch.base_offset).expect("epochs rise");
        }
        self.epochs.move_start(self.start);
    }

    fn check(&self) -> Result<(), StreamError> {
        match self.stopped {
            true => Err(StreamError::Offline(Offline { why: "the disk is gone".to_owned() })),
            false => Ok(()),
        }
    }
}

impl ReplicaLog for FakeLog {
    fn offsets(&self) -> StreamOffsets {
        let inner = self.0.borrow();
        let (log_end, flushed_end) = (inner.end(), inner.durable);
        let durable_end = match inner.durability {
            Durability::Fsync => flushed_end,
            Durability::Relaxed => log_end,
        };
        StreamOffsets {
            log_start: inner.start,
            durable_start: inner.start,
            log_end,
            durable_end,
            flushed_end,
        }
    }

    fn check_producer(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict {
        self.0.borrow().producers.check(batch, now)
    }

    fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, StreamError> {
        let mut inner = self.0.borrow_mut();
        inner.check()?;
        let header = *batch.header();
        let (expected, got) = (inner.end(), header.base_offset);
        if expected != got {
            let stream = StreamId::METADATA;
            return Err(StreamError::OffsetMismatch { stream, expected, got });
        }
        inner.epochs.assign(header.leader_epoch, got).expect("a leader's epochs rise");
        inner.producers.record(&ProducerBatch::from(&header), now);
        inner.batches.push(header);
        let end = header.next_offset();
        inner.calls.push(format!("append {got}..{end} epoch={}", header.leader_epoch));
        Ok(end)
    }

    fn flush(&self) {
        self.0.borrow_mut().calls.push("flush".to_owned());
    }

    fn move_start(&self, to: Offset) -> Result<Offset, StreamError> {
        let mut inner = self.0.borrow_mut();
        inner.check()?;
        inner.calls.push(format!("move start to {to}"));
        inner.start = inner.start.max(to);
        let start = inner.start;
        inner.epochs.move_start(start);
        inner.durable = inner.durable.max(start);
        Ok(start)
    }

    fn truncate(&self, to: Offset) -> Result<Offset, StreamError> {
        let mut inner = self.0.borrow_mut();
        inner.check()?;
        inner.calls.push(format!("truncate to {to}"));
        inner.cut(to);
        Ok(inner.end())
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.0.borrow().epochs.latest().map(|latest| latest.epoch)
    }

    fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let inner = self.0.borrow();
        inner.epochs.end_offset_for(epoch, inner.end())
    }
}
