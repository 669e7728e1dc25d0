//! DescribeTopicPartitions: topics page by page, where a page ends within a topic if it must.

use bytes::Bytes;
use ottla_kafka_codec::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, NextCursor,
};
use ottla_kafka_codec::{CodecError, ErrorCode, Str};
use ottla_metadata::{PartitionImage, TopicImage};
use ottla_model::{PartitionId, TopicName};

use super::metadata::TOPIC_OPERATIONS;
use crate::call::Call;

type Topic = DescribeTopicPartitionsResponseTopic<'static>;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeTopicPartitionsRequest<'_> = call.decode()?;
    let limit = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let limit = limit.clamp(1, call.door.settings.described_partitions_max);
    let image = call.door.broker.image();
    let mut names: Vec<String> = match request.topics.is_empty() {
        true => image.topics().iter().map(|topic| topic.name.as_str().to_owned()).collect(),
        false => request.topics.iter().map(|topic| topic.name.to_string()).collect(),
    };
    names.sort_unstable();
    names.dedup();
    let mut page = Page { topics: Vec::new(), left: limit, next: None };
    let begin = request.cursor.unwrap_or_default();
    for name in names.iter().filter(|name| ***name >= *begin.topic_name) {
        let known = TopicName::new(name).map_err(|_| ErrorCode::INVALID_TOPIC_EXCEPTION);
        let found = known.and_then(|name| {
            let topic = image.topics().named(&name);
            topic.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        });
        match found {
            Ok(topic) => page.add(topic, &begin),
            Err(code) => page.topics.push(missing(name, code)),
        }
        if page.next.is_some() {
            break;
        }
    }
    let Page { topics, next, .. } = page;
    let response =
        DescribeTopicPartitionsResponse { topics, next_cursor: next, ..Default::default() };
    Ok(call.encode(&response))
}

/// What is answered at a time.
struct Page {
    topics: Vec<Topic>,
    /// How many partitions still fit.
    left: usize,
    next: Option<NextCursor<'static>>,
}

impl Page {
    fn add(&mut self, topic: &TopicImage, begin: &Cursor<'_>) {
        let first = match *begin.topic_name == *topic.name.as_str() {
            true => usize::try_from(begin.partition_index).unwrap_or_default(),
            false => 0,
        };
        let name = || Str::from(topic.name.as_str().to_owned());
        let rest = topic.partitions().len().saturating_sub(first);
        if self.left == 0 || rest > self.left {
            let stopped = first + self.left;
            let partition_index = i32::try_from(stopped).expect("a topic has at most 10,000");
            self.next = Some(NextCursor { topic_name: name(), partition_index });
        }
        if self.left == 0 {
            return;
        }
        let page = topic.partitions().skip(first).take(self.left);
        let partitions: Vec<_> = page.map(described).collect();
        self.left -= partitions.len();
        self.topics.push(Topic {
            name: Some(name()),
            topic_id: topic.id.to_bytes(),
            partitions,
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..Default::default()
        });
    }
}

fn described(
    (PartitionId(index), partition): (PartitionId, &PartitionImage),
) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition {
        error_code: partition.leader.map_or(ErrorCode::LEADER_NOT_AVAILABLE, |_| ErrorCode::NONE).0,
        partition_index: index.cast_signed(),
        leader_id: partition.leader.map_or(-1, |id| id.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
        isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: Vec::new(),
    }
}

fn missing(name: &str, code: ErrorCode) -> Topic {
    Topic {
        error_code: code.0,
        name: Some(Str::from(name.to_owned())),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    }
}
