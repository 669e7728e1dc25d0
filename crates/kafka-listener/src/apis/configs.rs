//! Whose settings are asked for or changed: what the three APIs for settings share.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_broker::{AlterTopicConfig, TopicRef};
use ottla_kafka_codec::ErrorCode;
use ottla_metadata::TopicImage;
use ottla_model::TopicName;

use super::topics;
use crate::call::Call;
use crate::errors;

/// A topic's settings.
pub(super) const TOPIC: i8 = 2;
/// A broker's settings.
pub(super) const BROKER: i8 = 4;

/// Why it cannot be done, for programs and for people.
pub(super) type Refusal = (ErrorCode, String);

/// The topic of this name.
pub(super) fn topic(call: &Call, name: &str) -> Result<Arc<TopicImage>, Refusal> {
    let name = TopicName::new(name)
        .map_err(|error| (ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
    let image = call.door.broker.image();
    image
        .topics()
        .named(&name)
        .cloned()
        .ok_or_else(|| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no topic {name}")))
}

/// The broker of this number, which is this one; `None` for what all brokers share.
pub(super) fn broker(call: &Call, name: &str) -> Result<Option<i32>, Refusal> {
    let this = call.door.broker.describe_cluster().this_broker.0;
    match name {
        "" => Ok(None),
        _ if name.parse() == Ok(this) => Ok(Some(this)),
        _ => {
            let why = format!("this is broker {this}; ask broker {name} for its settings");
            Err((ErrorCode::INVALID_REQUEST, why))
        }
    }
}

pub(super) fn unknown_kind(kind: i8) -> Refusal {
    let why = format!("resources of kind {kind} have no settings here; topics are 2, brokers 4");
    (ErrorCode::INVALID_REQUEST, why)
}

/// What becomes of a topic's settings: new values, and what goes back to its default.
pub(super) type Changes = (BTreeMap<String, String>, Vec<String>);

/// Changes the settings of each resource by what the request says of it; the answers, in order.
pub(super) async fn alter_each<R>(
    call: &Call,
    resources: Vec<((i8, String), &R)>,
    change: impl Fn(&TopicImage, &R) -> Result<Changes, Refusal>,
    validate_only: bool,
) -> Vec<(ErrorCode, Option<String>)> {
    let repeated = topics::repeated(resources.iter().map(|(whose, _)| whose));
    let mut answers = Vec::with_capacity(resources.len());
    for (whose, resource) in &resources {
        let altered = match repeated.contains(&whose) {
            false => {
                let change = |topic: &TopicImage| change(topic, resource);
                alter(call, (whose.0, &whose.1), change, validate_only).await
            }
            true => Err((ErrorCode::INVALID_REQUEST, "the resource is listed twice".to_owned())),
        };
        answers.push(match altered {
            Ok(()) => (ErrorCode::NONE, None),
            Err((code, message)) => (code, Some(message)),
        });
    }
    answers
}

/// Changes a topic's settings: `set` holds new values, `unset` what goes back to its default.
async fn alter(
    call: &Call,
    (kind, name): (i8, &str),
    change: impl FnOnce(&TopicImage) -> Result<Changes, Refusal>,
    validate_only: bool,
) -> Result<(), Refusal> {
    match kind {
        TOPIC => {}
        BROKER => {
            broker(call, name)?;
            let why = "a broker's settings are set where it is started: `ottla config default`";
            return Err((ErrorCode::INVALID_REQUEST, why.to_owned()));
        }
        other => return Err(unknown_kind(other)),
    }
    let topic = topic(call, name)?;
    let (set, unset) = change(&topic)?;
    let change = AlterTopicConfig { set, unset, validate_only };
    let altered = call.door.broker.alter_topic_config(&TopicRef::Id(topic.id), change).await;
    altered.map_err(|error| (errors::of_admin(&error), error.to_string()))
}
