//! The storage log: journal, segments, indexes, recovery and retention over the `Storage` seam.
//!
//! Read in this order: [`settings`] and [`error`] (the rim), [`directory`] (one data directory and
//! the lanes of its work), [`stream`] (one log in it), [`metrics`]; then what they are made of:
//! [`mod@format`] (every byte that outlives the process), the pure leaf machines [`epochs`],
//! [`producers`] and [`index`], and [`storage`] (the seam below).

#![forbid(unsafe_code)]

pub mod directory;
pub mod doctor;
pub mod epochs;
pub mod error;
pub mod format;
pub mod index;
pub mod invariants;
mod journal;
pub mod metrics;
#[cfg(not(any(test, feature = "planted")))]
mod planted;
#[cfg(any(test, feature = "planted"))]
pub mod planted;
pub mod producers;
mod recovery;
mod segment;
pub mod settings;
pub mod storage;
pub mod stream;

pub use directory::{
    DirectoryIdentity, DirectoryState, Lane, LogDirectory, LogSettings, OpenContext,
    RecoveryReport, RetentionDone, Room, Step, Work,
};
pub use error::{Offline, OpenError, ReadError, StreamError};
pub use metrics::LogMetrics;
pub use settings::StreamSettings;
pub use stream::{ReadOutcome, ReadRequest, Slice, Stream, StreamOffsets};
