//! Settings as Kafka describes them: all 33 that Kafka's topics have, and our own.

use std::collections::BTreeMap;

use ottla_metadata::TopicConfig;
use ottla_metadata::config::{INERT, InertKind, InertSetting, Setting, ValueKind};

/// Where a value comes from: it was set for the topic.
pub(crate) const SOURCE_TOPIC: i8 = 1;
/// Where a value comes from: the broker was started with it.
pub(crate) const SOURCE_BROKER: i8 = 4;
/// Where a value comes from: nobody set it.
pub(crate) const SOURCE_DEFAULT: i8 = 5;

/// What a value is, by Kafka's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i8)]
pub(crate) enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// One setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) default: String,
    pub(crate) is_set: bool,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
}

impl Entry {
    pub(crate) fn source(&self) -> i8 {
        if self.is_set { SOURCE_TOPIC } else { SOURCE_DEFAULT }
    }
}

/// Every setting of a topic that sets only these, which were accepted; by name.
pub(crate) fn of_topic(overrides: &BTreeMap<String, String>, replicas: usize) -> Vec<Entry> {
    let config = TopicConfig::from_overrides(overrides).unwrap_or_default();
    let default = TopicConfig::default();
    let ours = config.entries().map(|(setting, value)| Entry {
        name: setting.name,
        value: spelled(setting, value, &config, replicas),
        default: spelled(setting, setting.default_value(), &default, replicas),
        is_set: overrides.contains_key(setting.name),
        kind: kind(setting),
        doc: setting.doc,
    });
    let inert = INERT.iter().map(|setting| without_effect(setting, overrides));
    let mut entries: Vec<_> = ours.chain(inert).collect();
    entries.sort_by_key(|entry| entry.name);
    entries
}

/// Whether a setting is a list, to which words can be added.
pub(crate) fn is_list(name: &str) -> bool {
    of_topic(&BTreeMap::new(), 1).iter().any(|entry| entry.name == name && entry.kind == Kind::List)
}

/// Kafka's clients read a number here; `auto` is a word of ours.
fn spelled(setting: &Setting, value: String, config: &TopicConfig, replicas: usize) -> String {
    match setting.name {
        "min.insync.replicas" => config.min_insync(replicas).to_string(),
        _ => value,
    }
}

fn kind(setting: &Setting) -> Kind {
    match (setting.name, setting.kind) {
        ("cleanup.policy", _) => Kind::List,
        ("retention.bytes", _) => Kind::Long,
        (_, ValueKind::Bytes | ValueKind::Number) => Kind::Int,
        (_, ValueKind::Millis) => Kind::Long,
        (_, ValueKind::Word) => Kind::String,
        (_, ValueKind::Switch) => Kind::Boolean,
    }
}

fn without_effect(setting: &'static InertSetting, overrides: &BTreeMap<String, String>) -> Entry {
    let set = overrides.get(setting.name);
    Entry {
        name: setting.name,
        value: set.cloned().unwrap_or_else(|| setting.default.to_owned()),
        default: setting.default.to_owned(),
        is_set: set.is_some(),
        kind: match setting.kind {
            InertKind::Boolean => Kind::Boolean,
            InertKind::Int => Kind::Int,
            InertKind::Long => Kind::Long,
            InertKind::Ratio => Kind::Double,
            InertKind::List => Kind::List,
        },
        doc: setting.doc,
    }
}

/// What Kafka calls the broker's default of a topic's setting.
pub(crate) fn broker_synonym(name: &str) -> Option<&str> {
    Some(match name {
        "cleanup.policy" => "log.cleanup.policy",
        "delete.retention.ms" => "log.cleaner.delete.retention.ms",
        "file.delete.delay.ms" => "log.segment.delete.delay.ms",
        "flush.messages" => "log.flush.interval.messages",
        "index.interval.bytes" => "log.index.interval.bytes",
        "local.retention.bytes" => "log.local.retention.bytes",
        "local.retention.ms" => "log.local.retention.ms",
        "max.compaction.lag.ms" => "log.cleaner.max.compaction.lag.ms",
        "max.message.bytes" => "message.max.bytes",
        "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms",
        "message.timestamp.type" => "log.message.timestamp.type",
        "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio",
        "min.compaction.lag.ms" => "log.cleaner.min.compaction.lag.ms",
        "preallocate" => "log.preallocate",
        "retention.bytes" => "log.retention.bytes",
        "segment.bytes" => "log.segment.bytes",
        "segment.index.bytes" => "log.index.size.max.bytes",
        "compression.gzip.level"
        | "compression.lz4.level"
        | "compression.type"
        | "compression.zstd.level"
        | "min.insync.replicas"
        | "unclean.leader.election.enable" => name,
        _ => return None,
    })
}
