//! ListOffsets: offsets by place or time.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_broker::{OffsetAt, TopicRef};
use ottla_kafka_codec::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::Timestamp;

use super::topics::{self, Turns};
use crate::call::Call;
use crate::errors;

/// Timestamps that mean a place, and the version from which on they do.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LATEST_TIERED: (i64, i16) = (-5, 9);
const EARLIEST_PENDING_UPLOAD: (i64, i16) = (-6, 11);

/// What is looked for.
enum Place {
    At(OffsetAt),
    /// A place that only tiered storage has.
    Nowhere,
}

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: ListOffsetsRequest<'_> = call.decode()?;
    let repeated = repeated(&request);
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut turns = Turns::default();
    for topic in &request.topics {
        let reference = topics::existing(&call.door.broker, &topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        let mut refused = BTreeSet::new();
        for asked in &topic.partitions {
            turns.took_one().await;
            let index = asked.partition_index;
            let found = match &reference {
                _ if repeated.contains(&(&*topic.name, index)) => {
                    if !refused.insert(index) {
                        continue;
                    }
                    Err(ErrorCode::INVALID_REQUEST)
                }
                Ok(reference) => find(call, reference, asked).await,
                Err(code) => Err(*code),
            };
            partitions.push(answered(index, found));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
    }
    Ok(call.encode(&ListOffsetsResponse { topics, ..Default::default() }))
}

/// Partitions that are asked for twice, which no client does on purpose.
fn repeated<'a>(request: &'a ListOffsetsRequest<'_>) -> BTreeSet<(&'a str, i32)> {
    let each = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|one| (&*topic.name, one.partition_index)));
    topics::repeated(each)
}

async fn find(
    call: &Call,
    topic: &TopicRef,
    asked: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let broker = &call.door.broker;
    let partition = topics::partition(asked.partition_index)?;
    let place = place(asked.timestamp, call.version())?;
    topics::check_epoch(broker, topic, partition, asked.current_leader_epoch)?;
    let Place::At(at) = place else {
        return Ok(ListOffsetsPartitionResponse::default());
    };
    let found = broker.list_offset(topic, partition, at).await;
    let found = found.map_err(|error| errors::of_fetch(&error))?;
    let by_time = matches!(at, OffsetAt::Timestamp(_) | OffsetAt::MaxTimestamp);
    if by_time && found.timestamp.is_none() {
        return Ok(ListOffsetsPartitionResponse::default());
    }
    Ok(ListOffsetsPartitionResponse {
        offset: found.offset.0,
        timestamp: found.timestamp.map_or(-1, |timestamp| timestamp.0),
        leader_epoch: found.record_epoch.map_or(-1, |epoch| epoch.0),
        ..Default::default()
    })
}

/// Which place a timestamp means.
fn place(timestamp: i64, version: i16) -> Result<Place, ErrorCode> {
    let since = |(_, from): (i64, i16), place| {
        if version >= from { Ok(place) } else { Err(ErrorCode::UNSUPPORTED_VERSION) }
    };
    match timestamp {
        LATEST => Ok(Place::At(OffsetAt::Latest)),
        EARLIEST => Ok(Place::At(OffsetAt::Earliest)),
        _ if timestamp == MAX_TIMESTAMP.0 => {
            since(MAX_TIMESTAMP, Place::At(OffsetAt::MaxTimestamp))
        }
        // Everything is local.
        _ if timestamp == EARLIEST_LOCAL.0 => since(EARLIEST_LOCAL, Place::At(OffsetAt::Earliest)),
        _ if timestamp == LATEST_TIERED.0 => since(LATEST_TIERED, Place::Nowhere),
        _ if timestamp == EARLIEST_PENDING_UPLOAD.0 => {
            since(EARLIEST_PENDING_UPLOAD, Place::Nowhere)
        }
        time if time < 0 => Err(ErrorCode::UNSUPPORTED_VERSION),
        time => Ok(Place::At(OffsetAt::Timestamp(Timestamp(time)))),
    }
}

fn answered(
    index: i32,
    found: Result<ListOffsetsPartitionResponse, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let answer = found.unwrap_or_else(|code| ListOffsetsPartitionResponse {
        error_code: code.0,
        ..Default::default()
    });
    ListOffsetsPartitionResponse { partition_index: index, ..answer }
}
