//! Errors on the wire: what went wrong, whether it happened all the same, and what to do about it.
//!
//! [`RichError`] is one error in our words. It travels as [`v1::Error`] inside streams, and as the
//! details of a [`tonic::Status`] at the end of a failed call; both ways lead back to the same struct.
//! A status without our details (a proxy's, the transport's own) becomes one too, with the most
//! careful answers that its code allows.

mod status;
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ottla_model::{Answers, BrokerId, Fault, LeaderEpoch, Outcome, Retry};
use tonic::Code;

use crate::v1;

/// The domain of every reason, as `google.rpc.ErrorInfo` wants one.
pub const DOMAIN: &str = "ottla";

/// An error as it crosses the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RichError {
    /// What it is, for programs: a stable word such as `UNKNOWN_TOPIC`.
    pub reason: String,
    /// The status code that fits it.
    pub code: Code,
    /// What it is, for people: one sentence.
    pub message: String,
    /// Did it happen?
    pub outcome: Outcome,
    /// May I retry?
    pub retry: Retry,
    /// Whose fault is it?
    pub fault: Fault,
    /// What to do about it, for people. May be empty.
    pub advice: String,
    /// How long to wait before a retry, when the server says.
    pub retry_after: Option<Duration>,
    /// The facts, by stable keys such as [`key::NEAREST_TOPIC`].
    pub metadata: BTreeMap<String, String>,
    /// Who leads the partition instead, when the server knows.
    pub leader: Option<LeaderHint>,
    /// The fields of the request that cannot be as they are.
    pub violations: Vec<Violation>,
}

/// The leader of a partition, as far as the answering broker knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaderHint {
    /// The broker.
    pub broker: BrokerId,
    /// Its gRPC address, `host:port`.
    pub address: String,
    /// The epoch of its leadership.
    pub epoch: LeaderEpoch,
}

/// A field of a request that cannot be as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The path of the field, such as `config.retention.ms`.
    pub field: String,
    /// Why it cannot be so.
    pub description: String,
}

/// Stable keys of [`RichError::metadata`].
pub mod key {
    /// The topic that was asked for.
    pub const TOPIC: &str = "topic";
    /// The partition that was asked for.
    pub const PARTITION: &str = "partition";
    /// The nearest name there is to an unknown topic's.
    pub const NEAREST_TOPIC: &str = "nearest_topic";
    /// How many partitions the topic has.
    pub const PARTITIONS: &str = "partitions";
    /// What was too much.
    pub const SIZE: &str = "size";
    /// What would not have been.
    pub const LIMIT: &str = "limit";
    /// The offset that was asked for.
    pub const OFFSET: &str = "offset";
    /// Where the partition begins.
    pub const LOG_START: &str = "log_start";
    /// Where what may be seen ends.
    pub const HIGH_WATERMARK: &str = "high_watermark";
    /// The sequence that comes next.
    pub const EXPECTED_SEQUENCE: &str = "expected_sequence";
    /// The producer epoch that may write.
    pub const CURRENT_EPOCH: &str = "current_epoch";
    /// Partitions of a publish whose records were stored.
    pub const STORED_PARTITIONS: &str = "stored_partitions";
    /// Partitions of a publish whose records were not, or perhaps not.
    pub const FAILED_PARTITIONS: &str = "failed_partitions";
}

impl RichError {
    /// An error that the caller has to mend: it did not happen, and will fail the same way again.
    pub fn refused(reason: &str, code: Code, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            code,
            message: message.into(),
            outcome: Outcome::DidNotHappen,
            retry: Retry::Never,
            fault: Fault::Caller,
            advice: String::new(),
            retry_after: None,
            metadata: BTreeMap::new(),
            leader: None,
            violations: Vec::new(),
        }
    }

    /// An argument that cannot be as it is.
    pub fn bad_field(field: &str, why: impl Into<String>) -> Self {
        let description = why.into();
        let mut error =
            Self::refused("INVALID_ARGUMENT", Code::InvalidArgument, description.clone());
        error.violations.push(Violation { field: field.to_owned(), description });
        error
    }

    /// The same error with the answers of `source`.
    pub fn answering(mut self, source: &impl Answers) -> Self {
        self.outcome = source.outcome();
        self.retry = source.retry();
        self.fault = source.fault();
        self
    }

    /// The same error with these three answers.
    pub fn with_answers(mut self, outcome: Outcome, retry: Retry, fault: Fault) -> Self {
        self.outcome = outcome;
        self.retry = retry;
        self.fault = fault;
        self
    }

    /// The same error with advice.
    pub fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// The same error with one fact more.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// The same error with a pause before the next try.
    pub fn after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// The nearest name there is to the unknown topic that was asked for.
    pub fn nearest_topic(&self) -> Option<&str> {
        self.metadata.get(key::NEAREST_TOPIC).map(String::as_str)
    }
}

impl Answers for RichError {
    fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn retry(&self) -> Retry {
        self.retry
    }

    fn fault(&self) -> Fault {
        self.fault
    }
}

impl fmt::Display for RichError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.advice.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.advice),
        }
    }
}

impl std::error::Error for RichError {}

impl From<RichError> for v1::Error {
    fn from(error: RichError) -> Self {
        Self {
            reason: error.reason,
            code: error.code as u32,
            message: error.message,
            outcome: v1::Outcome::from(error.outcome) as i32,
            retry: v1::Retry::from(error.retry) as i32,
            fault: v1::Fault::from(error.fault) as i32,
            advice: error.advice,
            retry_after_ms: error.retry_after.map_or(0, whole_millis),
            metadata: error.metadata,
            leader: error.leader.map(Into::into),
            violations: error.violations.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Box<RichError>> for v1::Error {
    fn from(error: Box<RichError>) -> Self {
        Self::from(*error)
    }
}

/// Rounded up, so that a short pause does not become none.
fn whole_millis(pause: Duration) -> u32 {
    u32::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

impl From<v1::Error> for RichError {
    fn from(error: v1::Error) -> Self {
        let millis = u64::from(error.retry_after_ms);
        Self {
            code: Code::from_i32(i32::try_from(error.code).unwrap_or(Code::Unknown as i32)),
            outcome: error.outcome().into(),
            retry: error.retry().into(),
            fault: error.fault().into(),
            reason: error.reason,
            message: error.message,
            advice: error.advice,
            retry_after: (millis > 0).then(|| Duration::from_millis(millis)),
            metadata: error.metadata,
            leader: error.leader.map(Into::into),
            violations: error.violations.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<LeaderHint> for v1::LeaderHint {
    fn from(hint: LeaderHint) -> Self {
        let LeaderHint { broker, address, epoch } = hint;
        Self { broker_id: broker.0, address, leader_epoch: epoch.0 }
    }
}

impl From<v1::LeaderHint> for LeaderHint {
    fn from(hint: v1::LeaderHint) -> Self {
        let v1::LeaderHint { broker_id, address, leader_epoch } = hint;
        Self { broker: BrokerId(broker_id), address, epoch: LeaderEpoch(leader_epoch) }
    }
}

impl From<Violation> for v1::FieldViolation {
    fn from(violation: Violation) -> Self {
        let Violation { field, description } = violation;
        Self { field, description }
    }
}

impl From<v1::FieldViolation> for Violation {
    fn from(violation: v1::FieldViolation) -> Self {
        let v1::FieldViolation { field, description } = violation;
        Self { field, description }
    }
}
