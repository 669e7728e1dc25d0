//! One replica of one partition: a pure machine that knows no socket, file or clock.
//!
//! The log is lent to it with every call ([`ReplicaLog`]), time comes in as an argument, and what is
//! to be done comes out as data ([`Effect`]). After every input or command the driver drains
//! [`Replica::poll_effect`], then arms [`Replica::poll_timeout`].
//!
//! Read in this order: [`config`], [`offsets`] (what a replica exposes, and how it may move),
//! [`invariants`], [`log`] (what it asks of its log), [`effect`], [`replica`] (the machine), `role`
//! (what it does as leader or follower), `acks` (producers that wait), [`error`].

mod acks;
pub mod config;
pub mod effect;
pub mod error;
pub mod invariants;
pub mod log;
pub mod offsets;
pub mod replica;
mod role;
mod stream_log;

pub use config::ReplicaConfig;
pub use effect::{Appended, Condition, Effect, Produced, Ticket};
pub use error::{AppendError, FetchError, MoveStartError, RoleError};
pub use log::ReplicaLog;
pub use offsets::{FetchBounds, Offsets};
pub use replica::{Fetch, Replica, Wanted};
