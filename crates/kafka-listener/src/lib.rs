//! The Kafka door: translation between Kafka's protocol and the broker, one file an API.
//!
//! It decides nothing: requests become [`ottla_broker::request`]s, answers and errors become messages.
//! What it holds of a client is bounded, and a client's panic or rubbish is its own.
//!
//! Read in this order: [`settings`], [`shared`] (budgets) and [`listener`] (start, address, drain), `connection`
//! (one socket: frames in, answers out, in order), `call` (one request), `apis` (who answers it), `sessions` (what fetches remember), `errors` and
//! `configs` (words).
//!
//! # Non-obvious
//! - Requests of a connection take effect one after the other, as in Kafka, but for Produce requests,
//!   which are appended in order and wait for their acknowledgements together.
//! - Everything of a connection runs in one task on the core it was dealt to.

mod apis;
mod call;
mod configs;
mod connection;
mod door;
mod errors;
pub mod listener;
pub mod metrics;
mod sessions;
pub mod settings;
pub mod shared;

pub use listener::KafkaListener;
pub use metrics::KafkaMetrics;
pub use settings::{Advertised, KafkaSettings};
pub use shared::KafkaShared;
