//! DescribeProducers, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeProducersRequest<'a>: key 61, versions 0..=0, flexible 0 {
        topics: Vec<TopicRequest<'a>> => 0..=0,
    }
}

fields! {
    pub struct TopicRequest<'a> {
        name: Str<'a> => 0..=0,
        partition_indexes: Vec<i32> => 0..=0,
    }
}

message! {
    /// What it is answered.
    pub struct DescribeProducersResponse<'a>: key 61, versions 0..=0, flexible 0 {
        throttle_time_ms: i32 => 0..=0,
        topics: Vec<TopicResponse<'a>> => 0..=0,
    }
}

fields! {
    pub struct TopicResponse<'a> {
        name: Str<'a> => 0..=0,
        partitions: Vec<PartitionResponse<'a>> => 0..=0,
    }
}

fields! {
    pub struct PartitionResponse<'a> {
        partition_index: i32 => 0..=0,
        error_code: i16 => 0..=0,
        error_message: Option<Str<'a>> => 0..=0,
        active_producers: Vec<ProducerState> => 0..=0,
    }
}

fields! {
    pub struct ProducerState {
        producer_id: i64 => 0..=0,
        producer_epoch: i32 => 0..=0,
        last_sequence: i32 => 0..=0 = -1,
        last_timestamp: i64 => 0..=0 = -1,
        coordinator_epoch: i32 => 0..=0,
        current_txn_start_offset: i64 => 0..=0 = -1,
    }
}
