//! DescribeTopicPartitions, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeTopicPartitionsRequest<'a>: key 75, versions 0..=0, flexible 0 {
        topics: Vec<TopicRequest<'a>> => 0..=0,
        response_partition_limit: i32 => 0..=0 = 2000,
        cursor: Option<Cursor<'a>> => 0..=0,
    }
}

fields! {
    pub struct TopicRequest<'a> {
        name: Str<'a> => 0..=0,
    }
}

fields! {
    pub struct Cursor<'a> {
        topic_name: Str<'a> => 0..=0,
        partition_index: i32 => 0..=0,
    }
}

message! {
    /// What it is answered.
    pub struct DescribeTopicPartitionsResponse<'a>: key 75, versions 0..=0, flexible 0 {
        throttle_time_ms: i32 => 0..=0,
        topics: Vec<DescribeTopicPartitionsResponseTopic<'a>> => 0..=0,
        next_cursor: Option<NextCursor<'a>> => 0..=0,
    }
}

fields! {
    pub struct DescribeTopicPartitionsResponseTopic<'a> {
        error_code: i16 => 0..=0,
        name: Option<Str<'a>> => 0..=0 = Some(Cow::Borrowed("")),
        topic_id: Uuid => 0..=0,
        is_internal: bool => 0..=0,
        partitions: Vec<DescribeTopicPartitionsResponsePartition> => 0..=0,
        topic_authorized_operations: i32 => 0..=0 = i32::MIN,
    }
}

fields! {
    pub struct DescribeTopicPartitionsResponsePartition {
        error_code: i16 => 0..=0,
        partition_index: i32 => 0..=0,
        leader_id: i32 => 0..=0,
        leader_epoch: i32 => 0..=0 = -1,
        replica_nodes: Vec<i32> => 0..=0,
        isr_nodes: Vec<i32> => 0..=0,
        eligible_leader_replicas: Option<Vec<i32>> => 0..=0,
        last_known_elr: Option<Vec<i32>> => 0..=0,
        offline_replicas: Vec<i32> => 0..=0,
    }
}

fields! {
    pub struct NextCursor<'a> {
        topic_name: Str<'a> => 0..=0,
        partition_index: i32 => 0..=0,
    }
}
