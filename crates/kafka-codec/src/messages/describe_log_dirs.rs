//! DescribeLogDirs, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeLogDirsRequest<'a>: key 35, versions 1..=5, flexible 2 {
        topics: Option<Vec<DescribableLogDirTopic<'a>>> => 1..=5 = Some(Vec::new()),
    }
}

fields! {
    pub struct DescribableLogDirTopic<'a> {
        topic: Str<'a> => 1..=5,
        partitions: Vec<i32> => 1..=5,
    }
}

message! {
    /// What it is answered.
    pub struct DescribeLogDirsResponse<'a>: key 35, versions 1..=5, flexible 2 {
        throttle_time_ms: i32 => 1..=5,
        error_code: i16 => 3..=5,
        results: Vec<DescribeLogDirsResult<'a>> => 1..=5,
    }
}

fields! {
    pub struct DescribeLogDirsResult<'a> {
        error_code: i16 => 1..=5,
        log_dir: Str<'a> => 1..=5,
        topics: Vec<DescribeLogDirsTopic<'a>> => 1..=5,
        total_bytes: i64 => 4..=5 = -1,
        usable_bytes: i64 => 4..=5 = -1,
        is_cordoned: bool => 5..=5,
    }
}

fields! {
    pub struct DescribeLogDirsTopic<'a> {
        name: Str<'a> => 1..=5,
        partitions: Vec<DescribeLogDirsPartition> => 1..=5,
    }
}

fields! {
    pub struct DescribeLogDirsPartition {
        partition_index: i32 => 1..=5,
        partition_size: i64 => 1..=5,
        offset_lag: i64 => 1..=5,
        is_future_key: bool => 1..=5,
    }
}
