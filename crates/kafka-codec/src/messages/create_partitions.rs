//! CreatePartitions, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct CreatePartitionsRequest<'a>: key 37, versions 0..=3, flexible 2 {
        topics: Vec<CreatePartitionsTopic<'a>> => 0..=3,
        timeout_ms: i32 => 0..=3,
        validate_only: bool => 0..=3,
    }
}

fields! {
    pub struct CreatePartitionsTopic<'a> {
        name: Str<'a> => 0..=3,
        count: i32 => 0..=3,
        assignments: Option<Vec<CreatePartitionsAssignment>> => 0..=3 = Some(Vec::new()),
    }
}

fields! {
    pub struct CreatePartitionsAssignment {
        broker_ids: Vec<i32> => 0..=3,
    }
}

message! {
    /// What it is answered.
    pub struct CreatePartitionsResponse<'a>: key 37, versions 0..=3, flexible 2 {
        throttle_time_ms: i32 => 0..=3,
        results: Vec<CreatePartitionsTopicResult<'a>> => 0..=3,
    }
}

fields! {
    pub struct CreatePartitionsTopicResult<'a> {
        name: Str<'a> => 0..=3,
        error_code: i16 => 0..=3,
        error_message: Option<Str<'a>> => 0..=3,
    }
}
