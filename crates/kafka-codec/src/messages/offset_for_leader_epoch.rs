//! OffsetForLeaderEpoch, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct OffsetForLeaderEpochRequest<'a>: key 23, versions 2..=4, flexible 4 {
        replica_id: i32 => 3..=4 = -2,
        topics: Vec<OffsetForLeaderTopic<'a>> => 2..=4,
    }
}

fields! {
    pub struct OffsetForLeaderTopic<'a> {
        topic: Str<'a> => 2..=4,
        partitions: Vec<OffsetForLeaderPartition> => 2..=4,
    }
}

fields! {
    pub struct OffsetForLeaderPartition {
        partition: i32 => 2..=4,
        current_leader_epoch: i32 => 2..=4 = -1,
        leader_epoch: i32 => 2..=4,
    }
}

message! {
    /// What it is answered.
    pub struct OffsetForLeaderEpochResponse<'a>: key 23, versions 2..=4, flexible 4 {
        throttle_time_ms: i32 => 2..=4,
        topics: Vec<OffsetForLeaderTopicResult<'a>> => 2..=4,
    }
}

fields! {
    pub struct OffsetForLeaderTopicResult<'a> {
        topic: Str<'a> => 2..=4,
        partitions: Vec<EpochEndOffset> => 2..=4,
    }
}

fields! {
    pub struct EpochEndOffset {
        error_code: i16 => 2..=4,
        partition: i32 => 2..=4,
        leader_epoch: i32 => 2..=4 = -1,
        end_offset: i64 => 2..=4 = -1,
    }
}
