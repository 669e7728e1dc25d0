//! The producer: it gathers records into batches, sends each batch until it is in the log once and
//! in order, and tells what became of every record.
//!
//! Read in this order: [`config`] (what can be chosen), [`record`] and [`producer`] (what to call),
//! [`delivery`] (what comes back), [`error`] (how it says no), [`metrics`].

pub mod config;
pub mod delivery;
pub mod error;
#[allow(dead_code, unused_imports)]
mod machine;
pub mod metrics;
pub mod producer;
pub mod record;

pub use config::{ProducerBuilder, ProducerConfig};
pub use delivery::{Delivered, Delivery, ManyDelivered, ManyDelivery};
pub use error::ProducerError;
pub use metrics::ProducerMetrics;
pub use ottla_model::{Acks, Durability};
pub use ottla_record::Compression;
pub use producer::{Producer, TopicProducer};
pub use record::Record;
