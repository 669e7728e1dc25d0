//! Cluster facts: records, the immutable image, deltas, and snapshots with stable identifiers.
//!
//! The controller decides, and writes its decisions as [`MetadataRecord`]s into the metadata log.
//! Everybody else follows that log and holds an [`Image`], which is a pure function of its prefix.
//! This crate knows the facts and how they are written; it decides nothing.
//!
//! Read in this order: [`record`] (what is written), [`image`] (what it adds up to), [`delta`] (what
//! changed between two images), [`snapshot`] (an image as records again), [`config`] (the settings of
//! a topic), [`request`] (what may be asked of the controller, and its answers).

pub mod config;
pub mod delta;
pub mod image;
pub mod record;
pub mod request;
pub mod snapshot;
mod suggest;

pub use config::{ConfigError, TopicConfig};
pub use delta::Delta;
pub use image::{BrokerImage, Image, PartitionImage, ReplayError, TopicImage};
pub use record::{MetadataRecord, RecordError};
pub use request::{
    Committed, ControllerChannel, ControllerError, ControllerFuture, ControllerRequest,
    ControllerResponse,
};
pub use snapshot::Snapshot;
pub use suggest::nearest;
