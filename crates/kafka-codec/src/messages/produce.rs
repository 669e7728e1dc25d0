//! Produce, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct ProduceRequest<'a>: key 0, versions 3..=13, flexible 9 {
        transactional_id: Option<Str<'a>> => 3..=13,
        acks: i16 => 3..=13,
        timeout_ms: i32 => 3..=13,
        topic_data: Vec<TopicProduceData<'a>> => 3..=13,
    }
}

fields! {
    pub struct TopicProduceData<'a> {
        name: Str<'a> => 3..=12,
        topic_id: Uuid => 13..=13,
        partition_data: Vec<PartitionProduceData> => 3..=13,
    }
}

fields! {
    pub struct PartitionProduceData {
        index: i32 => 3..=13,
        records: Option<Records> => 3..=13,
    }
}

message! {
    /// What it is answered.
    pub struct ProduceResponse<'a>: key 0, versions 3..=13, flexible 9 {
        responses: Vec<TopicProduceResponse<'a>> => 3..=13,
        throttle_time_ms: i32 => 3..=13,
        node_endpoints: Vec<NodeEndpoint<'a>> => 10..=13 tag 0,
    }
}

fields! {
    pub struct TopicProduceResponse<'a> {
        name: Str<'a> => 3..=12,
        topic_id: Uuid => 13..=13,
        partition_responses: Vec<PartitionProduceResponse<'a>> => 3..=13,
    }
}

fields! {
    pub struct PartitionProduceResponse<'a> {
        index: i32 => 3..=13,
        error_code: i16 => 3..=13,
        base_offset: i64 => 3..=13,
        log_append_time_ms: i64 => 3..=13 = -1,
        log_start_offset: i64 => 5..=13 = -1,
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> => 8..=13,
        error_message: Option<Str<'a>> => 8..=13,
        current_leader: LeaderIdAndEpoch => 10..=13 tag 0,
    }
}

fields! {
    pub struct BatchIndexAndErrorMessage<'a> {
        batch_index: i32 => 8..=13,
        batch_index_error_message: Option<Str<'a>> => 8..=13,
    }
}

fields! {
    pub struct LeaderIdAndEpoch {
        leader_id: i32 => 10..=13 = -1,
        leader_epoch: i32 => 10..=13 = -1,
    }
}

fields! {
    pub struct NodeEndpoint<'a> {
        node_id: i32 => 10..=13,
        host: Str<'a> => 10..=13,
        port: i32 => 10..=13,
        rack: Option<Str<'a>> => 10..=13,
    }
}
