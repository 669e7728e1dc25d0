//! The table of settings.

use std::time::Duration;

use ottla_model::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use ottla_model::{Durability, KIB};

use super::value::{bytes, bytes_or_no_limit, number, or_no_limit, span, span_or_for_ever, word};
use super::{CleanupPolicy, CompressionType, ConfigError, MessageTimestampType, TopicConfig};
use crate::suggest::nearest;

/// Least `max.message.bytes`: less than this holds no batch worth its header.
const MESSAGE_BYTES_MIN: u64 = KIB;
/// Least `segment.ms`: each segment costs files, so that a faster roll would drown the directory.
const SEGMENT_AGE_MIN: Duration = Duration::from_secs(1);
/// Most `min.insync.replicas`: no partition has more replicas.
const MIN_INSYNC_MAX: u32 = 127;

/// One setting of a topic.
pub struct Setting {
    /// Its name, which is stable.
    pub name: &'static str,
    /// What its value is.
    pub kind: ValueKind,
    /// What is allowed, as the end of a sentence.
    pub allowed: &'static str,
    /// What it means, for the manual.
    pub doc: &'static str,
    set: fn(&mut TopicConfig, &str) -> Result<(), String>,
    get: fn(&TopicConfig) -> String,
}

/// What a setting's value is, so that a tool can show it well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// An amount of bytes.
    Bytes,
    /// A span of time in milliseconds.
    Millis,
    /// A whole number.
    Number,
    /// One of a few words.
    Word,
    /// `true` or `false`.
    Switch,
}

/// Every setting of a topic, by name.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "cleanup.policy",
        kind: ValueKind::Word,
        allowed: "`delete`; compaction is not there yet",
        doc: "What becomes of records that are past their retention: whole segments are deleted.",
        set: |config, text| {
            put(&mut config.cleanup_policy, word(text, &[("delete", CleanupPolicy::Delete)]))
        },
        get: |config| match config.cleanup_policy {
            CleanupPolicy::Delete => "delete".to_owned(),
        },
    },
    Setting {
        name: "compression.type",
        kind: ValueKind::Word,
        allowed: "`producer`; choose the compression in the producer, the broker keeps it",
        doc: "How batches are compressed at rest: as their producers sent them. The broker never \
              encodes a batch again.",
        set: |config, text| {
            let words = [("producer", CompressionType::Producer)];
            put(&mut config.compression_type, word(text, &words))
        },
        get: |config| match config.compression_type {
            CompressionType::Producer => "producer".to_owned(),
        },
    },
    Setting {
        name: "durability",
        kind: ValueKind::Word,
        allowed: "`fsync` or `relaxed`",
        doc: "When a record counts as safe. fsync: when it is on stable storage, so that it \
              survives a power cut. relaxed: when the kernel has it, so that it survives any kill \
              of the process; flushed soon after. Every acknowledgement states which it was.",
        set: |config, text| {
            let words = [("fsync", Durability::Fsync), ("relaxed", Durability::Relaxed)];
            put(&mut config.durability, word(text, &words))
        },
        get: |config| config.durability.name().to_owned(),
    },
    Setting {
        name: "max.message.bytes",
        kind: ValueKind::Bytes,
        allowed: "1 KiB to 16 MiB",
        doc: "The largest batch that the topic takes, in bytes as it is sent: compressed, if it is \
              compressed. A larger one is refused with this limit in the error.",
        set: |config, text| {
            put(&mut config.max_message_bytes, bytes(text, MESSAGE_BYTES_MIN, BATCH_BYTES_MAX))
        },
        get: |config| config.max_message_bytes.to_string(),
    },
    Setting {
        name: "message.timestamp.after.max.ms",
        kind: ValueKind::Millis,
        allowed: "a span such as 12h or 7d, or plain milliseconds",
        doc: "How far ahead of the leader's clock the timestamp of a record may be that its producer \
              gave it. A batch with a record further ahead is refused.",
        set: |config, text| put(&mut config.timestamp_after_max, span(text, Duration::ZERO)),
        get: |config| config.timestamp_after_max.as_millis().to_string(),
    },
    Setting {
        name: "message.timestamp.before.max.ms",
        kind: ValueKind::Millis,
        allowed: "a span such as 12h or 7d, or plain milliseconds",
        doc: "How far behind the leader's clock the timestamp of a record may be that its producer \
              gave it. A batch with a record further behind is refused.",
        set: |config, text| put(&mut config.timestamp_before_max, span(text, Duration::ZERO)),
        get: |config| config.timestamp_before_max.as_millis().to_string(),
    },
    Setting {
        name: "message.timestamp.type",
        kind: ValueKind::Word,
        allowed: "`CreateTime` or `LogAppendTime`",
        doc: "Whose clock a record's timestamp is. CreateTime: the producer's. LogAppendTime: the \
              leader's, when it appended the batch, which costs a copy of the batch.",
        set: |config, text| {
            let words = [
                ("CreateTime", MessageTimestampType::CreateTime),
                ("LogAppendTime", MessageTimestampType::LogAppendTime),
            ];
            put(&mut config.message_timestamp_type, word(text, &words))
        },
        get: |config| match config.message_timestamp_type {
            MessageTimestampType::CreateTime => "CreateTime".to_owned(),
            MessageTimestampType::LogAppendTime => "LogAppendTime".to_owned(),
        },
    },
    Setting {
        name: "min.insync.replicas",
        kind: ValueKind::Number,
        allowed: "1 to 127, or `auto`: 2 from three replicas on, else 1",
        doc: "How many replicas must have a record before it is acknowledged with acks=all, and \
              before anybody may read it. auto: 2 from three replicas on, else 1.",
        set: |config, text| put(&mut config.min_insync_replicas, min_insync(text)),
        get: |config| match config.min_insync_replicas {
            Some(count) => count.to_string(),
            None => "auto".to_owned(),
        },
    },
    Setting {
        name: "producers.trusted",
        kind: ValueKind::Switch,
        allowed: "`true` or `false`",
        doc: "Whether compressed batches are taken without decompressing them to check their \
              records. Their checksum and header are always checked. Saves CPU where every \
              producer is your own.",
        set: |config, text| {
            put(&mut config.producers_trusted, word(text, &[("true", true), ("false", false)]))
        },
        get: |config| config.producers_trusted.to_string(),
    },
    Setting {
        name: "retention.bytes",
        kind: ValueKind::Bytes,
        allowed: "an amount of bytes such as 10GiB, or -1 for no limit",
        doc: "How many bytes of each partition are kept. Beyond it the oldest segments are \
              deleted, whole. -1: no limit.",
        set: |config, text| put(&mut config.retention_bytes, bytes_or_no_limit(text)),
        get: |config| or_no_limit(config.retention_bytes.map(u128::from)),
    },
    Setting {
        name: "retention.ms",
        kind: ValueKind::Millis,
        allowed: "a span such as 12h or 7d, plain milliseconds, or -1 for ever",
        doc: "How long records are kept, by their timestamps. A segment is deleted once its newest \
              record is older. -1: for ever.",
        set: |config, text| put(&mut config.retention, span_or_for_ever(text)),
        get: |config| or_no_limit(config.retention.map(|span| span.as_millis())),
    },
    Setting {
        name: "segment.bytes",
        kind: ValueKind::Bytes,
        allowed: "16 KiB to just under 2 GiB",
        doc: "How large a segment grows before the next one begins. Retention deletes whole \
              segments, so that smaller ones are kept more exactly and cost more files.",
        set: |config, text| {
            put(&mut config.segment_bytes, bytes(text, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX))
        },
        get: |config| config.segment_bytes.to_string(),
    },
    Setting {
        name: "segment.ms",
        kind: ValueKind::Millis,
        allowed: "a span such as 12h or 7d, or plain milliseconds, at least 1s",
        doc: "How old a segment grows before the next one begins, so that retention by time also \
              works on a topic with little traffic.",
        set: |config, text| put(&mut config.segment_age, span(text, SEGMENT_AGE_MIN)),
        get: |config| config.segment_age.as_millis().to_string(),
    },
];

impl Setting {
    /// The setting with this name.
    ///
    /// # Errors
    /// When there is none; the error says which was probably meant.
    pub fn named(key: &str) -> Result<&'static Self, ConfigError> {
        SETTINGS.iter().find(|setting| setting.name == key).ok_or_else(|| ConfigError::UnknownKey {
            key: key.to_owned(),
            nearest: nearest(key, SETTINGS.iter().map(|setting| setting.name)),
        })
    }

    /// Its value in these settings, in canonical spelling.
    pub fn value(&self, config: &TopicConfig) -> String {
        (self.get)(config)
    }

    /// Its value unless a topic says otherwise.
    pub fn default_value(&self) -> String {
        self.value(&TopicConfig::default())
    }

    pub(super) fn apply(&self, config: &mut TopicConfig, text: &str) -> Result<(), ConfigError> {
        (self.set)(config, text).map_err(|why| ConfigError::BadValue {
            key: self.name,
            value: text.to_owned(),
            why,
            allowed: self.allowed,
        })
    }
}

fn put<T>(place: &mut T, parsed: Result<T, String>) -> Result<(), String> {
    *place = parsed?;
    Ok(())
}

fn min_insync(text: &str) -> Result<Option<u32>, String> {
    if text.trim().eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    number(text, 1, MIN_INSYNC_MAX).map(Some)
}
