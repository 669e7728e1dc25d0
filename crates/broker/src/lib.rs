//! The `Broker` facade in domain words: partitions, metadata reconciler, parked fetches, budgets.
//!
//! A door (gRPC today) translates its protocol into [`request`] and [`describe`] and its errors out
//! of [`error`]; it decides nothing. Partitions are objects behind a lock, not tasks: an append runs
//! on its caller's thread, and the storage threads hand back what became durable.
//!
//! Read in this order: [`request`] and [`describe`] (what may be asked), [`error`], [`broker`] and
//! [`admin`] (the facade), [`produce`], [`admission`]; then what is behind: `partition`, `table`,
//! `reconciler` (from metadata to partitions), [`storage`] (the log's threads), `cold` (reads of
//! files), `housekeeping`, `producer_ids`, [`metrics`], `busiest`, `slowest` (traces), `translate`.

pub mod admin;
pub mod admission;
pub mod broker;
mod busiest;
mod cold;
pub mod config;
pub mod describe;
pub mod error;
mod housekeeping;
pub mod metrics;
mod partition;
pub mod produce;
mod producer_ids;
mod reconciler;
pub mod request;
mod slowest;
pub mod storage;
mod table;
mod tidings;
mod translate;

pub use admission::Admission;
pub use broker::{Broker, BrokerParts};
pub use busiest::{Busiest, PartitionRates};
pub use config::BrokerConfig;
pub use describe::{
    AlterTopicConfig, BrokerDescription, ClusterDescription, ConfigEntry, CreateTopic,
    CreatedTopic, PartitionDescription, ProducerDescription, TopicDescription, TopicSummary,
};
pub use error::{AdminError, BatchFault, Explains, FetchError, LookupError, ProduceError};
pub use produce::ProduceAck;
pub use request::{
    FetchRequest, Fetched, OffsetAt, OffsetFound, ProduceRequest, Produced, ProducerIdentity,
    TopicRef,
};
pub use slowest::{SlowAck, Slowest, Stages};
pub use storage::{StorageListener, StorageThreads};
