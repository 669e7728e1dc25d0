//! DescribeConfigs: the settings of topics, and what Kafka's tools look for among a broker's.

mod broker;

use bytes::Bytes;
use ottla_kafka_codec::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::configs::{self as resources, Refusal};
use super::topics;
use crate::call::Call;
use crate::configs::{self, Entry, SOURCE_DEFAULT, SOURCE_TOPIC};

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeConfigsRequest<'_> = call.decode()?;
    let detail = (request.include_synonyms, request.include_documentation);
    let mut is_first = topics::first_time();
    let once = request
        .resources
        .into_iter()
        .filter(|resource| is_first((resource.resource_type, resource.resource_name.to_string())));
    let results = once.map(|resource| {
        let (code, message, configs) = match describe(call, &resource, detail) {
            Ok(configs) => (ErrorCode::NONE, None, configs),
            Err((code, message)) => (code, Some(message.into()), Vec::new()),
        };
        DescribeConfigsResult {
            error_code: code.0,
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs,
        }
    });
    let results = results.collect();
    Ok(call.encode(&DescribeConfigsResponse { results, ..Default::default() }))
}

fn describe(
    call: &Call,
    resource: &DescribeConfigsResource<'_>,
    (synonyms, docs): (bool, bool),
) -> Result<Vec<DescribeConfigsResourceResult<'static>>, Refusal> {
    let mut described: Vec<_> = match resource.resource_type {
        resources::TOPIC => {
            let topic = resources::topic(call, &resource.resource_name)?;
            let replicas = topic.partitions.first().map_or(1, |first| first.replicas.len());
            configs::of_topic(&topic.overrides, replicas).into_iter().map(of_topic).collect()
        }
        resources::BROKER => {
            match resources::broker(call, &resource.resource_name)? {
                Some(id) => broker::entries(call, id),
                // What all brokers share is set with each broker's own settings.
                None => Vec::new(),
            }
        }
        other => return Err(resources::unknown_kind(other)),
    };
    let keys = resource.configuration_keys.as_deref().unwrap_or_default();
    if !keys.is_empty() {
        described.retain(|entry| keys.contains(&entry.name));
    }
    for entry in &mut described {
        if !synonyms {
            entry.synonyms.clear();
        }
        if !docs {
            entry.documentation = None;
        }
    }
    Ok(described)
}

fn of_topic(entry: Entry) -> DescribeConfigsResourceResult<'static> {
    let mut synonyms = Vec::new();
    if entry.is_set {
        synonyms.push(DescribeConfigsSynonym {
            name: entry.name.into(),
            value: Some(entry.value.clone().into()),
            source: SOURCE_TOPIC,
        });
    }
    if let Some(name) = configs::broker_synonym(entry.name) {
        synonyms.push(DescribeConfigsSynonym {
            name: name.to_owned().into(),
            value: Some(entry.default.clone().into()),
            source: SOURCE_DEFAULT,
        });
    }
    DescribeConfigsResourceResult {
        config_source: entry.source(),
        name: entry.name.into(),
        value: Some(entry.value.into()),
        read_only: false,
        is_sensitive: false,
        synonyms,
        config_type: entry.kind as i8,
        documentation: Some(entry.doc.into()),
    }
}
