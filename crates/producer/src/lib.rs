//! The producer: it gathers records into batches, sends each batch until it is in the log once and
//! in order, and tells what became of every record.
//!
//! Read in this order: [`config`] (what can be chosen), [`record`] and [`producer`] (what to call),
//! [`delivery`] (what comes back), [`error`] (how it says no), [`metrics`]. Inside: `gather` (records
//! into batches), `budget` (how many) and `buffers` (in what), `machine` (what is sent when, and what answers mean; pure),
//! `driver` (which carries that out) and `payload` (a batch on its way).

mod budget;
mod buffers;
pub mod config;
pub mod delivery;
mod driver;
pub mod error;
mod gather;
mod machine;
pub mod metrics;
mod payload;
pub mod producer;
pub mod record;
pub mod send_many;
mod shared;

pub use config::{ProducerBuilder, ProducerConfig};
pub use delivery::{Delivered, DeliveredRun, Delivery, ManyDelivered, ManyDelivery};
pub use error::ProducerError;
pub use metrics::ProducerMetrics;
pub use ottla_client::{Client, ClientConfig, ClientError};
pub use ottla_model::{Acks, ByteCount, Durability, Offset, PartitionId, Timestamp};
pub use ottla_record::Compression;
pub use producer::{Producer, TopicProducer};
pub use record::Record;
pub use send_many::SendMany;
