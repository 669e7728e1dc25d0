//! DeleteRecords, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DeleteRecordsRequest<'a>: key 21, versions 0..=2, flexible 2 {
        topics: Vec<DeleteRecordsTopic<'a>> => 0..=2,
        timeout_ms: i32 => 0..=2,
    }
}

fields! {
    pub struct DeleteRecordsTopic<'a> {
        name: Str<'a> => 0..=2,
        partitions: Vec<DeleteRecordsPartition> => 0..=2,
    }
}

fields! {
    pub struct DeleteRecordsPartition {
        partition_index: i32 => 0..=2,
        offset: i64 => 0..=2,
    }
}

message! {
    /// What it is answered.
    pub struct DeleteRecordsResponse<'a>: key 21, versions 0..=2, flexible 2 {
        throttle_time_ms: i32 => 0..=2,
        topics: Vec<DeleteRecordsTopicResult<'a>> => 0..=2,
    }
}

fields! {
    pub struct DeleteRecordsTopicResult<'a> {
        name: Str<'a> => 0..=2,
        partitions: Vec<DeleteRecordsPartitionResult> => 0..=2,
    }
}

fields! {
    pub struct DeleteRecordsPartitionResult {
        partition_index: i32 => 0..=2,
        low_watermark: i64 => 0..=2,
        error_code: i16 => 0..=2,
    }
}
