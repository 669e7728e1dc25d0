//! ElectLeaders, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct ElectLeadersRequest<'a>: key 43, versions 0..=2, flexible 2 {
        election_type: i8 => 1..=2,
        topic_partitions: Option<Vec<TopicPartitions<'a>>> => 0..=2 = Some(Vec::new()),
        timeout_ms: i32 => 0..=2 = 60000,
    }
}

fields! {
    pub struct TopicPartitions<'a> {
        topic: Str<'a> => 0..=2,
        partitions: Vec<i32> => 0..=2,
    }
}

message! {
    /// What it is answered.
    pub struct ElectLeadersResponse<'a>: key 43, versions 0..=2, flexible 2 {
        throttle_time_ms: i32 => 0..=2,
        error_code: i16 => 1..=2,
        replica_election_results: Vec<ReplicaElectionResult<'a>> => 0..=2,
    }
}

fields! {
    pub struct ReplicaElectionResult<'a> {
        topic: Str<'a> => 0..=2,
        partition_result: Vec<PartitionResult<'a>> => 0..=2,
    }
}

fields! {
    pub struct PartitionResult<'a> {
        partition_id: i32 => 0..=2,
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 0..=2 = Some(Cow::Borrowed("")),
    }
}
