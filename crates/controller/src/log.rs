//! The metadata log, as the controller sees it: a narrow seam, so that one voter and a quorum are the
//! same to everything above.

mod local;
mod memory;

use ottla_metadata::MetadataRecord;
use ottla_model::{Offset, Timestamp};

pub use local::LocalMetadataLog;
pub use memory::MemoryMetadataLog;

use crate::error::StartError;

/// A log of entries, each of one or more records. Every record has an offset of its own.
///
/// ```text
///   0      1 2 3     4 5        offsets of records
/// [ a ]  [ b c d ] [ e f ]      entries
///                         ^ end
/// ```
///
/// An entry is *committed* when it can no longer be lost. The log does not say so itself: whoever
/// learns of it (today the broker's storage threads, later the quorum) tells
/// [`ControllerHandle::handle_durable`](crate::ControllerHandle::handle_durable).
pub trait MetadataLog: Send + 'static {
    /// Hands over every record that is committed, in order, with its offset, and answers the end.
    /// Called once, before anything else.
    ///
    /// # Errors
    /// When the log cannot be read, or `take` refuses a record.
    fn load(
        &mut self,
        take: &mut dyn FnMut(Offset, MetadataRecord) -> Result<(), StartError>,
    ) -> Result<Offset, StartError>;

    /// Appends one entry, and answers the end after it. MUST be atomic: after a crash all of its
    /// records are there, or none. MUST NOT wait for the entry to be committed.
    ///
    /// # Errors
    /// When the entry was not taken. Then nothing of it is kept, except after
    /// [`MetadataLogError::Stopped`].
    fn append(
        &mut self,
        records: &[MetadataRecord],
        now: Timestamp,
    ) -> Result<Offset, MetadataLogError>;

    /// Forgets the records below `start`, where a snapshot that is committed begins. SHOULD do so soon;
    /// a log that still has them later is correct as well.
    ///
    /// # Errors
    /// When the log cannot.
    fn forget_below(&mut self, start: Offset) -> Result<(), MetadataLogError>;
}

/// Why the metadata log did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetadataLogError {
    /// The entry is larger than any may be.
    #[error("a metadata entry of {bytes} bytes is over the {bytes_max} that one may have")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The largest allowed.
        bytes_max: u64,
    },
    /// It passes: the disk is full, for example.
    #[error("the metadata log does not take entries now: {why}")]
    Busy {
        /// Why.
        why: String,
    },
    /// It does not pass: what was written last may or may not be there.
    #[error("the metadata log has stopped: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
}
