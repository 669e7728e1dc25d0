//! Records as bytes: a JSON object `{"kind": .., "version": .., "body": {..}}`.
//!
//! JSON, because metadata is small, is read by people in bad hours, and outlives releases. Fields
//! are written in the order of their structs, and maps in rising order, so that equal records have
//! equal bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MetadataRecord;

/// The version of every kind so far.
const VERSION: u16 = 1;

/// Why bytes of the metadata log are no record that this release understands.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not even the envelope could be read.
    #[error("metadata record is unreadable: {0}")]
    Envelope(#[source] serde_json::Error),
    /// Written by a release that knows more.
    #[error(
        "metadata record of kind `{kind}` version {version} is not known to this release; \
         start the release that wrote it, or a newer one"
    )]
    Unknown {
        /// Its kind.
        kind: String,
        /// Its version.
        version: u16,
    },
    /// The envelope is known, but the body is not what it should be.
    #[error("metadata record of kind `{kind}` version {version} is damaged: {source}")]
    Body {
        /// Its kind.
        kind: String,
        /// Its version.
        version: u16,
        /// What is wrong with the body.
        source: serde_json::Error,
    },
}

#[derive(Serialize)]
struct EnvelopeOut<'a, T> {
    kind: &'static str,
    version: u16,
    body: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeIn {
    kind: String,
    version: u16,
    body: Value,
}

impl MetadataRecord {
    /// The stable word for what kind of fact this is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "cluster",
            Self::FeatureLevel(_) => "feature_level",
            Self::Broker(_) => "broker",
            Self::Topic(_) => "topic",
            Self::Partitions(_) => "partitions",
            Self::Leadership(_) => "leadership",
            Self::TopicConfig(_) => "topic_config",
            Self::TopicDeleted(_) => "topic_deleted",
            Self::Snapshot(_) => "snapshot",
            Self::ProducerIds(_) => "producer_ids",
        }
    }

    /// The record as it is stored.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Cluster(body) => self.envelope(body),
            Self::FeatureLevel(body) => self.envelope(body),
            Self::Broker(body) => self.envelope(body),
            Self::Topic(body) => self.envelope(body),
            Self::Partitions(body) => self.envelope(body),
            Self::Leadership(body) => self.envelope(body),
            Self::TopicConfig(body) => self.envelope(body),
            Self::TopicDeleted(body) => self.envelope(body),
            Self::Snapshot(body) => self.envelope(body),
            Self::ProducerIds(body) => self.envelope(body),
        }
    }

    /// The record that these bytes are.
    ///
    /// # Errors
    /// When they are damaged, or were written by a release that knows more (C9).
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let envelope: EnvelopeIn = serde_json::from_slice(bytes).map_err(RecordError::Envelope)?;
        let EnvelopeIn { kind, version, body } = envelope;
        if version != VERSION {
            return Err(RecordError::Unknown { kind, version });
        }
        match kind.as_str() {
            "cluster" => read(kind, version, body).map(Self::Cluster),
            "feature_level" => read(kind, version, body).map(Self::FeatureLevel),
            "broker" => read(kind, version, body).map(Self::Broker),
            "topic" => read(kind, version, body).map(Self::Topic),
            "partitions" => read(kind, version, body).map(Self::Partitions),
            "leadership" => read(kind, version, body).map(Self::Leadership),
            "topic_config" => read(kind, version, body).map(Self::TopicConfig),
            "topic_deleted" => read(kind, version, body).map(Self::TopicDeleted),
            "snapshot" => read(kind, version, body).map(Self::Snapshot),
            "producer_ids" => read(kind, version, body).map(Self::ProducerIds),
            _ => Err(RecordError::Unknown { kind, version }),
        }
    }

    fn envelope<T: Serialize>(&self, body: &T) -> Vec<u8> {
        let envelope = EnvelopeOut { kind: self.kind(), version: VERSION, body };
        serde_json::to_vec(&envelope).expect("bodies hold nothing that JSON cannot say")
    }
}

fn read<T: DeserializeOwned>(kind: String, version: u16, body: Value) -> Result<T, RecordError> {
    serde_json::from_value(body).map_err(|source| RecordError::Body { kind, version, source })
}
