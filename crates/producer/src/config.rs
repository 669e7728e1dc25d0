//! What can be chosen about a producer.

use std::time::Duration;

use ottla_client::Client;
use ottla_model::{Acks, ByteCount, KIB, MIB};
use ottla_record::Compression;

use crate::error::ProducerError;
use crate::producer::Producer;

/// The settings of a [`Producer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerConfig {
    /// Who must have a record before it counts as delivered. Default: all.
    pub acks: Acks,
    /// How batches are compressed. Default: not at all, which costs least CPU on every hop; choose
    /// `lz4` or `zstd` where network or disk are the limit.
    pub compression: Compression,
    /// A batch of this size is sent at once. Default 256 KiB; less where a topic allows less.
    pub batch_bytes: ByteCount,
    /// How long a record may wait for others while an earlier batch of its partition is under way.
    /// When none is, it does not wait at all. Default 5 ms.
    pub linger: Duration,
    /// Most batches of one partition that are under way, 1 to 5. Default 5.
    pub in_flight_max: usize,
    /// Most bytes gathered or under way; callers wait when there are more. Default 64 MiB.
    pub buffer_bytes_max: ByteCount,
    /// How long a record is tried, through lost connections and restarts. Default 2 min.
    pub delivery_timeout: Duration,
    /// Whether batches are numbered, so that trying again can neither duplicate nor reorder.
    /// Default: yes. Without, nothing is ever sent twice, and what a lost connection swallowed fails.
    pub idempotent: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Compression::None,
            batch_bytes: ByteCount(256 * KIB),
            linger: Duration::from_millis(5),
            in_flight_max: 5,
            buffer_bytes_max: ByteCount(64 * MIB),
            delivery_timeout: Duration::from_secs(120),
            idempotent: true,
        }
    }
}

/// Chooses a producer's settings and starts it.
#[derive(Clone, Debug)]
pub struct ProducerBuilder {
    #[allow(dead_code)]
    client: Client,
    config: ProducerConfig,
}

impl ProducerBuilder {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), config: ProducerConfig::default() }
    }

    /// Takes all settings from `config`.
    pub fn config(mut self, config: ProducerConfig) -> Self {
        self.config = config;
        self
    }

    /// See [`ProducerConfig::acks`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.config.acks = acks;
        self
    }

    /// See [`ProducerConfig::compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.config.compression = compression;
        self
    }

    /// See [`ProducerConfig::batch_bytes`].
    pub fn batch_bytes(mut self, size: ByteCount) -> Self {
        self.config.batch_bytes = size;
        self
    }

    /// See [`ProducerConfig::linger`].
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// See [`ProducerConfig::in_flight_max`].
    pub fn in_flight_max(mut self, batches: usize) -> Self {
        self.config.in_flight_max = batches;
        self
    }

    /// See [`ProducerConfig::buffer_bytes_max`].
    pub fn buffer_bytes_max(mut self, size: ByteCount) -> Self {
        self.config.buffer_bytes_max = size;
        self
    }

    /// See [`ProducerConfig::delivery_timeout`].
    pub fn delivery_timeout(mut self, longest: Duration) -> Self {
        self.config.delivery_timeout = longest;
        self
    }

    /// See [`ProducerConfig::idempotent`].
    pub fn idempotent(mut self, yes: bool) -> Self {
        self.config.idempotent = yes;
        self
    }

    /// Starts the producer on the runtime that runs the caller.
    ///
    /// # Errors
    /// [`ProducerError::Client`] when a setting makes no sense.
    pub async fn build(self) -> Result<Producer, ProducerError> {
        unimplemented!()
    }
}
