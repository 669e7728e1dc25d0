//! The `Broker` facade in domain words: partition drivers, metadata reconciler, parked fetches, budgets.
//!
//! A door (gRPC today) translates its protocol into [`request`] and [`describe`] and its errors out
//! of [`error`]; it decides nothing. Partitions are objects behind a lock, not tasks: an append runs
//! on its caller's thread, and the storage threads hand back what became durable.
//!
//! Read in this order: [`request`] and [`describe`] (what may be asked), [`error`], [`broker`] (the
//! facade), [`produce`], [`admission`].

pub mod admission;
pub mod broker;
pub mod describe;
pub mod error;
pub mod produce;
pub mod request;

pub use admission::Admission;
pub use broker::Broker;
pub use describe::{
    AlterTopicConfig, BrokerDescription, ClusterDescription, ConfigEntry, CreateTopic,
    PartitionDescription, TopicDescription, TopicSummary,
};
pub use error::{AdminError, Explains, FetchError, LookupError, ProduceError};
pub use produce::ProduceAck;
pub use request::{
    FetchRequest, Fetched, OffsetAt, OffsetFound, ProduceRequest, Produced, ProducerIdentity,
    TopicRef,
};
