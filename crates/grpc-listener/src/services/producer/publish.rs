//! Plain records: dealt to partitions, made into batches, appended, and answered when every batch is
//! acknowledged.

use std::collections::BTreeMap;

use ottla_broker::{ProduceAck, ProduceError, ProduceRequest, Produced, TopicRef};
use ottla_model::{Acks, Durability, Outcome, PartitionId, Timestamp};
use ottla_record::partitioner::partition_for_key;
use ottla_record::{BatchBuilder, BatchOptions, Compression, RecordHeader};
use ottla_wire::error::key;
use ottla_wire::{RichError, convert, v1};

use crate::door::Door;
use crate::errors::{self, Refusal, refused};
use crate::translate;

/// Records of one request that go into one batch.
struct Batch {
    partition: PartitionId,
    indexes: Vec<u32>,
    bytes: bytes::Bytes,
}

/// How safe the records are to be before the answer.
#[derive(Clone, Copy)]
struct Safety {
    acks: Acks,
    durability: Option<Durability>,
}

/// A batch and what became of it.
struct Stored {
    partition: PartitionId,
    indexes: Vec<u32>,
    answer: Result<Produced, ProduceError>,
}

pub(super) async fn publish(
    door: &Door,
    request: v1::PublishRequest,
) -> Result<v1::PublishResponse, Refusal> {
    let topic = translate::topic_named(&request.topic)?;
    let acks = convert::acks_of_request(request.acks).map_err(|e| errors::of_unknown_value(&e))?;
    let durability = convert::durability_of_request(request.durability);
    let durability = durability.map_err(|error| errors::of_unknown_value(&error))?;
    let safety = Safety { acks, durability };
    let options = BatchOptions { compression: compression(&request)?, ..Default::default() };
    if request.records.is_empty() {
        return Err(refused("records", "there are no records to publish"));
    }
    let dealt = deal(door, &topic, &request)?;
    let batches = batches(door, &request.records, dealt, &options);
    let stored = store(door, &topic, batches, safety).await;
    answer(stored)
}

fn compression(request: &v1::PublishRequest) -> Result<Compression, Refusal> {
    let name = convert::compression_of_request(request.compression);
    let name = name.map_err(|error| errors::of_unknown_value(&error))?;
    name.parse().map_err(|_| refused("compression", format!("{name} is not served")))
}

/// Which records go to which partition, in their order.
fn deal(
    door: &Door,
    topic: &TopicRef,
    request: &v1::PublishRequest,
) -> Result<BTreeMap<PartitionId, Vec<u32>>, Refusal> {
    let indexes = 0..request.records.len() as u32;
    if let Some(partition) = request.partition {
        return Ok(BTreeMap::from([(PartitionId(partition), indexes.collect())]));
    }
    let partitions = door.partitions_of(topic).map_err(|error| errors::of_lookup(&error))?;
    let without_key = PartitionId(door.next_turn() % partitions.max(1));
    let mut dealt = BTreeMap::<_, Vec<_>>::new();
    for (index, record) in indexes.zip(&request.records) {
        let partition = match &record.key {
            Some(key) => partition_for_key(key, partitions),
            None => without_key,
        };
        dealt.entry(partition).or_default().push(index);
    }
    Ok(dealt)
}

fn batches(
    door: &Door,
    records: &[v1::Record],
    dealt: BTreeMap<PartitionId, Vec<u32>>,
    options: &BatchOptions,
) -> Vec<Batch> {
    let now = door.clock.now();
    let bytes_max = door.settings.publish_batch_bytes_max.0 as usize;
    let mut builder = BatchBuilder::new();
    let mut batches = Vec::new();
    for (partition, indexes) in dealt {
        let mut filled = Vec::new();
        for index in indexes {
            let record = &records[index as usize];
            if !builder.is_empty() && size_with(&builder, record, now) > bytes_max {
                let indexes = std::mem::take(&mut filled);
                batches.push(Batch { partition, indexes, bytes: builder.finish(options) });
            }
            let (timestamp, headers) = (timestamp(record, now), headers(record));
            builder.push(timestamp, record.key.as_deref(), record.value.as_deref(), headers);
            filled.push(index);
        }
        batches.push(Batch { partition, indexes: filled, bytes: builder.finish(options) });
    }
    batches
}

fn size_with(builder: &BatchBuilder, record: &v1::Record, now: Timestamp) -> usize {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    builder.encoded_size_after(timestamp(record, now), key, value, headers(record))
}

fn timestamp(record: &v1::Record, now: Timestamp) -> Timestamp {
    record.timestamp_ms.map_or(now, Timestamp)
}

fn headers(record: &v1::Record) -> impl ExactSizeIterator<Item = RecordHeader<'_>> + Clone {
    record.headers.iter().map(|header| RecordHeader::new(&header.key, header.value.as_deref()))
}

/// Appends every batch before it waits for the first acknowledgement.
async fn store(door: &Door, topic: &TopicRef, batches: Vec<Batch>, safety: Safety) -> Vec<Stored> {
    let mut waiting = Vec::new();
    for Batch { partition, indexes, bytes } in batches {
        let appended = append(door, topic, partition, bytes, safety).await;
        waiting.push((partition, indexes, appended));
    }
    let mut stored = Vec::new();
    for (partition, indexes, appended) in waiting {
        let answer = match appended {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        stored.push(Stored { partition, indexes, answer });
    }
    stored
}

async fn append(
    door: &Door,
    topic: &TopicRef,
    partition: PartitionId,
    batch: bytes::Bytes,
    safety: Safety,
) -> Result<ProduceAck, ProduceError> {
    let admission = door.broker.admit(batch.len() as u64).await?;
    let (topic, Safety { acks, durability }) = (topic.clone(), safety);
    let request = ProduceRequest { topic, partition, batch, acks, durability, admission };
    Ok(door.broker.produce(request))
}

fn answer(stored: Vec<Stored>) -> Result<v1::PublishResponse, Refusal> {
    let failed = stored.iter().find_map(|stored| stored.answer.as_ref().err());
    if let Some(error) = failed {
        return Err(failure(error, &stored).into());
    }
    let published = |Stored { partition, indexes, answer }: Stored| {
        let produced = answer.ok()?;
        Some(v1::PublishedBatch {
            partition: partition.0,
            base_offset: produced.base_offset.0,
            record_indexes: indexes,
            durability: v1::Durability::from(produced.durability) as i32,
            acks: v1::Acks::from(produced.acks) as i32,
            log_append_time_ms: produced.log_append_time.map(|time| time.0),
        })
    };
    Ok(v1::PublishResponse { batches: stored.into_iter().filter_map(published).collect() })
}

/// The first error, and what became of the other batches.
fn failure(error: &ProduceError, stored: &[Stored]) -> RichError {
    let of = |well: bool| {
        let batches = stored.iter().filter(move |stored| stored.answer.is_ok() == well);
        let mut partitions: Vec<_> = batches.map(|stored| stored.partition).collect();
        partitions.dedup();
        partitions
    };
    let (kept, failed) = (of(true), of(false));
    let mut rich = errors::of_produce(error);
    if !kept.is_empty() {
        rich.outcome = Outcome::Unknown;
        rich = rich.with(key::STORED_PARTITIONS, translate::listed(&kept));
    }
    rich.with(key::FAILED_PARTITIONS, translate::listed(&failed))
}
