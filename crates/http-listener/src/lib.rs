//! The HTTP door: health and metrics, for people, probes and Prometheus. It changes nothing.
//!
//! Read in this order: [`listener`] (start, address, drain), `pages` (what is answered).
//!
//! # Non-obvious
//! - A connection has to send its request's head in ten seconds and there are at most 256 of them, so
//!   that nobody can hold the door shut.
//! - Liveness says only that the process answers; readiness says that it serves, and turns false when
//!   the broker drains or its data directory is offline.

pub mod listener;
mod pages;

pub use listener::HttpListener;
