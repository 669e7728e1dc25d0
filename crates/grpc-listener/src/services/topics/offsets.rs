//! Offsets by place or time, and cutting off the beginning. Partitions are answered one by one.

use ottla_broker::{Broker, OffsetAt, OffsetFound, TopicRef};
use ottla_model::{Offset, PartitionId, Timestamp};
use ottla_wire::convert::id_bytes;
use ottla_wire::v1;
use tonic::Status;

use crate::errors::{self, Refusal, refused};
use crate::translate;

pub(super) async fn list_offsets(
    broker: &Broker,
    request: v1::ListOffsetsRequest,
) -> Result<v1::ListOffsetsResponse, Status> {
    let topic = translate::topic(request.topic)?;
    let described = broker.topic(&topic).map_err(|error| errors::of_lookup(&error))?;
    let topic = TopicRef::Id(described.id);
    let queries = match request.queries.is_empty() {
        false => request.queries,
        true => every_partition(described.partitions),
    };
    let mut offsets = Vec::new();
    for query in queries {
        offsets.push(list_offset(broker, &topic, query).await);
    }
    Ok(v1::ListOffsetsResponse { topic_id: id_bytes(described.id), offsets })
}

fn every_partition(count: u32) -> Vec<v1::OffsetQuery> {
    (0..count).map(|partition| v1::OffsetQuery { partition, at: None }).collect()
}

async fn list_offset(
    broker: &Broker,
    topic: &TopicRef,
    query: v1::OffsetQuery,
) -> v1::ListedOffset {
    let partition = query.partition;
    match find(broker, topic, query).await {
        Ok(found) => v1::ListedOffset { partition, ..found },
        Err(error) => {
            v1::ListedOffset { partition, error: Some(error.into()), ..Default::default() }
        }
    }
}

async fn find(
    broker: &Broker,
    topic: &TopicRef,
    query: v1::OffsetQuery,
) -> Result<v1::ListedOffset, Refusal> {
    let at = place(query.at)?;
    let found = broker.list_offset(topic, PartitionId(query.partition), at).await;
    let OffsetFound { offset, timestamp, leader_epoch, record_epoch: _ } =
        found.map_err(|error| errors::of_fetch(&error))?;
    // Looked for by time and not found: the broker answers the end without a timestamp.
    let by_time = matches!(at, OffsetAt::Timestamp(_) | OffsetAt::MaxTimestamp);
    Ok(v1::ListedOffset {
        offset: (!by_time || timestamp.is_some()).then_some(offset.0),
        timestamp_ms: timestamp.map(|timestamp| timestamp.0),
        leader_epoch: leader_epoch.0,
        ..Default::default()
    })
}

fn place(at: Option<v1::OffsetAt>) -> Result<OffsetAt, Refusal> {
    use v1::offset_at::At;
    match at {
        None => Ok(OffsetAt::Latest),
        Some(v1::OffsetAt { at: None }) => {
            Err(refused("at", "the query says no place that this version knows"))
        }
        Some(v1::OffsetAt { at: Some(at) }) => Ok(match at {
            At::Earliest(_) => OffsetAt::Earliest,
            At::Latest(_) => OffsetAt::Latest,
            At::TimestampMs(timestamp) => OffsetAt::Timestamp(Timestamp(timestamp)),
            At::MaxTimestamp(_) => OffsetAt::MaxTimestamp,
        }),
    }
}

pub(super) async fn delete_records(
    broker: &Broker,
    request: v1::DeleteRecordsRequest,
) -> Result<v1::DeleteRecordsResponse, Status> {
    let topic = translate::topic(request.topic)?;
    let mut partitions = Vec::new();
    for before in request.partitions {
        partitions.push(delete_before(broker, &topic, before).await);
    }
    Ok(v1::DeleteRecordsResponse { partitions })
}

async fn delete_before(
    broker: &Broker,
    topic: &TopicRef,
    before: v1::RecordsBefore,
) -> v1::DeletedRecords {
    let v1::RecordsBefore { partition, before_offset } = before;
    let before = match before_offset {
        -1 => Ok(None),
        offset if offset >= 0 => Ok(Some(Offset(offset))),
        offset => Err(refused("before_offset", format!("{offset} is no offset"))),
    };
    let deleted = match before {
        Err(error) => Err(error),
        Ok(before) => {
            let deleted = broker.delete_records(topic, PartitionId(partition), before).await;
            deleted.map_err(|error| Refusal::from(errors::of_admin(&error)))
        }
    };
    match deleted {
        Ok(log_start) => v1::DeletedRecords { partition, log_start: log_start.0, error: None },
        Err(error) => v1::DeletedRecords { partition, error: Some(error.into()), log_start: 0 },
    }
}
