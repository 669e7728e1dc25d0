//! What tests share.
//!
//! [`proxy`] is a network between a client and a broker that fails on command.

pub mod proxy;

pub use proxy::Proxy;
