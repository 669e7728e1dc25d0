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
    pub(crate) fn condition(placed: &Placed, acks: Acks) -> Option<Condition> {
        match acks {
            Acks::All => Some(Condition::Committed(placed.end)),
            Acks::Leader => Some(Condition::Counted(placed.end)),
            Acks::None => None,
        }
    }

    pub(crate) fn wait(&mut self, ticket: Ticket, placed: Placed, acks: Acks, deadline: Moment) {
        let Placed { base_offset, end, log_append_time, duplicate } = placed;
        let waiter =
            Waiter { ticket, end, base_offset, log_append_time, acks, duplicate, deadline };
        match acks {
            Acks::All => self.all.insert(waiter),
            Acks::Leader => self.own.insert(waiter),
            Acks::None => unreachable!("acks=none waits for nothing"),
        }
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
        let own = self.own.next_reached(offsets.counted_end);
        let all = self.all.next_reached(offsets.high_watermark);
        if own.is_some() && (all.is_none() || own < all) {
            self.own.pop().map(|waiter| (waiter, Condition::Counted(waiter.end)))
        } else {
            all.and_then(|_| self.all.pop())
                .map(|waiter| (waiter, Condition::Committed(waiter.end)))
        }
    }

    pub(crate) fn take_expired(&mut self, now: Moment) -> Vec<Waiter> {
        in_order(self.own.take_expired(now), self.all.take_expired(now))
    }

    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        in_order(self.own.take_all(), self.all.take_all())
    }

    pub(crate) fn earliest_deadline(&self) -> Option<Moment> {
        let queues = [&self.own, &self.all];
        queues.into_iter().filter_map(AckQueue::earliest_deadline).min()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.own.len() + self.all.len()
    }
}

fn in_order(mut some: Vec<Waiter>, others: Vec<Waiter>) -> Vec<Waiter> {
    some.extend(others);
    some.sort_by_key(|waiter| waiter.ticket);
    some
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
