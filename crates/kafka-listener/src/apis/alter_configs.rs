//! AlterConfigs: a whole set of settings, in place of what was set before.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_kafka_codec::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_metadata::TopicImage;

use super::configs::{self, Refusal};
use super::topics;
use crate::call::Call;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: AlterConfigsRequest<'_> = call.decode()?;
    let mut responses = Vec::with_capacity(request.resources.len());
    let whose = |of: &AlterConfigsResource<'_>| (of.resource_type, of.resource_name.to_string());
    let repeated = topics::repeated(request.resources.iter().map(whose));
    for resource in &request.resources {
        let altered = match repeated.contains(&whose(resource)) {
            false => {
                let whose = (resource.resource_type, &*resource.resource_name);
                let change = |topic: &TopicImage| replace(topic, resource);
                configs::alter(call, whose, change, request.validate_only).await
            }
            true => Err((ErrorCode::INVALID_REQUEST, "the resource is listed twice".to_owned())),
        };
        let (code, message) = match altered {
            Ok(()) => (ErrorCode::NONE, None),
            Err((code, message)) => (code, Some(message.into())),
        };
        responses.push(AlterConfigsResourceResponse {
            error_code: code.0,
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        });
    }
    Ok(call.encode(&AlterConfigsResponse { responses, ..Default::default() }))
}

/// What was set and is not any more goes back to its default.
fn replace(
    topic: &TopicImage,
    resource: &AlterConfigsResource<'_>,
) -> Result<(BTreeMap<String, String>, Vec<String>), Refusal> {
    let mut set = BTreeMap::new();
    for config in &resource.configs {
        let Some(value) = &config.value else {
            let why = format!("`{}` has no value", config.name);
            return Err((ErrorCode::INVALID_REQUEST, why));
        };
        set.insert(config.name.to_string(), value.to_string());
    }
    let unset = topic.overrides.keys().filter(|key| !set.contains_key(*key)).cloned().collect();
    Ok((set, unset))
}
