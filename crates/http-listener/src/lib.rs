//! The HTTP door: health and metrics, for people, probes and Prometheus. It changes nothing.
//!
//! Read in this order: [`settings`] and [`listener`] (start, address, drain), [`connection`] (one socket),
//! `pages` (what is answered), `metrics`.
//!
//! # Non-obvious
//! - A request's head has to come in ten seconds, a connection lasts a minute, and there are at most 256
//!   of them and 64 of one address, so that nobody can hold the door shut. What is beyond is closed
//!   rather than kept waiting: a probe learns at once.
//! - Liveness says only that the process answers; readiness says that it serves, and turns false when
//!   the broker drains or its data directory is offline.

pub mod connection;
pub mod listener;
mod metrics;
mod pages;
pub mod settings;

pub use connection::Connections;
pub use listener::HttpListener;
pub use settings::HttpSettings;
