//! Metadata, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct MetadataRequest<'a>: key 3, versions 0..=13, flexible 9 {
        topics: Option<Vec<MetadataRequestTopic<'a>>> => 0..=13 nullable 1 = Some(Vec::new()),
        allow_auto_topic_creation: bool => 4..=13 = true,
        include_cluster_authorized_operations: bool => 8..=10,
        include_topic_authorized_operations: bool => 8..=13,
    }
}

fields! {
    pub struct MetadataRequestTopic<'a> {
        topic_id: Uuid => 10..=13,
        name: Option<Str<'a>> => 0..=13 nullable 10 = Some(Cow::Borrowed("")),
    }
}

message! {
    /// What it is answered.
    pub struct MetadataResponse<'a>: key 3, versions 0..=13, flexible 9 {
        throttle_time_ms: i32 => 3..=13,
        brokers: Vec<MetadataResponseBroker<'a>> => 0..=13,
        cluster_id: Option<Str<'a>> => 2..=13,
        controller_id: i32 => 1..=13 = -1,
        topics: Vec<MetadataResponseTopic<'a>> => 0..=13,
        cluster_authorized_operations: i32 => 8..=10 = i32::MIN,
        error_code: i16 => 13..=13,
    }
}

fields! {
    pub struct MetadataResponseBroker<'a> {
        node_id: i32 => 0..=13,
        host: Str<'a> => 0..=13,
        port: i32 => 0..=13,
        rack: Option<Str<'a>> => 1..=13,
    }
}

fields! {
    pub struct MetadataResponseTopic<'a> {
        error_code: i16 => 0..=13,
        name: Option<Str<'a>> => 0..=13 nullable 12 = Some(Cow::Borrowed("")),
        topic_id: Uuid => 10..=13,
        is_internal: bool => 1..=13,
        partitions: Vec<MetadataResponsePartition> => 0..=13,
        topic_authorized_operations: i32 => 8..=13 = i32::MIN,
    }
}

fields! {
    pub struct MetadataResponsePartition {
        error_code: i16 => 0..=13,
        partition_index: i32 => 0..=13,
        leader_id: i32 => 0..=13,
        leader_epoch: i32 => 7..=13 = -1,
        replica_nodes: Vec<i32> => 0..=13,
        isr_nodes: Vec<i32> => 0..=13,
        offline_replicas: Vec<i32> => 5..=13,
    }
}
