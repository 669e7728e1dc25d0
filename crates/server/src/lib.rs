//! Configuration, roles composed, start-up and drain; embeddable.
//!
//! Read in this order: [`config`] (every setting of a server), [`server`] (start and stop), `directory`
//! (the data directory), `roles` (who is started on whom), `memory` (one ceiling, divided), `budgets` (the limits
//! that metrics show), `process` (what it costs), [`testing`] (a server in one line, for
//! tests), [`error`].

mod budgets;
pub mod config;
mod directory;
pub mod error;
mod memory;
mod process;
mod roles;
pub mod server;
pub mod testing;

pub use config::{KafkaAddress, KafkaAddresses, ListenAddress, ServerConfig};
pub use directory::Disks;
pub use error::StartError;
pub use server::{RunningServer, Server};
