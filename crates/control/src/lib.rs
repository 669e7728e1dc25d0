//! The controller's rules: decide returns records and a response, replay is the only mutator.
//!
//! [`decide`] reads an image, which holds what is committed and what was decided but is not durable
//! yet, so that two requests in flight for one name cannot both pass. It changes nothing. The driver
//! writes the records, replays them, and lets the response go once they are durable. The same replay
//! loads the log at start, and runs on every broker.
//!
//! Read in this order: [`decision`], [`settings`], then one file for each domain: `topics`, `configs`,
//! `brokers`, `producer_ids`, and `placement`, which says who keeps a new partition.

mod brokers;
mod configs;
pub mod decision;
mod placement;
mod producer_ids;
pub mod settings;
mod topics;

pub use decision::{Decision, decide, found, replay};
pub use settings::ControlSettings;
