//! ListOffsets, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct ListOffsetsRequest<'a>: key 2, versions 1..=11, flexible 6 {
        replica_id: i32 => 1..=11,
        isolation_level: i8 => 2..=11,
        topics: Vec<ListOffsetsTopic<'a>> => 1..=11,
        timeout_ms: i32 => 10..=11,
    }
}

fields! {
    pub struct ListOffsetsTopic<'a> {
        name: Str<'a> => 1..=11,
        partitions: Vec<ListOffsetsPartition> => 1..=11,
    }
}

fields! {
    pub struct ListOffsetsPartition {
        partition_index: i32 => 1..=11,
        current_leader_epoch: i32 => 4..=11 = -1,
        timestamp: i64 => 1..=11,
    }
}

message! {
    /// What it is answered.
    pub struct ListOffsetsResponse<'a>: key 2, versions 1..=11, flexible 6 {
        throttle_time_ms: i32 => 2..=11,
        topics: Vec<ListOffsetsTopicResponse<'a>> => 1..=11,
    }
}

fields! {
    pub struct ListOffsetsTopicResponse<'a> {
        name: Str<'a> => 1..=11,
        partitions: Vec<ListOffsetsPartitionResponse> => 1..=11,
    }
}

fields! {
    pub struct ListOffsetsPartitionResponse {
        partition_index: i32 => 1..=11,
        error_code: i16 => 1..=11,
        timestamp: i64 => 1..=11 = -1,
        offset: i64 => 1..=11 = -1,
        leader_epoch: i32 => 4..=11 = -1,
    }
}
