//! How a client says no: whether it happened, whether to try again, and who has to act.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_model::{Answers, Fault, Outcome, Retry, TopicNameError};

/// What the cluster answered instead of doing what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}{}", advice_of(advice))]
pub struct ServerError {
    /// The stable name of the reason, such as `UNKNOWN_TOPIC`.
    pub code: String,
    /// The reason, for people.
    pub message: String,
    /// Whether what was asked for took effect.
    pub outcome: Outcome,
    /// Whether asking again can help.
    pub retry: Retry,
    /// Who has to act.
    pub fault: Fault,
    /// What to do about it, for people; may be empty.
    pub advice: String,
    /// How long to wait before trying again, when the cluster says.
    pub retry_after: Option<Duration>,
    /// Details by name, such as the limit that was passed or the nearest topic name.
    pub metadata: BTreeMap<String, String>,
}

fn advice_of(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!("; {advice}") }
}

/// Why a client could not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientError {
    /// An address cannot be used as written.
    #[error(
        "`{address}` is no address of a broker ({why}); write host:port, such as localhost:9095"
    )]
    Address {
        /// What was written.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A text cannot name a topic.
    #[error(transparent)]
    TopicName(#[from] TopicNameError),
    /// A request or setting contradicts itself.
    #[error("{0}")]
    Invalid(String),
    /// No broker could be reached.
    #[error("no broker answers at {addresses} ({why}); is one running there?")]
    Unreachable {
        /// Where it was tried.
        addresses: String,
        /// What the last attempt failed of.
        why: String,
    },
    /// The connection ended before the answer came.
    #[error("the connection to {address} was lost ({why})")]
    ConnectionLost {
        /// The broker's address.
        address: String,
        /// How it ended.
        why: String,
    },
    /// The broker did not answer in time.
    #[error("the broker at {address} gave no answer in {waited:?}")]
    NoAnswer {
        /// The broker's address.
        address: String,
        /// How long it had.
        waited: Duration,
    },
    /// The cluster refused.
    #[error(transparent)]
    Refused(Box<ServerError>),
    /// The answer makes no sense to this client.
    #[error("the broker at {address} sent an answer that this client cannot read ({what})")]
    Protocol {
        /// The broker's address.
        address: String,
        /// What was wrong with it.
        what: String,
    },
}

impl ClientError {
    /// The stable name of the reason that the cluster gave, if it was the cluster that refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => Some(&error.code),
            Self::Address { .. }
            | Self::TopicName(_)
            | Self::Invalid(_)
            | Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::NoAnswer { .. }
            | Self::Protocol { .. } => None,
        }
    }
}

impl Answers for ClientError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Address { .. }
            | Self::TopicName(_)
            | Self::Invalid(_)
            | Self::Unreachable { .. } => Outcome::DidNotHappen,
            Self::ConnectionLost { .. } | Self::NoAnswer { .. } | Self::Protocol { .. } => {
                Outcome::Unknown
            }
            Self::Refused(error) => error.outcome,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Address { .. }
            | Self::TopicName(_)
            | Self::Invalid(_)
            | Self::Protocol { .. } => Retry::Never,
            Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::NoAnswer { .. } => {
                Retry::Later
            }
            Self::Refused(error) => error.retry,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Address { .. } | Self::TopicName(_) | Self::Invalid(_) => Fault::Caller,
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Protocol { .. } => {
                Fault::Cluster
            }
            Self::ConnectionLost { .. } => Fault::Nobody,
            Self::Refused(error) => error.fault,
        }
    }
}
