//! The words of the system.
//!
//! Every crate speaks in these types, and none of them knows a clock, a file or a socket: time is
//! handed in as a [`Timestamp`] (wall clock) or a [`Moment`] (monotonic), randomness as an [`Rng`].
//!
//! Read in this order: [`id`] and [`name`] (what things are called), [`offset`] and [`sequence`]
//! (how records are counted), [`time`], [`units`] and [`limits`] (how much), [`durability`] (what an
//! acknowledgement means), [`error`] (what an error must answer), [`rng`], [`backoff`].

pub mod backoff;
pub mod durability;
pub mod error;
pub mod id;
pub mod limits;
pub mod name;
pub mod offset;
pub mod rng;
pub mod sequence;
pub mod time;
pub mod units;

pub use backoff::Backoff;
pub use durability::{Acks, Durability};
pub use error::{Answers, Fault, Outcome, Retry};
pub use id::{BrokerId, ClusterId, DirectoryId, PartitionId, StreamId, TopicId};
pub use name::{TopicName, TopicNameError};
pub use offset::{LeaderEpoch, Offset};
pub use rng::Rng;
pub use sequence::{ProducerEpoch, ProducerId, Sequence};
pub use time::{Moment, Timestamp};
pub use units::{ByteCount, GIB, KIB, MIB};
