//! Fetch, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct FetchRequest<'a>: key 1, versions 4..=18, flexible 12 {
        cluster_id: Option<Str<'a>> => 12..=18 tag 0,
        replica_id: i32 => 4..=14 = -1,
        replica_state: ReplicaState => 15..=18 tag 1,
        max_wait_ms: i32 => 4..=18,
        min_bytes: i32 => 4..=18,
        max_bytes: i32 => 4..=18 = i32::MAX,
        isolation_level: i8 => 4..=18,
        session_id: i32 => 7..=18,
        session_epoch: i32 => 7..=18 = -1,
        topics: Vec<FetchTopic<'a>> => 4..=18,
        forgotten_topics_data: Vec<ForgottenTopic<'a>> => 7..=18,
        rack_id: Str<'a> => 11..=18,
    }
}

fields! {
    pub struct ReplicaState {
        replica_id: i32 => 15..=18 = -1,
        replica_epoch: i64 => 15..=18 = -1,
    }
}

fields! {
    pub struct FetchTopic<'a> {
        topic: Str<'a> => 4..=12,
        topic_id: Uuid => 13..=18,
        partitions: Vec<FetchPartition> => 4..=18,
    }
}

fields! {
    pub struct FetchPartition {
        partition: i32 => 4..=18,
        current_leader_epoch: i32 => 9..=18 = -1,
        fetch_offset: i64 => 4..=18,
        last_fetched_epoch: i32 => 12..=18 = -1,
        log_start_offset: i64 => 5..=18 = -1,
        partition_max_bytes: i32 => 4..=18,
        replica_directory_id: Uuid => 17..=18 tag 0,
        high_watermark: i64 => 18..=18 tag 1 = i64::MAX,
    }
}

fields! {
    pub struct ForgottenTopic<'a> {
        topic: Str<'a> => 7..=12,
        topic_id: Uuid => 13..=18,
        partitions: Vec<i32> => 7..=18,
    }
}

message! {
    /// What it is answered.
    pub struct FetchResponse<'a>: key 1, versions 4..=18, flexible 12 {
        throttle_time_ms: i32 => 4..=18,
        error_code: i16 => 7..=18,
        session_id: i32 => 7..=18,
        responses: Vec<FetchableTopicResponse<'a>> => 4..=18,
        node_endpoints: Vec<NodeEndpoint<'a>> => 16..=18 tag 0,
    }
}

fields! {
    pub struct FetchableTopicResponse<'a> {
        topic: Str<'a> => 4..=12,
        topic_id: Uuid => 13..=18,
        partitions: Vec<PartitionData> => 4..=18,
    }
}

fields! {
    pub struct PartitionData {
        partition_index: i32 => 4..=18,
        error_code: i16 => 4..=18,
        high_watermark: i64 => 4..=18,
        last_stable_offset: i64 => 4..=18 = -1,
        log_start_offset: i64 => 5..=18 = -1,
        diverging_epoch: EpochEndOffset => 12..=18 tag 0,
        current_leader: LeaderIdAndEpoch => 12..=18 tag 1,
        snapshot_id: SnapshotId => 12..=18 tag 2,
        aborted_transactions: Option<Vec<AbortedTransaction>> => 4..=18 = Some(Vec::new()),
        preferred_read_replica: i32 => 11..=18 = -1,
        records: Option<Records> => 4..=18,
    }
}

fields! {
    pub struct EpochEndOffset {
        epoch: i32 => 12..=18 = -1,
        end_offset: i64 => 12..=18 = -1,
    }
}

fields! {
    pub struct LeaderIdAndEpoch {
        leader_id: i32 => 12..=18 = -1,
        leader_epoch: i32 => 12..=18 = -1,
    }
}

fields! {
    pub struct SnapshotId {
        end_offset: i64 => 4..=18 = -1,
        epoch: i32 => 4..=18 = -1,
    }
}

fields! {
    pub struct AbortedTransaction {
        producer_id: i64 => 4..=18,
        first_offset: i64 => 4..=18,
    }
}

fields! {
    pub struct NodeEndpoint<'a> {
        node_id: i32 => 16..=18,
        host: Str<'a> => 16..=18,
        port: i32 => 16..=18,
        rack: Option<Str<'a>> => 16..=18,
    }
}
