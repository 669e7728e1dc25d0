//! What a replica wants done, as data. Every answer states the condition under which it may leave.

use ottla_model::{Acks, Durability, Offset, Timestamp};

use crate::error::AppendError;
use crate::offsets::Offsets;

/// A producer that waits for its acknowledgement. One for each batch; never given twice by a replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// The answer comes as [`Effect::Reply`] or [`Effect::Refuse`] with this ticket.
    Waiting(Ticket),
    /// Nothing has to be waited for.
    Answered(Produced),
}

/// A batch was appended, and is as safe as `acks` and `durability` say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Produced {
    /// The offset of the batch's first record.
    pub base_offset: Offset,
    /// The leader's clock when it appended, on topics that ask for it.
    pub log_append_time: Option<Timestamp>,
    /// The first offset that the partition keeps.
    pub log_start: Offset,
    /// Who has it. `None`: nobody was waited for, so that `durability` is only what it is to become.
    pub acks: Acks,
    /// What the bytes survive on those who have it.
    pub durability: Durability,
    /// Whether this very batch was here before; then the offset is the original's.
    pub duplicate: bool,
}

/// What the driver does next, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Answer a producer. MUST NOT leave before `when` holds.
    Reply {
        /// Who waits.
        ticket: Ticket,
        /// The answer.
        produced: Produced,
        /// What it rests on.
        when: Condition,
    },
    /// Tell a producer that its batch was appended, and that its fate is not known.
    Refuse {
        /// Who waits.
        ticket: Ticket,
        /// Why.
        error: AppendError,
    },
    /// Wake every parked fetch: there is something new below `end`. Once per watermark advance.
    WakeFetches {
        /// The high watermark.
        end: Offset,
    },
}

/// What must hold before an effect may be seen outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The high watermark is here or further.
    Committed(Offset),
    /// The leader's own bytes count up to here.
    Counted(Offset),
    /// The high watermark is here or further, and the leader's own bytes are flushed up to here.
    CommittedAndFlushed(Offset),
    /// The leader's own bytes are flushed up to here.
    Flushed(Offset),
}

impl Condition {
    /// Whether it holds now.
    pub fn holds(self, offsets: &Offsets) -> bool {
        match self {
            Self::Committed(end) => offsets.high_watermark >= end,
            Self::Counted(end) => offsets.counted_end >= end,
            Self::CommittedAndFlushed(end) => {
                offsets.high_watermark >= end && offsets.flushed_end >= end
            }
            Self::Flushed(end) => offsets.flushed_end >= end,
        }
    }
}
