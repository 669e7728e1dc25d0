//! What can be chosen about a producer.

use std::time::Duration;

use ottla_client::{Client, ClientConfig, ClientError};
use ottla_model::limits::{BATCH_BYTES_MAX, PRODUCER_IN_FLIGHT_MAX};
use ottla_model::{Acks, ByteCount, Durability, KIB, MIB};
use ottla_record::Compression;
use ottla_runtime::entropy;

use crate::error::ProducerError;
use crate::machine::{Machine, MachineSettings};
use crate::producer::Producer;
use crate::shared::Shared;

/// Smallest batch that is worth a header.
const BATCH_BYTES_MIN: u64 = KIB;

/// The settings of a [`Producer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerConfig {
    /// Who must have a record before it counts as delivered. Default: all.
    pub acks: Acks,
    /// What a record must survive before it counts as delivered, where that is more than its topic
    /// says: [`Durability::Fsync`] has a relaxed topic flushed up to each batch, at the cost of a flush of
    /// the disk for those that are under way together. Default: what the topic says.
    pub durability: Option<Durability>,
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
            durability: None,
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

    /// See [`ProducerConfig::durability`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.config.durability = Some(durability);
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
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn build(self) -> Result<Producer, ProducerError> {
        self.config.check()?;
        let settings = self.config.machine(self.client.config());
        let rng = entropy::rng().map_err(|error| {
            ClientError::Invalid(format!("the system gives no random numbers: {error}"))
        })?;
        let machine = Machine::new(settings, rng);
        Ok(Producer::start(Shared::new(self.client, self.config), machine))
    }
}

impl ProducerConfig {
    fn check(&self) -> Result<(), ClientError> {
        let refuse = |what: String| Err(ClientError::Invalid(what));
        if !(1..=PRODUCER_IN_FLIGHT_MAX).contains(&self.in_flight_max) {
            let got = self.in_flight_max;
            return refuse(format!(
                "in_flight_max is {got}; it must be 1 to {PRODUCER_IN_FLIGHT_MAX}"
            ));
        }
        if !(BATCH_BYTES_MIN..=BATCH_BYTES_MAX).contains(&self.batch_bytes.0) {
            let (least, most) = (ByteCount(BATCH_BYTES_MIN), ByteCount(BATCH_BYTES_MAX));
            let got = self.batch_bytes;
            return refuse(format!("batch_bytes is {got}; it must be {least} to {most}"));
        }
        if self.buffer_bytes_max < self.batch_bytes {
            let (buffer, batch) = (self.buffer_bytes_max, self.batch_bytes);
            return refuse(format!("buffer_bytes_max is {buffer}; a batch of {batch} must fit"));
        }
        Ok(())
    }

    fn machine(&self, client: &ClientConfig) -> MachineSettings {
        MachineSettings {
            in_flight_max: self.in_flight_max,
            linger: self.linger,
            delivery_timeout: self.delivery_timeout,
            request_timeout: client.request_timeout,
            backoff: client.backoff(),
            idempotent: self.idempotent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let default = ProducerConfig::default();
        assert_eq!(default.check(), Ok(()));
        let refused = |config: ProducerConfig| config.check().unwrap_err().to_string();
        let said = refused(ProducerConfig { in_flight_max: 6, ..default.clone() });
        assert_eq!(said, "in_flight_max is 6; it must be 1 to 5");
        let said = refused(ProducerConfig { batch_bytes: ByteCount(10), ..default.clone() });
        assert_eq!(said, "batch_bytes is 10 B; it must be 1 KiB to 16 MiB");
        let said = refused(ProducerConfig { buffer_bytes_max: ByteCount(KIB), ..default });
        assert_eq!(said, "buffer_bytes_max is 1 KiB; a batch of 256 KiB must fit");
    }
}
