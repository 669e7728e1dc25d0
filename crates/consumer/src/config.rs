//! What can be chosen about a consumer.

use ottla_client::Client;
use ottla_model::{ByteCount, MIB, Offset, Timestamp};

use crate::consumer::Consumer;
use crate::error::ConsumerError;

/// Where to begin to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is this one or later; after the newest when none is.
    Timestamp(Timestamp),
}

/// What to do when an offset is asked for that the log does not have, or no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutOfRange {
    /// Say so, and stop reading that partition until it is sought.
    #[default]
    Error,
    /// Go on at the oldest record.
    Earliest,
    /// Go on after the newest record.
    Latest,
}

/// The settings of a [`Consumer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerConfig {
    /// Most encoded bytes fetched and not yet given out. Default 32 MiB.
    pub prefetch_bytes_max: ByteCount,
    /// Most bytes of one answer for one partition. Default 1 MiB; a larger batch still comes whole.
    pub fetch_bytes_max: ByteCount,
    /// Most bytes that one compressed batch may unpack to. Default 64 MiB.
    pub decompressed_bytes_max: ByteCount,
    /// What to do when an offset does not exist. Default: say so.
    pub out_of_range: OutOfRange,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            prefetch_bytes_max: ByteCount(32 * MIB),
            fetch_bytes_max: ByteCount(MIB),
            decompressed_bytes_max: ByteCount(ottla_model::limits::DECOMPRESSED_BYTES_MAX),
            out_of_range: OutOfRange::Error,
        }
    }
}

/// Chooses a consumer's settings and starts it.
#[derive(Clone, Debug)]
pub struct ConsumerBuilder {
    #[allow(dead_code)]
    client: Client,
    config: ConsumerConfig,
}

impl ConsumerBuilder {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), config: ConsumerConfig::default() }
    }

    /// Takes all settings from `config`.
    pub fn config(mut self, config: ConsumerConfig) -> Self {
        self.config = config;
        self
    }

    /// See [`ConsumerConfig::prefetch_bytes_max`].
    pub fn prefetch_bytes_max(mut self, size: ByteCount) -> Self {
        self.config.prefetch_bytes_max = size;
        self
    }

    /// See [`ConsumerConfig::out_of_range`].
    pub fn out_of_range(mut self, policy: OutOfRange) -> Self {
        self.config.out_of_range = policy;
        self
    }

    /// Starts the consumer on the runtime that runs the caller.
    pub async fn build(self) -> Result<Consumer, ConsumerError> {
        unimplemented!()
    }
}
