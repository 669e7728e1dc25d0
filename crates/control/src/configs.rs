//! Settings of topics change.

use std::collections::BTreeMap;

use ottla_metadata::config::{ConfigError, InertSetting, Setting, TopicConfig, canonical};
use ottla_metadata::record::{MetadataRecord, TopicConfigRecord};
use ottla_metadata::request::{AlterTopicConfig, TopicConfigAltered};
use ottla_metadata::{ControllerError, ControllerResponse, Image};

use crate::decision::Decision;
use crate::topics::find;

/// All of the changes, or none. Only what differs is written.
pub(crate) fn alter(image: &Image, want: &AlterTopicConfig) -> Result<Decision, ControllerError> {
    let topic = find(image, &want.topic)?;
    let overrides = altered(&topic.overrides, want)?;
    check_min_insync(&overrides, topic.partitions.iter().map(|p| p.replicas.len()))?;
    let changes = differences(&topic.overrides, &overrides);
    let altered = TopicConfigAltered { id: topic.id, overrides };
    let response = ControllerResponse::TopicConfigAltered(altered);
    if changes.is_empty() || want.validate_only {
        return Ok(Decision::unchanged(response));
    }
    let record = TopicConfigRecord { topic: topic.id, changes };
    Ok(Decision { records: vec![MetadataRecord::TopicConfig(record)], response })
}

/// More replicas in sync than there are replicas could never be: nothing would be acknowledged.
pub(crate) fn check_min_insync(
    overrides: &BTreeMap<String, String>,
    replicas: impl Iterator<Item = usize>,
) -> Result<(), ControllerError> {
    let Some(wanted) = TopicConfig::from_overrides(overrides)?.min_insync_replicas else {
        return Ok(());
    };
    let fewest = replicas.min().unwrap_or(usize::MAX);
    if wanted as usize <= fewest {
        return Ok(());
    }
    let why = format!(
        "`min.insync.replicas` of {wanted} is more than the topic's replication factor of \
         {fewest}: nothing could ever be acknowledged"
    );
    Err(ConfigError::Conflict { why, advice: "lower it, or leave it at `auto`" }.into())
}

fn altered(
    current: &BTreeMap<String, String>,
    want: &AlterTopicConfig,
) -> Result<BTreeMap<String, String>, ControllerError> {
    let mut overrides = current.clone();
    for key in &want.unset {
        if InertSetting::named(key).is_none() {
            Setting::named(key)?;
        }
        if want.set.contains_key(key) {
            return Err(ControllerError::SetAndUnset { key: key.clone() });
        }
        overrides.remove(key);
    }
    overrides.extend(want.set.clone());
    Ok(canonical(&overrides)?)
}

fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let gone = gone.map(|key| (key.clone(), None));
    let set = after.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    gone.chain(set.map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
}
