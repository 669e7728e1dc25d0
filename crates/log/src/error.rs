//! What can go wrong at the rim of the log, and the three answers to each.

use ottla_model::{Answers, Fault, LeaderEpoch, Offset, Outcome, Retry, StreamId};

use crate::storage::StorageError;

/// Why a directory could not be opened. Nothing in it was changed, except that a new one may have
/// been begun.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk did not do what it was asked.
    #[error("cannot open the data directory: {0}")]
    Storage(#[from] StorageError),
    /// Another process holds the directory.
    #[error(
        "the data directory is in use{}; stop that process, or choose another --data-dir",
        holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default()
    )]
    Busy {
        /// Who says to hold it.
        holder: Option<String>,
    },
    /// The directory, or its journal, belongs to somebody else.
    #[error("{what}; {advice}")]
    Foreign {
        /// What does not fit.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// Something that everything else depends on cannot be read.
    #[error("{what}; nothing was changed: run `ottla doctor` on the directory")]
    Damaged {
        /// What is damaged, and how.
        what: String,
    },
}

/// Why the whole directory takes nothing any more. Reading may go on; only a restart, with recovery,
/// brings it back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the data directory is offline: {why}; look at the disk, then restart")]
pub struct Offline {
    /// What happened, in words.
    pub why: String,
}

/// Why a change to a stream was refused: an append, a truncation, a new start, a drop.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StreamError {
    /// The directory takes nothing any more.
    #[error(transparent)]
    Offline(#[from] Offline),
    /// The directory was closed.
    #[error("the data directory is closed")]
    Closed,
    /// There is such a stream already.
    #[error("stream {stream} exists already")]
    Exists {
        /// The stream.
        stream: StreamId,
    },
    /// The stream was dropped, or never was.
    #[error("stream {stream} is gone")]
    Gone {
        /// The stream.
        stream: StreamId,
    },
    /// The stream's log is damaged: it is readable up to the damage and takes nothing.
    #[error("stream {stream} is damaged: {what}")]
    Damaged {
        /// The stream.
        stream: StreamId,
        /// What was found.
        what: String,
    },
    /// A batch whose base offset is not the log's end.
    #[error("a batch at offset {got} cannot follow the end of {stream} at {expected}")]
    OffsetMismatch {
        /// The stream.
        stream: StreamId,
        /// The log's end.
        expected: Offset,
        /// The batch's base offset.
        got: Offset,
    },
    /// A batch of a reign that is over.
    #[error("a batch of epoch {got} cannot follow one of epoch {latest} in {stream}")]
    StaleEpoch {
        /// The stream.
        stream: StreamId,
        /// The epoch of the last batch.
        latest: LeaderEpoch,
        /// The batch's epoch.
        got: LeaderEpoch,
    },
    /// An offset outside the log.
    #[error("offset {offset} of {stream} is outside its log from {start} to {end}")]
    OutOfRange {
        /// The stream.
        stream: StreamId,
        /// What was asked for.
        offset: Offset,
        /// The log's first offset.
        start: Offset,
        /// The log's end.
        end: Offset,
    },
    /// The disk could not be read where the change needed it.
    #[error("cannot change stream {stream}: {why}")]
    Storage {
        /// The stream.
        stream: StreamId,
        /// What the disk said.
        why: String,
    },
}

/// Why a read gave nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is below the log's start or above its end.
    #[error("offset {offset} of {stream} is outside its log from {start} to {end}")]
    OutOfRange {
        /// The stream.
        stream: StreamId,
        /// What was asked for.
        offset: Offset,
        /// The log's first offset.
        start: Offset,
        /// The log's end.
        end: Offset,
    },
    /// The bytes there are not what was written. They are not served, and not cut.
    #[error("stream {stream} is damaged at offset {offset}: {what}; run `ottla doctor`")]
    Damaged {
        /// The stream.
        stream: StreamId,
        /// From which offset on.
        offset: Offset,
        /// What was found.
        what: String,
    },
    /// The stream was dropped.
    #[error("stream {stream} is gone")]
    Gone {
        /// The stream.
        stream: StreamId,
    },
    /// The disk could not be read.
    #[error("cannot read stream {stream}: {why}")]
    Storage {
        /// The stream.
        stream: StreamId,
        /// What the disk said.
        why: String,
    },
}

impl Answers for OpenError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Storage(_) | Self::Busy { .. } | Self::Foreign { .. } | Self::Damaged { .. } => {
                Outcome::DidNotHappen
            }
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Storage(error) => error.retry(),
            Self::Busy { .. } => Retry::Later,
            Self::Foreign { .. } | Self::Damaged { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Storage(error) => error.fault(),
            Self::Busy { .. } | Self::Foreign { .. } => Fault::Caller,
            Self::Damaged { .. } => Fault::Cluster,
        }
    }
}

impl Answers for Offline {
    /// What was refused did not happen; what was under way when it happened is another matter, and
    /// its acknowledgement never comes.
    fn outcome(&self) -> Outcome {
        Outcome::DidNotHappen
    }

    fn retry(&self) -> Retry {
        Retry::AfterRefresh
    }

    fn fault(&self) -> Fault {
        Fault::Cluster
    }
}

impl Answers for StreamError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Offline(_)
            | Self::Closed
            | Self::Exists { .. }
            | Self::Gone { .. }
            | Self::Damaged { .. }
            | Self::OffsetMismatch { .. }
            | Self::StaleEpoch { .. }
            | Self::OutOfRange { .. }
            | Self::Storage { .. } => Outcome::DidNotHappen,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Offline(offline) => offline.retry(),
            Self::Closed | Self::Gone { .. } => Retry::AfterRefresh,
            Self::Exists { .. }
            | Self::Damaged { .. }
            | Self::OffsetMismatch { .. }
            | Self::StaleEpoch { .. }
            | Self::OutOfRange { .. } => Retry::Never,
            Self::Storage { .. } => Retry::Later,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Exists { .. }
            | Self::OffsetMismatch { .. }
            | Self::StaleEpoch { .. }
            | Self::OutOfRange { .. } => Fault::Caller,
            Self::Closed | Self::Gone { .. } => Fault::Nobody,
            Self::Offline(_) | Self::Damaged { .. } | Self::Storage { .. } => Fault::Cluster,
        }
    }
}

impl Answers for ReadError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::OutOfRange { .. }
            | Self::Damaged { .. }
            | Self::Gone { .. }
            | Self::Storage { .. } => Outcome::DidNotHappen,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::OutOfRange { .. } | Self::Damaged { .. } => Retry::Never,
            Self::Gone { .. } => Retry::AfterRefresh,
            Self::Storage { .. } => Retry::Later,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::OutOfRange { .. } => Fault::Caller,
            Self::Gone { .. } => Fault::Nobody,
            Self::Damaged { .. } | Self::Storage { .. } => Fault::Cluster,
        }
    }
}
