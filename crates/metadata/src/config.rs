//! The settings of a topic: what there is to set, what it means, and what it is unless said otherwise.
//!
//! [`SETTINGS`] is the one table that the parser, the answers to "describe" and the manual are made
//! from. Names are Kafka's where Kafka has the setting, and stable.

mod error;
mod inert;
mod setting;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_model::limits::BATCH_BYTES_MAX_DEFAULT;
use ottla_model::{Durability, GIB};

pub use error::ConfigError;
pub use inert::{INERT, InertKind, InertSetting};
pub use setting::{SETTINGS, Setting, ValueKind};

/// As long as a setting can say.
const FOR_EVER: Duration = Duration::from_millis(i64::MAX as u64);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A topic's settings, resolved: every one has a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicConfig {
    /// `cleanup.policy`: what becomes of records that are past their time.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`: how batches are compressed at rest.
    pub compression_type: CompressionType,
    /// `durability`: when bytes count as safe.
    pub durability: Durability,
    /// `max.message.bytes`: the largest encoded batch, in bytes.
    pub max_message_bytes: u64,
    /// `message.timestamp.after.max.ms`: how far ahead of the broker's clock a timestamp may be.
    pub timestamp_after_max: Duration,
    /// `message.timestamp.before.max.ms`: how far behind the broker's clock a timestamp may be.
    pub timestamp_before_max: Duration,
    /// `message.timestamp.type`: whose clock a record's timestamp is.
    pub message_timestamp_type: MessageTimestampType,
    /// `min.insync.replicas`: how many replicas must have a batch; none is by replication factor.
    pub min_insync_replicas: Option<u32>,
    /// `producers.trusted`: compressed batches are taken without a look inside.
    pub producers_trusted: bool,
    /// `retention.bytes`: how much of a partition is kept; none is everything.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`: how long records are kept; none is for ever.
    pub retention: Option<Duration>,
    /// `segment.bytes`: how large a segment grows before the next begins.
    pub segment_bytes: u64,
    /// `segment.ms`: how old a segment grows before the next begins.
    pub segment_age: Duration,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            cleanup_policy: CleanupPolicy::Delete,
            compression_type: CompressionType::Producer,
            durability: Durability::Fsync,
            max_message_bytes: BATCH_BYTES_MAX_DEFAULT,
            timestamp_after_max: FOR_EVER,
            timestamp_before_max: FOR_EVER,
            message_timestamp_type: MessageTimestampType::CreateTime,
            min_insync_replicas: None,
            producers_trusted: false,
            retention_bytes: None,
            retention: Some(7 * DAY),
            segment_bytes: GIB,
            segment_age: 7 * DAY,
        }
    }
}

/// What becomes of records that are past their time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CleanupPolicy {
    /// Whole segments are deleted.
    Delete,
}

/// How batches are compressed at rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompressionType {
    /// As their producers compressed them. The broker never encodes a batch again.
    Producer,
}

/// Whose clock a record's timestamp is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageTimestampType {
    /// The producer's.
    CreateTime,
    /// The leader's, when it appended the batch.
    LogAppendTime,
}

/// From this replication factor on, two replicas must have a batch unless the topic says otherwise.
const REPLICAS_FOR_TWO_IN_SYNC: usize = 3;

impl TopicConfig {
    /// The settings of a topic that sets only these.
    ///
    /// # Errors
    /// When a name is unknown, a value is not allowed, or two settings contradict each other.
    pub fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (key, value) in overrides {
            match InertSetting::named(key) {
                Some(inert) => inert.spelled(value).map(|_| ())?,
                None => Setting::named(key)?.apply(&mut config, value)?,
            }
        }
        config.check()?;
        Ok(config)
    }

    /// How many replicas must have a batch of a partition with this many replicas.
    pub fn min_insync(&self, replicas: usize) -> u32 {
        match self.min_insync_replicas {
            Some(count) => count,
            None if replicas >= REPLICAS_FOR_TWO_IN_SYNC => 2,
            None => 1,
        }
    }

    /// Every setting with its value in canonical spelling, in the order of [`SETTINGS`].
    pub fn entries(&self) -> impl Iterator<Item = (&'static Setting, String)> + '_ {
        SETTINGS.iter().map(|setting| (setting, setting.value(self)))
    }

    /// What no single setting can tell.
    fn check(&self) -> Result<(), ConfigError> {
        if self.segment_bytes < self.max_message_bytes {
            return Err(ConfigError::Conflict {
                why: format!(
                    "`segment.bytes` of {} cannot hold one batch of `max.message.bytes`, {}",
                    self.segment_bytes, self.max_message_bytes
                ),
                advice: "raise `segment.bytes` or lower `max.message.bytes`",
            });
        }
        Ok(())
    }
}

/// The same settings in canonical spelling (`64MiB` becomes `67108864`), as records store them.
///
/// # Errors
/// When a name is unknown, a value is not allowed, or two settings contradict each other.
pub fn canonical(
    overrides: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let config = TopicConfig::from_overrides(overrides)?;
    let spelled = |(key, value): (&String, &String)| {
        let spelled = match InertSetting::named(key) {
            Some(inert) => inert.spelled(value)?,
            None => Setting::named(key)?.value(&config),
        };
        Ok((key.clone(), spelled))
    };
    overrides.iter().map(spelled).collect()
}
