//! The leader: gives offsets, and knows who waits for which of them.
//!
//! Invariants:
//! - I1, I3 A batch that is here already is not appended again; its producer gets the original's
//!   offset, and only once the original itself is acknowledged at the level that was asked for.
//! - I4, I6 A gap or an old epoch is refused before anything is written.
//! - R8 The high watermark is the lowest counted end over the in-sync set, while that is large
//!   enough. The set is the leader alone until replication puts the followers' ends beside its own.

use ottla_log::StreamError;
use ottla_log::producers::{ProducerBatch, Refusal, Verdict};
use ottla_model::{Acks, LeaderEpoch, Moment, Offset, ProducerId, Timestamp};
use ottla_record::{BatchHeader, CheckedBatch, TimestampType};

use crate::acks::{AckQueue, Waiter};
use crate::config::ReplicaConfig;
use crate::effect::{Condition, Ticket};
use crate::error::AppendError;
use crate::invariants::committed_end;
use crate::log::ReplicaLog;
use crate::offsets::Offsets;

/// The replica as leader of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Leader {
    pub(crate) epoch: LeaderEpoch,
    /// Waiting for the high watermark.
    all: AckQueue,
    /// Waiting for the leader's own bytes to count.
    own: AckQueue,
    /// The same two, who wait for a flush as well, on a relaxed topic.
    all_flushed: AckQueue,
    own_flushed: AckQueue,
}

/// Where a batch is in the log: freshly appended, or since long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Placed {
    pub(crate) base_offset: Offset,
    /// The offset after its last record.
    pub(crate) end: Offset,
    pub(crate) log_append_time: Option<Timestamp>,
    pub(crate) duplicate: bool,
}

/// How many replicas are in sync: the leader itself.
const IN_SYNC: u32 = 1;

impl Leader {
    pub(crate) fn of(epoch: LeaderEpoch) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Appends the batch, unless it is here already or must not be.
    pub(crate) fn place(
        &self,
        config: &ReplicaConfig,
        log: &impl ReplicaLog,
        log_end: Offset,
        batch: CheckedBatch,
        acks: Acks,
        now: Timestamp,
    ) -> Result<Placed, AppendError> {
        check_in_sync(config, acks)?;
        if batch.header().is_idempotent()
            && let Some(original) = check_producer(config, log, batch.header(), now)?
        {
            return Ok(original);
        }
        self.append(config, log, log_end, batch, now).map_err(AppendError::Log)
    }

    fn append(
        &self,
        config: &ReplicaConfig,
        log: &impl ReplicaLog,
        base_offset: Offset,
        batch: CheckedBatch,
        now: Timestamp,
    ) -> Result<Placed, StreamError> {
        let log_append_time = match config.timestamp_type {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(now),
        };
        let stamped = batch.stamp(base_offset, self.epoch, log_append_time);
        let end = stamped.header().next_offset();
        let log_end = log.append(stamped, now)?;
        assert_eq!(log_end, end, "a batch ends the log that it was appended to");
        Ok(Placed { base_offset, end, log_append_time, duplicate: false })
    }

    /// What must be reached before the producer of this batch is answered; none for `acks=none`.
    pub(crate) fn condition(placed: &Placed, acks: Acks, flushed: bool) -> Option<Condition> {
        match (acks, flushed) {
            (Acks::All, false) => Some(Condition::Committed(placed.end)),
            (Acks::All, true) => Some(Condition::CommittedAndFlushed(placed.end)),
            (Acks::Leader, false) => Some(Condition::Counted(placed.end)),
            (Acks::Leader, true) => Some(Condition::Flushed(placed.end)),
            (Acks::None, _) => None,
        }
    }

    pub(crate) fn wait(
        &mut self,
        ticket: Ticket,
        placed: Placed,
        acks: Acks,
        flushed: bool,
        deadline: Moment,
    ) {
        let Placed { base_offset, end, log_append_time, duplicate } = placed;
        let waiter = Waiter {
            ticket,
            end,
            base_offset,
            log_append_time,
            acks,
            flushed,
            duplicate,
            deadline,
        };
        match (acks, flushed) {
            (Acks::All, false) => self.all.insert(waiter),
            (Acks::All, true) => self.all_flushed.insert(waiter),
            (Acks::Leader, false) => self.own.insert(waiter),
            (Acks::Leader, true) => self.own_flushed.insert(waiter),
            (Acks::None, _) => unreachable!("acks=none waits for nothing"),
        }
    }

    /// Whether anybody waits for a flush.
    pub(crate) fn waits_for_flush(&self) -> bool {
        self.all_flushed.len() + self.own_flushed.len() > 0
    }

    /// Where the high watermark may be (R8).
    pub(crate) fn committed_end(
        &self,
        config: &ReplicaConfig,
        offsets: &Offsets,
    ) -> Option<Offset> {
        committed_end(&[offsets.counted_end], config.min_insync)
    }

    /// The next waiter whose condition holds, with that condition: in the order of the log, so that a
    /// producer that mixes acks is answered in order as well.
    pub(crate) fn pop_reached(&mut self, offsets: &Offsets) -> Option<(Waiter, Condition)> {
        let Offsets { counted_end, flushed_end, high_watermark, .. } = *offsets;
        let ends = [counted_end, high_watermark, flushed_end, flushed_end.min(high_watermark)];
        let queues = self.queues().into_iter().zip(ends);
        let first = queues
            .enumerate()
            .filter_map(|(at, (queue, end))| queue.next_reached(end).map(|place| (place, at)));
        let (_, at) = first.min()?;
        let waiter = self.queues_mut()[at].pop()?;
        let when = match (waiter.acks, waiter.flushed) {
            (Acks::All, false) => Condition::Committed(waiter.end),
            (Acks::All, true) => Condition::CommittedAndFlushed(waiter.end),
            (_, false) => Condition::Counted(waiter.end),
            (_, true) => Condition::Flushed(waiter.end),
        };
        Some((waiter, when))
    }

    fn queues(&self) -> [&AckQueue; 4] {
        [&self.own, &self.all, &self.own_flushed, &self.all_flushed]
    }

    fn queues_mut(&mut self) -> [&mut AckQueue; 4] {
        [&mut self.own, &mut self.all, &mut self.own_flushed, &mut self.all_flushed]
    }

    pub(crate) fn take_expired(&mut self, now: Moment) -> Vec<Waiter> {
        in_order(self.queues_mut().map(|queue| queue.take_expired(now)))
    }

    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        in_order(self.queues_mut().map(AckQueue::take_all))
    }

    pub(crate) fn earliest_deadline(&self) -> Option<Moment> {
        self.queues().into_iter().filter_map(AckQueue::earliest_deadline).min()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queues().into_iter().map(AckQueue::len).sum()
    }
}

fn in_order(queues: [Vec<Waiter>; 4]) -> Vec<Waiter> {
    let mut all = queues.concat();
    all.sort_by_key(|waiter| waiter.ticket);
    all
}

fn check_in_sync(config: &ReplicaConfig, acks: Acks) -> Result<(), AppendError> {
    if acks == Acks::All && IN_SYNC < config.min_insync {
        let wanted = config.min_insync;
        return Err(AppendError::NotEnoughReplicas { in_sync: IN_SYNC, wanted });
    }
    Ok(())
}

/// Where the batch is already, if it is; none when it comes next.
fn check_producer(
    config: &ReplicaConfig,
    log: &impl ReplicaLog,
    header: &BatchHeader,
    now: Timestamp,
) -> Result<Option<Placed>, AppendError> {
    match log.check_producer(&ProducerBatch::from(header), now) {
        Verdict::Append => Ok(None),
        Verdict::Duplicate { base_offset, last_offset, timestamp } => Ok(Some(Placed {
            base_offset,
            end: last_offset.plus(1),
            log_append_time: (config.timestamp_type == TimestampType::LogAppendTime)
                .then_some(timestamp),
            duplicate: true,
        })),
        Verdict::Refused(refusal) => Err(refused(header.producer_id, refusal)),
    }
}

fn refused(producer: ProducerId, refusal: Refusal) -> AppendError {
    match refusal {
        Refusal::OutOfOrder { expected, got } => {
            AppendError::OutOfOrder { producer, expected, got }
        }
        Refusal::Forgotten { expected: _, got } => {
            AppendError::DuplicateForgotten { producer, sequence: got }
        }
        Refusal::Fenced { current, got } => AppendError::Fenced { producer, current, got },
        Refusal::Unnumbered { producer } => AppendError::Unnumbered { producer },
    }
}
