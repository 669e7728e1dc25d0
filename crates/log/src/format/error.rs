//! What can be wrong with bytes that claim to be ours.

use ottla_model::{Answers, Fault, Outcome, Retry};

/// Bytes that are not what they should be. `what` names the thing that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// Fewer bytes than the thing takes.
    #[error("the {what} needs {need} more bytes where {have} are left")]
    Short {
        /// What was read.
        what: &'static str,
        /// How many bytes were asked for.
        need: u64,
        /// How many there are.
        have: u64,
    },
    /// Not the thing at all.
    #[error("this is no {what}: it does not begin with its mark")]
    Mark {
        /// What was read.
        what: &'static str,
    },
    /// A version that this program does not know.
    #[error(
        "the {what} has format version {found}, and this program reads up to {newest}; use the version of ottla that wrote it"
    )]
    Version {
        /// What was read.
        what: &'static str,
        /// The version found.
        found: u16,
        /// The newest version known.
        newest: u16,
    },
    /// The bytes changed since they were written, or were never wholly written.
    #[error("the {what} does not match its checksum: stored {stored:08x}, computed {computed:08x}")]
    Checksum {
        /// What was read.
        what: &'static str,
        /// The CRC-32C beside the bytes.
        stored: u32,
        /// The CRC-32C of the bytes.
        computed: u32,
    },
    /// The checksum holds and the content still cannot be.
    #[error("the {what} says something that cannot be: {why}")]
    Invalid {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Answers for FormatError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Short { .. }
            | Self::Mark { .. }
            | Self::Version { .. }
            | Self::Checksum { .. }
            | Self::Invalid { .. } => Outcome::DidNotHappen,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Short { .. }
            | Self::Mark { .. }
            | Self::Version { .. }
            | Self::Checksum { .. }
            | Self::Invalid { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Short { .. }
            | Self::Mark { .. }
            | Self::Version { .. }
            | Self::Checksum { .. }
            | Self::Invalid { .. } => Fault::Cluster,
        }
    }
}
