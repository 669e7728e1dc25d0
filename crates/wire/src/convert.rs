//! Our words and their numbers on the wire.
//!
//! From the wire, a request's unknown number is refused by [`UnknownValue`]; an answer's falls to the
//! careful side, since a client must live with a newer server.

use bytes::Bytes;
use ottla_model::{Acks, Durability, Fault, Outcome, Retry, TopicId, TopicName, TopicNameError};

use crate::v1;

/// A request holds an enum value that this side does not know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} has the value {value}, which this version does not know")]
pub struct UnknownValue {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: i32,
}

/// A topic reference that refers to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicRefError {
    /// Neither name nor id.
    #[error("the request names no topic; give it a name or an id")]
    Missing,
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// The id is not one.
    #[error("a topic id has 16 bytes, and this one has {0}")]
    IdLength(usize),
}

/// A topic as a request names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicKey {
    /// By name.
    Name(TopicName),
    /// By id.
    Id(TopicId),
}

/// The level asked for; none said is all of them.
pub fn acks_of_request(value: i32) -> Result<Acks, UnknownValue> {
    match v1::Acks::try_from(value) {
        Ok(v1::Acks::Unspecified | v1::Acks::All) => Ok(Acks::All),
        Ok(v1::Acks::Leader) => Ok(Acks::Leader),
        Ok(v1::Acks::None) => Ok(Acks::None),
        Err(_) => Err(UnknownValue { field: "acks", value }),
    }
}

/// The durability asked for, when one was.
pub fn durability_of_request(value: i32) -> Result<Option<Durability>, UnknownValue> {
    match v1::Durability::try_from(value) {
        Ok(v1::Durability::Unspecified) => Ok(None),
        Ok(v1::Durability::Relaxed) => Ok(Some(Durability::Relaxed)),
        Ok(v1::Durability::Fsync) => Ok(Some(Durability::Fsync)),
        Err(_) => Err(UnknownValue { field: "durability", value }),
    }
}

/// The name of the compression asked for, as the topic setting and the record format spell it.
pub fn compression_of_request(value: i32) -> Result<&'static str, UnknownValue> {
    match v1::Compression::try_from(value) {
        Ok(v1::Compression::Unspecified | v1::Compression::None) => Ok("none"),
        Ok(v1::Compression::Gzip) => Ok("gzip"),
        Ok(v1::Compression::Snappy) => Ok("snappy"),
        Ok(v1::Compression::Lz4) => Ok("lz4"),
        Ok(v1::Compression::Zstd) => Ok("zstd"),
        Err(_) => Err(UnknownValue { field: "compression", value }),
    }
}

/// The topic asked for.
pub fn topic_of_request(topic: Option<v1::TopicRef>) -> Result<TopicKey, TopicRefError> {
    match topic.and_then(|topic| topic.topic) {
        None => Err(TopicRefError::Missing),
        Some(v1::topic_ref::Topic::Name(name)) => topic_named(&name),
        Some(v1::topic_ref::Topic::Id(id)) => topic_id(&id).map(TopicKey::Id),
    }
}

/// The topic of this name.
pub fn topic_named(name: &str) -> Result<TopicKey, TopicRefError> {
    Ok(TopicKey::Name(TopicName::new(name)?))
}

/// The id in these bytes.
pub fn topic_id(bytes: &[u8]) -> Result<TopicId, TopicRefError> {
    let id = <[u8; 16]>::try_from(bytes).map_err(|_| TopicRefError::IdLength(bytes.len()))?;
    Ok(TopicId::from_bytes(id))
}

/// An id as it goes onto the wire.
pub fn id_bytes(id: TopicId) -> Bytes {
    Bytes::copy_from_slice(&id.to_bytes())
}

impl From<TopicName> for v1::TopicRef {
    fn from(name: TopicName) -> Self {
        Self { topic: Some(v1::topic_ref::Topic::Name(name.as_str().to_owned())) }
    }
}

impl From<TopicId> for v1::TopicRef {
    fn from(id: TopicId) -> Self {
        Self { topic: Some(v1::topic_ref::Topic::Id(id_bytes(id))) }
    }
}

macro_rules! words {
    ($ours:ident { $($word:ident),* } unspecified $careful:ident) => {
        impl From<$ours> for v1::$ours {
            fn from(ours: $ours) -> Self {
                match ours {
                    $($ours::$word => Self::$word,)*
                }
            }
        }

        impl From<v1::$ours> for $ours {
            fn from(theirs: v1::$ours) -> Self {
                match theirs {
                    $(v1::$ours::$word => Self::$word,)*
                    v1::$ours::Unspecified => Self::$careful,
                }
            }
        }
    };
}

words!(Outcome { Happened, DidNotHappen, Unknown } unspecified Unknown);
words!(Retry { Never, Later, AfterRefresh, SameSequence } unspecified Never);
words!(Fault { Caller, Cluster, Nobody } unspecified Nobody);
words!(Acks { All, Leader, None } unspecified None);
words!(Durability { Relaxed, Fsync } unspecified Relaxed);
