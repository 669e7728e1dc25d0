//! What goes into the machine and what comes out of it, as data.

use std::time::Duration;

use ottla_client::ServerError;
use ottla_model::{
    Acks, Backoff, BrokerId, Durability, Offset, Outcome, ProducerEpoch, ProducerId, Retry,
    Sequence, Timestamp,
};

use crate::error::ProducerError;

/// One partition of one topic, by its index in the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LineId(pub(crate) u32);

/// One topic, by its index in the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TopicKey(pub(crate) u32);

/// One batch. Later batches have larger ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct BatchId(pub(crate) u64);

/// One connection. Never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// One request on a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Correlation(pub(crate) u64);

/// How a batch is numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub(crate) producer: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) sequence: Sequence,
}

impl Stamp {
    /// What a batch carries whose producer is not idempotent.
    pub(crate) const NONE: Self =
        Self { producer: ProducerId::NONE, epoch: ProducerEpoch::NONE, sequence: Sequence::NONE };
}

/// A batch that was handed over for sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NewBatch {
    pub(crate) id: BatchId,
    /// How many records it has, and so how many numbers it takes.
    pub(crate) records: i32,
    /// Its encoded size.
    pub(crate) bytes: u64,
    /// When its first record came.
    pub(crate) born: ottla_model::Moment,
}

/// A batch is in its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ack {
    pub(crate) base_offset: Offset,
    pub(crate) log_append_time: Option<Timestamp>,
    pub(crate) acks: Acks,
    pub(crate) durability: Durability,
    pub(crate) duplicate: bool,
}

/// What a broker answered to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Acknowledged(Ack),
    Refused(Box<ServerError>),
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// The broker drained it: what it did not answer did not happen.
    Drained,
    /// Otherwise: what it did not answer may have happened.
    Broken(String),
}

/// What the shell does next, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Hand over what the line has gathered, and then say so with `handle_taken`.
    Take(LineId),
    /// Send a batch. MUST go out on this connection in the order of the effects.
    Send {
        connection: ConnectionId,
        correlation: Correlation,
        line: LineId,
        batch: BatchId,
        stamp: Stamp,
    },
    /// Tell what became of a batch, and forget it.
    Settle { line: LineId, batch: BatchId, result: Result<Ack, ProducerError> },
    /// Connect to a broker, and answer with `handle_connected` or `handle_connect_failed`.
    Connect(BrokerId),
    /// Give up a connection that does not answer. No `handle_disconnected` follows.
    Abandon(ConnectionId),
    /// Ask who leads the partitions of a topic.
    AskRoutes(TopicKey),
    /// Ask for a producer id.
    AskProducerId,
}

/// What a refusal means for the batch and for those behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It will never be taken as it is.
    Final,
    /// It may be taken later.
    Later,
    /// Another broker may take it.
    Refresh,
    /// It may be in the log: only sending the very same again can tell.
    Unclear,
    /// The batch before it is not in the log. Not in the log either.
    Gap,
    /// Its producer id and epoch are no longer allowed to write.
    Fenced,
}

/// Sorts a refusal by what it asks of us.
pub(crate) fn classify(error: &ServerError) -> Refusal {
    match (error.code.as_str(), error.outcome, error.retry) {
        ("OUT_OF_ORDER_SEQUENCE", Outcome::DidNotHappen, _) => Refusal::Gap,
        ("PRODUCER_FENCED", Outcome::DidNotHappen, _) => Refusal::Fenced,
        (_, Outcome::Happened, _) | (_, _, Retry::Never) => Refusal::Final,
        (_, Outcome::Unknown, Retry::Later | Retry::AfterRefresh | Retry::SameSequence)
        | (_, Outcome::DidNotHappen, Retry::SameSequence) => Refusal::Unclear,
        (_, Outcome::DidNotHappen, Retry::Later) => Refusal::Later,
        (_, Outcome::DidNotHappen, Retry::AfterRefresh) => Refusal::Refresh,
    }
}

/// What the machine may choose.
#[derive(Clone, Debug)]
pub(crate) struct MachineSettings {
    pub(crate) in_flight_max: usize,
    pub(crate) linger: Duration,
    pub(crate) delivery_timeout: Duration,
    /// Longest silence of a connection that owes answers.
    pub(crate) request_timeout: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) idempotent: bool,
}
