//! The controller's shell: the metadata log, its driver, and the publishing of images.
//!
//! One loop owns the state. It decides each request with `ottla-control` against everything that is
//! committed or pending, writes the records as one entry of the [`MetadataLog`], and answers once that
//! entry is committed. Outsiders hold a [`ControllerHandle`].
//!
//! The log behind the seam has one voter today, [`LocalMetadataLog`]: an entry
//! is committed when it is durable here. A quorum takes its place behind the same seam.
//!
//! Read in this order: [`log`] (the seam), [`controller`] (start and handle), `driver` (the state, and
//! the loop that owns it), [`error`].

pub mod controller;
mod driver;
pub mod error;
pub mod log;

pub use controller::{Controller, ControllerConfig, ControllerHandle};
pub use error::StartError;
pub use log::{LocalMetadataLog, MemoryMetadataLog, MetadataLog, MetadataLogError};
pub use ottla_control::ControlSettings;
