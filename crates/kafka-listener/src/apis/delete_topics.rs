//! DeleteTopics: by name, and by id in the newest version.

use bytes::Bytes;
use ottla_broker::TopicRef;
use ottla_kafka_codec::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::TopicId;

use super::topics::{self, NO_ID};
use crate::call::Call;
use crate::errors;

/// The first version that lists topics with their ids.
const BY_ID_FROM: i16 = 6;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DeleteTopicsRequest<'_> = call.decode()?;
    let names = request.topic_names.into_iter();
    let named = names.map(|name| DeleteTopicState { name: Some(name), topic_id: NO_ID });
    let asked: Vec<_> = match call.version() {
        BY_ID_FROM.. => request.topics,
        _ => named.collect(),
    };
    let mut responses = Vec::with_capacity(asked.len());
    let mut is_first = topics::first_time();
    for topic in &asked {
        let again = !is_first((topic.name.as_deref(), topic.topic_id));
        responses.push(match delete(call, topic, again).await {
            Ok(deleted) => deleted,
            Err((code, message)) => DeletableTopicResult {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                error_code: code.0,
                error_message: Some(message.into()),
            },
        });
    }
    Ok(call.encode(&DeleteTopicsResponse { responses, ..Default::default() }))
}

async fn delete<'a>(
    call: &Call,
    topic: &DeleteTopicState<'a>,
    again: bool,
) -> Result<DeletableTopicResult<'a>, (ErrorCode, String)> {
    let broker = &call.door.broker;
    let reference = reference(topic, again)?;
    let known = broker.topic(&reference).map_err(|e| (errors::of_lookup(&e), e.to_string()))?;
    let deleted = broker.delete_topic(&TopicRef::Id(known.id)).await;
    deleted.map_err(|error| (errors::of_admin(&error), error.to_string()))?;
    Ok(DeletableTopicResult {
        name: Some(known.name.as_str().to_owned().into()),
        topic_id: known.id.to_bytes(),
        ..Default::default()
    })
}

fn reference(topic: &DeleteTopicState<'_>, again: bool) -> Result<TopicRef, (ErrorCode, String)> {
    let refuse = |why: &str| Err((ErrorCode::INVALID_REQUEST, why.to_owned()));
    match (&topic.name, topic.topic_id) {
        _ if again => refuse("the topic is listed twice"),
        (Some(_), id) if id != NO_ID => refuse("give a name or an id, not both"),
        (None, NO_ID) => refuse("give a name or an id"),
        (None, id) => Ok(TopicRef::Id(TopicId::from_bytes(id))),
        (Some(name), _) => topics::known_as(name).map_err(|code| (code, code.to_string())),
    }
}
