//! AlterConfigs: a whole set of settings, in place of what was set before.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_kafka_codec::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_metadata::TopicImage;

use super::configs::{self, Refusal};
use crate::call::Call;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: AlterConfigsRequest<'_> = call.decode()?;
    let whose = |of: &AlterConfigsResource<'_>| (of.resource_type, of.resource_name.to_string());
    let resources: Vec<_> = request.resources.iter().map(|of| (whose(of), of)).collect();
    let altered = configs::alter_each(call, resources, replace, request.validate_only).await;
    let answered = request.resources.iter().zip(altered).map(|(resource, (code, message))| {
        AlterConfigsResourceResponse {
            error_code: code.0,
            error_message: message.map(Into::into),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    let responses = answered.collect();
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
