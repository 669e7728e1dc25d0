//! IncrementalAlterConfigs: some settings, each set, unset, or with words added or taken away.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_kafka_codec::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_metadata::TopicImage;

use super::configs::{self, Refusal};
use crate::call::Call;
use crate::configs::{is_list, of_topic};

/// What is done to a setting.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: IncrementalAlterConfigsRequest<'_> = call.decode()?;
    let whose = |of: &AlterConfigsResource<'_>| (of.resource_type, of.resource_name.to_string());
    let resources: Vec<_> = request.resources.iter().map(|of| (whose(of), of)).collect();
    let altered = configs::alter_each(call, resources, changes, request.validate_only).await;
    let answered = request.resources.iter().zip(altered).map(|(resource, (code, message))| {
        AlterConfigsResourceResponse {
            error_code: code.0,
            error_message: message.map(Into::into),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    let responses = answered.collect();
    Ok(call.encode(&IncrementalAlterConfigsResponse { responses, ..Default::default() }))
}

fn changes(
    topic: &TopicImage,
    resource: &AlterConfigsResource<'_>,
) -> Result<(BTreeMap<String, String>, Vec<String>), Refusal> {
    let (mut set, mut unset, mut seen) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    for config in &resource.configs {
        let name = config.name.to_string();
        if !seen.insert(name.clone()) {
            return Err((ErrorCode::INVALID_REQUEST, format!("`{name}` is listed twice")));
        }
        if config.config_operation == DELETE {
            unset.push(name);
            continue;
        }
        let Some(value) = config.value.as_deref() else {
            return Err((ErrorCode::INVALID_REQUEST, format!("`{name}` has no value")));
        };
        let value = match config.config_operation {
            SET => value.to_owned(),
            operation @ (APPEND | SUBTRACT) => edited(topic, &name, value, operation)?,
            other => {
                let why = format!("there is no operation {other} on settings");
                return Err((ErrorCode::INVALID_REQUEST, why));
            }
        };
        set.insert(name, value);
    }
    Ok((set, unset))
}

/// The list that a setting is, with words added or taken away.
fn edited(topic: &TopicImage, name: &str, value: &str, operation: i8) -> Result<String, Refusal> {
    if !is_list(name) {
        let why = format!("`{name}` is no list: set it instead");
        return Err((ErrorCode::INVALID_CONFIG, why));
    }
    let entries = of_topic(&topic.overrides, 1);
    let now = entries.into_iter().find(|entry| entry.name == name).map(|entry| entry.value);
    let now = now.unwrap_or_default();
    let words = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (mut list, given) = (words(&now), words(value));
    match operation {
        APPEND => {
            let new: Vec<_> = given.into_iter().filter(|word| !list.contains(word)).collect();
            list.extend(new);
        }
        _ => list.retain(|word| !given.contains(word)),
    }
    Ok(list.join(","))
}
