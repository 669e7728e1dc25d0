//! Why a controller does not start.

use ottla_metadata::{RecordError, ReplayError};
use ottla_model::{ClusterId, Offset};

use crate::log::MetadataLogError;

/// Why a controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] MetadataLogError),
    /// A record of the log cannot be read by this release (C9).
    #[error("the metadata log cannot be read at offset {offset}: {source}")]
    Record {
        /// The record's offset.
        offset: Offset,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A record of the log contradicts the ones before it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The log belongs to another cluster than its directory.
    #[error(
        "the metadata log is that of cluster {found}, and the data directory that of {expected}; \
         give the broker a data directory of one cluster"
    )]
    ForeignCluster {
        /// The directory's cluster.
        expected: ClusterId,
        /// The log's.
        found: ClusterId,
    },
    /// The log has records, and does not say whose they are.
    #[error("the metadata log does not name its cluster; run `ottla doctor` on the data directory")]
    NoCluster,
    /// The log is empty, and the directory is not: to start would be to drop its topics as unknown.
    #[error(
        "the data directory holds {streams} partitions, and its metadata log is empty; restore the \
         log, or start with an empty directory"
    )]
    LogLost {
        /// How many partitions there are.
        streams: usize,
    },
}
