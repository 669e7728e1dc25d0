//! CreatePartitions: more of them; a topic never has fewer.

use bytes::Bytes;
use ottla_kafka_codec::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::topics;
use crate::call::Call;
use crate::errors;

/// Why it cannot be done, for programs and for people.
type Refusal = (ErrorCode, String);

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: CreatePartitionsRequest<'_> = call.decode()?;
    let mut results = Vec::with_capacity(request.topics.len());
    let repeated = topics::repeated(request.topics.iter().map(|topic| &*topic.name));
    for topic in &request.topics {
        let grown = match repeated.contains(&*topic.name) {
            true => Err((ErrorCode::INVALID_REQUEST, "the topic is listed twice".to_owned())),
            false => grow(call, topic, request.validate_only).await,
        };
        let (code, message) = match grown {
            Ok(()) => (ErrorCode::NONE, None),
            Err((code, message)) => (code, Some(message.into())),
        };
        results.push(CreatePartitionsTopicResult {
            name: topic.name.clone(),
            error_code: code.0,
            error_message: message,
        });
    }
    Ok(call.encode(&CreatePartitionsResponse { results, ..Default::default() }))
}

async fn grow(
    call: &Call,
    topic: &CreatePartitionsTopic<'_>,
    validate_only: bool,
) -> Result<(), Refusal> {
    let broker = &call.door.broker;
    let refuse = |code: ErrorCode| (code, code.to_string());
    let reference = topics::known_as(&topic.name).map_err(refuse)?;
    let known = broker.topic(&reference).map_err(|e| (errors::of_lookup(&e), e.to_string()))?;
    let count = match u32::try_from(topic.count) {
        Ok(count) if count > known.partitions => count,
        _ => {
            let why = format!("it has {} partitions, not fewer than that", known.partitions);
            return Err((ErrorCode::INVALID_PARTITIONS, why));
        }
    };
    if let Some(assignments) = topic.assignments.as_ref().filter(|all| !all.is_empty()) {
        let this = broker.describe_cluster().this_broker.0;
        let each = assignments.len() == (count - known.partitions) as usize;
        if !each || assignments.iter().any(|at| at.broker_ids != [this]) {
            let why = format!("each new partition has the one replica {this}");
            return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
        }
    }
    let grown = broker.add_partitions(&reference, count, validate_only).await;
    grown.map_err(|error| (errors::of_admin(&error), error.to_string()))
}
