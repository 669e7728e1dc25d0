//! What can be chosen about a consumer.

use ottla_client::{Client, ClientError};
use ottla_model::{ByteCount, MIB, Offset, Timestamp};
use ottla_runtime::entropy;

use crate::consumer::Consumer;
use crate::error::ConsumerError;
use crate::shared::Shared;

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

    /// See [`ConsumerConfig::fetch_bytes_max`].
    pub fn fetch_bytes_max(mut self, size: ByteCount) -> Self {
        self.config.fetch_bytes_max = size;
        self
    }

    /// See [`ConsumerConfig::out_of_range`].
    pub fn out_of_range(mut self, policy: OutOfRange) -> Self {
        self.config.out_of_range = policy;
        self
    }

    /// Starts the consumer on the runtime that runs the caller.
    ///
    /// # Errors
    /// [`ConsumerError::Client`] when a setting makes no sense.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn build(self) -> Result<Consumer, ConsumerError> {
        if self.config.prefetch_bytes_max < self.config.fetch_bytes_max {
            let (all, one) = (self.config.prefetch_bytes_max, self.config.fetch_bytes_max);
            let what = format!("prefetch_bytes_max is {all}; a fetch of {one} must fit");
            return Err(ClientError::Invalid(what).into());
        }
        let rng = entropy::rng().map_err(|error| {
            ClientError::Invalid(format!("the system gives no random numbers: {error}"))
        })?;
        Ok(Consumer::start(Shared::new(self.client, self.config, rng)))
    }
}
