//! ListPartitionReassignments, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct ListPartitionReassignmentsRequest<'a>: key 46, versions 0..=0, flexible 0 {
        timeout_ms: i32 => 0..=0 = 60000,
        topics: Option<Vec<ListPartitionReassignmentsTopics<'a>>> => 0..=0,
    }
}

fields! {
    pub struct ListPartitionReassignmentsTopics<'a> {
        name: Str<'a> => 0..=0,
        partition_indexes: Vec<i32> => 0..=0,
    }
}

message! {
    /// What it is answered.
    pub struct ListPartitionReassignmentsResponse<'a>: key 46, versions 0..=0, flexible 0 {
        throttle_time_ms: i32 => 0..=0,
        error_code: i16 => 0..=0,
        error_message: Option<Str<'a>> => 0..=0 = Some(Cow::Borrowed("")),
        topics: Vec<OngoingTopicReassignment<'a>> => 0..=0,
    }
}

fields! {
    pub struct OngoingTopicReassignment<'a> {
        name: Str<'a> => 0..=0,
        partitions: Vec<OngoingPartitionReassignment> => 0..=0,
    }
}

fields! {
    pub struct OngoingPartitionReassignment {
        partition_index: i32 => 0..=0,
        replicas: Vec<i32> => 0..=0,
        adding_replicas: Vec<i32> => 0..=0,
        removing_replicas: Vec<i32> => 0..=0,
    }
}
