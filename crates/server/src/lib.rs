//! Configuration, roles composed, start-up and drain; embeddable.
//!
//! Read in this order: [`config`] (every setting of a server), [`server`] (start and stop),
//! [`testing`] (a server in one line, for tests).

pub mod config;
pub mod error;
pub mod server;
pub mod testing;

pub use config::{ListenAddress, ServerConfig};
pub use error::StartError;
pub use server::{RunningServer, Server};
