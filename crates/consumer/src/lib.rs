//! The consumer: it is told where to read, fetches ahead within a budget, and gives out records in
//! order, each once.
//!
//! Read in this order: [`config`] (what can be chosen), [`consumer`] (what to call), [`record`]
//! (what comes out), [`error`] (how it says no).

pub mod config;
pub mod consumer;
pub mod error;
pub mod record;

pub use config::{ConsumerBuilder, ConsumerConfig, OutOfRange, Start};
pub use consumer::Consumer;
pub use error::ConsumerError;
pub use record::{ConsumedBatch, ConsumedRecord};
