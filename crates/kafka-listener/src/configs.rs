//! Settings of topics, as Kafka describes them.

use std::collections::BTreeMap;

use ottla_metadata::TopicConfig;
use ottla_metadata::config::{Setting, ValueKind};

/// Where a value comes from: it was set for the topic.
pub(crate) const SOURCE_TOPIC: i8 = 1;
/// Where a value comes from: nobody set it.
pub(crate) const SOURCE_DEFAULT: i8 = 5;

/// One setting of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) default: String,
    pub(crate) is_set: bool,
    pub(crate) kind: ValueKind,
    pub(crate) doc: &'static str,
}

impl Entry {
    pub(crate) fn source(&self) -> i8 {
        if self.is_set { SOURCE_TOPIC } else { SOURCE_DEFAULT }
    }
}

/// Every setting of a topic that sets only these, which were accepted.
pub(crate) fn of_topic(overrides: &BTreeMap<String, String>, replicas: usize) -> Vec<Entry> {
    let config = TopicConfig::from_overrides(overrides).unwrap_or_default();
    let entry = |(setting, value): (&'static Setting, String)| Entry {
        name: setting.name,
        value: spelled(setting, value, &config, replicas),
        default: spelled(setting, setting.default_value(), &TopicConfig::default(), replicas),
        is_set: overrides.contains_key(setting.name),
        kind: setting.kind,
        doc: setting.doc,
    };
    config.entries().map(entry).collect()
}

/// Kafka's clients read a number here; `auto` is a word of ours.
fn spelled(setting: &Setting, value: String, config: &TopicConfig, replicas: usize) -> String {
    match setting.name {
        "min.insync.replicas" => config.min_insync(replicas).to_string(),
        _ => value,
    }
}
