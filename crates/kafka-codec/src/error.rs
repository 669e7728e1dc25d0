//! What can be wrong with bytes that claim to be Kafka's protocol.

use ottla_model::{Answers, Fault, Outcome, Retry};

/// Bytes that are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes end within a field.
    #[error("the message ends where {need} more bytes are needed")]
    Truncated {
        /// How many more the field takes.
        need: usize,
    },
    /// A length that no field may have.
    #[error("a field says that it is {length} long")]
    Length {
        /// What it says.
        length: i64,
    },
    /// Null where the version knows none.
    #[error("a field is null that may not be in version {version}")]
    Null {
        /// The version.
        version: i16,
    },
    /// A number in more bytes than any number has.
    #[error("a number of variable length does not end")]
    Varint,
    /// What it would become in memory is out of proportion to what was sent.
    #[error("the message would take {need} bytes of memory more than its size allows")]
    Budget {
        /// How far it is over.
        need: usize,
    },
    /// More elements in its lists than one message may have.
    #[error("the message lists more than {max} things; ask for fewer at a time")]
    Elements {
        /// How many it may list.
        max: usize,
    },
    /// A version that this message does not have.
    #[error("there is no version {version} of this message")]
    Version {
        /// What was asked for.
        version: i16,
    },
}

impl Answers for CodecError {
    fn outcome(&self) -> Outcome {
        Outcome::DidNotHappen
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn fault(&self) -> Fault {
        Fault::Caller
    }
}
