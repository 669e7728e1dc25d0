//! The part of a client that every client needs: bootstrap, who leads what, administration, and
//! errors that say what to do.
//!
//! Read in this order: [`config`] and [`client`] (how to reach a cluster), [`admin`] and [`topic`]
//! (what can be asked of it), [`error`] (how it says no). [`produce`] and [`fetch`] are the two
//! streams under `ottla-producer` and `ottla-consumer`, in domain words: nothing above this crate
//! sees a generated type.

pub mod admin;
mod channels;
pub mod client;
pub mod config;
mod convert;
pub mod error;
pub mod fetch;
pub mod produce;
pub mod route;
mod status;
pub mod topic;
mod tries;

pub use admin::Admin;
pub use client::Client;
pub use config::ClientConfig;
pub use error::{ClientError, ServerError};
pub use route::TopicRoute;
pub use topic::{
    BrokerDescription, ClusterDescription, ConfigChanges, ConfigEntry, ListedOffset, NewTopic,
    OffsetAt, PartitionDescription, TopicDescription, TopicListing,
};
