//! DescribeLogDirs: how large the partitions are. There is one directory, and it is named by its id.

use bytes::Bytes;
use ottla_broker::PartitionDescription;
use ottla_kafka_codec::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use ottla_kafka_codec::{CodecError, Str};
use ottla_model::PartitionId;

use super::topics;
use crate::call::Call;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeLogDirsRequest<'_> = call.decode()?;
    let broker = &call.door.broker;
    let asked: Vec<(String, Vec<i32>)> = match request.topics {
        None => {
            let every = broker.list_topics().into_iter().map(|topic| {
                let partitions = 0..topic.partitions.cast_signed();
                (topic.name.as_str().to_owned(), partitions.collect())
            });
            every.collect()
        }
        Some(topics) => {
            topics.into_iter().map(|topic| (topic.topic.into_owned(), topic.partitions)).collect()
        }
    };
    let mut is_first = topics::first_time();
    let topics = asked.into_iter().filter_map(|(name, mut partitions)| {
        partitions.sort_unstable();
        partitions.dedup();
        is_first(name.clone()).then(|| sizes(call, name, &partitions))?
    });
    let cluster = broker.describe_cluster();
    let this = cluster.brokers.iter().find(|one| one.id == cluster.this_broker);
    let directory = this.map(|one| one.directory.to_string()).unwrap_or_default();
    let said =
        |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let (total, usable) = broker.disk_bytes();
    let result = DescribeLogDirsResult {
        log_dir: directory.into(),
        topics: topics.collect(),
        total_bytes: said(total),
        usable_bytes: said(usable),
        ..Default::default()
    };
    Ok(call.encode(&DescribeLogDirsResponse { results: vec![result], ..Default::default() }))
}

/// What is not here is left out.
fn sizes(call: &Call, name: String, partitions: &[i32]) -> Option<DescribeLogDirsTopic<'static>> {
    let topic = topics::existing(&call.door.broker, &name).ok()?;
    let partitions: Vec<_> = partitions
        .iter()
        .filter_map(|index| {
            let partition = PartitionId(u32::try_from(*index).ok()?);
            call.door.broker.describe_partition(&topic, partition).ok()
        })
        .map(size)
        .collect();
    let name = Str::from(name);
    (!partitions.is_empty()).then_some(DescribeLogDirsTopic { name, partitions })
}

fn size(partition: PartitionDescription) -> DescribeLogDirsPartition {
    DescribeLogDirsPartition {
        partition_index: partition.partition.0.cast_signed(),
        partition_size: i64::try_from(partition.size.0).unwrap_or(i64::MAX),
        ..Default::default()
    }
}
