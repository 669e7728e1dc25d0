//! The consumer: it is told where to read, fetches ahead within a budget, and gives out records in
//! order, each once.
//!
//! Read in this order: [`config`] (what can be chosen), [`consumer`] (what to call), [`record`]
//! (what comes out), [`error`] (how it says no), [`metrics`]. Inside: `session` (what is fetched when, and what
//! answers mean; pure), `driver` (which carries that out), `decode` (from bytes to records).

pub mod config;
pub mod consumer;
mod decode;
mod driver;
pub mod error;
pub mod metrics;
pub mod record;
mod session;
mod shared;

pub use config::{ConsumerBuilder, ConsumerConfig, OutOfRange, Start};
pub use consumer::Consumer;
pub use error::ConsumerError;
pub use metrics::ConsumerMetrics;
pub use ottla_client::{Client, ClientConfig, ClientError};
pub use ottla_model::{ByteCount, Offset, PartitionId, Timestamp};
pub use record::{ConsumedBatch, ConsumedRecord};
