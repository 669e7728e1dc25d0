//! DescribeProducers: the idempotent producers that partitions remember.

use bytes::Bytes;
use ottla_broker::{ProducerDescription, TopicRef};
use ottla_kafka_codec::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::topics;
use crate::call::Call;
use crate::errors;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeProducersRequest<'_> = call.decode()?;
    let mut is_first = topics::first_time();
    let topics = request.topics.iter().map(|topic| {
        let indexes = topic.partition_indexes.iter();
        let once = indexes.filter(|index| is_first((&*topic.name, **index)));
        let reference = existing(call, &topic.name);
        let partitions = once.map(|index| {
            let found = reference.clone().and_then(|topic| producers(call, &topic, *index));
            let code = found.as_ref().err().copied().unwrap_or_default();
            PartitionResponse {
                partition_index: *index,
                error_code: code.0,
                error_message: found.as_ref().err().map(|code| code.name().into()),
                active_producers: found.unwrap_or_default().into_iter().map(described).collect(),
            }
        });
        TopicResponse { partitions: partitions.collect(), name: topic.name.clone() }
    });
    let topics = topics.collect();
    Ok(call.encode(&DescribeProducersResponse { topics, ..Default::default() }))
}

fn existing(call: &Call, name: &str) -> Result<TopicRef, ErrorCode> {
    topics::named(name)?;
    topics::existing(&call.door.broker, name)
}

fn producers(
    call: &Call,
    topic: &TopicRef,
    index: i32,
) -> Result<Vec<ProducerDescription>, ErrorCode> {
    let found = call.door.broker.producers(topic, topics::partition(index)?);
    found.map_err(|error| errors::of_lookup(&error))
}

fn described(producer: ProducerDescription) -> ProducerState {
    ProducerState {
        producer_id: producer.id.0,
        producer_epoch: producer.epoch.0.into(),
        last_sequence: producer.last_sequence.map_or(-1, |sequence| sequence.0),
        last_timestamp: producer.last_seen.0,
        // No transaction has ended here, and none is open.
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    }
}
