//! OffsetForLeaderEpoch: where an epoch ended, by which a client learns that the log it knew was cut.

use bytes::Bytes;
use ottla_broker::TopicRef;
use ottla_kafka_codec::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::LeaderEpoch;

use super::topics;
use crate::call::Call;
use crate::errors;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: OffsetForLeaderEpochRequest<'_> = call.decode()?;
    let replica = request.replica_id >= 0;
    let topics = request.topics.into_iter().map(|topic| {
        let reference = match replica {
            true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            false => topics::existing(&call.door.broker, &topic.topic),
        };
        let partitions = topic.partitions.iter().map(|asked| {
            let found = reference.clone().and_then(|topic| find(call, &topic, asked));
            let found = found
                .unwrap_or_else(|code| EpochEndOffset { error_code: code.0, ..Default::default() });
            EpochEndOffset { partition: asked.partition, ..found }
        });
        OffsetForLeaderTopicResult { partitions: partitions.collect(), topic: topic.topic }
    });
    let topics = topics.collect();
    Ok(call.encode(&OffsetForLeaderEpochResponse { topics, ..Default::default() }))
}

fn find(
    call: &Call,
    topic: &TopicRef,
    asked: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, ErrorCode> {
    let broker = &call.door.broker;
    let partition = topics::partition(asked.partition)?;
    topics::check_epoch(broker, topic, partition, asked.current_leader_epoch)?;
    if asked.leader_epoch < 0 {
        return Ok(EpochEndOffset::default());
    }
    let end = broker.epoch_end(topic, partition, LeaderEpoch(asked.leader_epoch));
    let end = end.map_err(|error| errors::of_lookup(&error))?;
    Ok(end.map_or_else(EpochEndOffset::default, |(epoch, end)| EpochEndOffset {
        leader_epoch: epoch.0,
        end_offset: end.0,
        ..Default::default()
    }))
}
