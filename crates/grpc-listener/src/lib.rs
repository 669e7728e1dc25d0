//! The gRPC door: translation between `ottla.v1` and the broker, one file a service.
//!
//! It decides nothing: requests become [`ottla_broker::request`]s, answers and errors become messages.
//! What it holds of a client is bounded, and a client's stream, panic or rubbish is its own.
//!
//! Read in this order: [`settings`] and [`listener`] (start, address, drain), [`connection`] (one socket),
//! `activity` and `meter` (when it is let go, and when it is cut), `guard` (what surrounds every call:
//! deadline, panics, counting), `streamed` (the two calls whose bytes
//! tonic does not touch), `errors` and `translate` (words), `seats`,
//! `answers` and `windows` (how much is read, held and on its way at a time), then the services: `producer`, `consumer`,
//! `topics`, `cluster`, `health`.
//!
//! # Non-obvious
//! - A produce or fetch stream is not a task: it is polled by the HTTP/2 stream it answers, so a client
//!   that does not read stops its own work and nothing piles up.
//! - Everything of a connection runs on the core it was dealt to.

mod activity;
mod answers;
pub mod connection;
mod door;
mod errors;
mod guard;
pub mod listener;
mod meter;
mod metrics;
mod preface;
mod seats;
mod services;
pub mod settings;
mod streamed;
mod translate;
mod windows;

pub use connection::Connections;
pub use listener::GrpcListener;
pub use settings::GrpcSettings;
