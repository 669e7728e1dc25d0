//! DescribeQuorum: the one voter of the cluster's metadata log, this node.

use bytes::Bytes;
use ottla_kafka_codec::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionDataResponse,
    ReplicaState, TopicDataResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::LeaderEpoch;

use super::topics;
use crate::call::Call;

/// What Kafka calls the metadata log.
const METADATA_TOPIC: &str = "__cluster_metadata";

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeQuorumRequest<'_> = call.decode()?;
    let mut is_first = topics::first_time();
    let topics = request.topics.iter().map(|topic| {
        let each = topic.partitions.iter();
        let once = each.filter(|one| is_first((&*topic.topic_name, one.partition_index)));
        let partitions = once.map(|partition| {
            match &*topic.topic_name == METADATA_TOPIC && partition.partition_index == 0 {
                true => described(call),
                false => unknown(partition.partition_index),
            }
        });
        let topic_name = topic.topic_name.clone();
        TopicDataResponse { partitions: partitions.collect(), topic_name }
    });
    let topics: Vec<TopicDataResponse<'_>> = topics.collect();
    let found = |topic: &TopicDataResponse<'_>| {
        topic.partitions.iter().any(|partition| partition.error_code == ErrorCode::NONE.0)
    };
    let nodes = topics.iter().any(found).then(|| node(call)).into_iter().collect();
    let response =
        DescribeQuorumResponse { error_message: None, topics, nodes, ..Default::default() };
    Ok(call.encode(&response))
}

fn described(call: &Call) -> PartitionDataResponse<'static> {
    let broker = &call.door.broker;
    let cluster = broker.describe_cluster();
    let this = cluster.brokers.iter().find(|one| one.id == cluster.this_broker);
    let end = broker.image().end().0;
    let voter = ReplicaState {
        replica_id: cluster.this_broker.0,
        replica_directory_id: this.map(|one| one.directory.to_bytes()).unwrap_or_default(),
        log_end_offset: end,
        ..Default::default()
    };
    PartitionDataResponse {
        error_message: None,
        leader_id: cluster.this_broker.0,
        // It has had no other leader, and can have none.
        leader_epoch: LeaderEpoch::FIRST.0,
        high_watermark: end,
        current_voters: vec![voter],
        ..Default::default()
    }
}

fn unknown(partition_index: i32) -> PartitionDataResponse<'static> {
    PartitionDataResponse {
        partition_index,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0,
        error_message: Some("the quorum has one log, __cluster_metadata-0".into()),
        ..Default::default()
    }
}

fn node(call: &Call) -> Node<'static> {
    let at = call.advertised();
    let listener = Listener { name: "CONTROLLER".into(), host: at.host.into(), port: at.port };
    let node_id = call.door.broker.describe_cluster().this_broker.0;
    Node { node_id, listeners: vec![listener] }
}
