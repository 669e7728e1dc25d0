//! DescribeQuorum, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeQuorumRequest<'a>: key 55, versions 0..=2, flexible 0 {
        topics: Vec<TopicData<'a>> => 0..=2,
    }
}

fields! {
    pub struct TopicData<'a> {
        topic_name: Str<'a> => 0..=2,
        partitions: Vec<PartitionData> => 0..=2,
    }
}

fields! {
    pub struct PartitionData {
        partition_index: i32 => 0..=2,
    }
}

message! {
    /// What it is answered.
    pub struct DescribeQuorumResponse<'a>: key 55, versions 0..=2, flexible 0 {
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 2..=2 = Some(Cow::Borrowed("")),
        topics: Vec<TopicDataResponse<'a>> => 0..=2,
        nodes: Vec<Node<'a>> => 2..=2,
    }
}

fields! {
    pub struct TopicDataResponse<'a> {
        topic_name: Str<'a> => 0..=2,
        partitions: Vec<PartitionDataResponse<'a>> => 0..=2,
    }
}

fields! {
    pub struct PartitionDataResponse<'a> {
        partition_index: i32 => 0..=2,
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 2..=2 = Some(Cow::Borrowed("")),
        leader_id: i32 => 0..=2,
        leader_epoch: i32 => 0..=2,
        high_watermark: i64 => 0..=2,
        current_voters: Vec<ReplicaState> => 0..=2,
        observers: Vec<ReplicaState> => 0..=2,
    }
}

fields! {
    pub struct ReplicaState {
        replica_id: i32 => 0..=2,
        replica_directory_id: Uuid => 2..=2,
        log_end_offset: i64 => 0..=2,
        last_fetch_timestamp: i64 => 1..=2 = -1,
        last_caught_up_timestamp: i64 => 1..=2 = -1,
    }
}

fields! {
    pub struct Node<'a> {
        node_id: i32 => 2..=2,
        listeners: Vec<Listener<'a>> => 2..=2,
    }
}

fields! {
    pub struct Listener<'a> {
        name: Str<'a> => 2..=2,
        host: Str<'a> => 2..=2,
        port: u16 => 2..=2,
    }
}
