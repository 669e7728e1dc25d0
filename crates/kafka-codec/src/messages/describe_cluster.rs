//! DescribeCluster, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeClusterRequest: key 60, versions 0..=2, flexible 0 {
        include_cluster_authorized_operations: bool => 0..=2,
        endpoint_type: i8 => 1..=2 = 1,
        include_fenced_brokers: bool => 2..=2,
    }
}

message! {
    /// What it is answered.
    pub struct DescribeClusterResponse<'a>: key 60, versions 0..=2, flexible 0 {
        throttle_time_ms: i32 => 0..=2,
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 0..=2,
        endpoint_type: i8 => 1..=2 = 1,
        cluster_id: Str<'a> => 0..=2,
        controller_id: i32 => 0..=2 = -1,
        brokers: Vec<DescribeClusterBroker<'a>> => 0..=2,
        cluster_authorized_operations: i32 => 0..=2 = i32::MIN,
    }
}

fields! {
    pub struct DescribeClusterBroker<'a> {
        broker_id: i32 => 0..=2,
        host: Str<'a> => 0..=2,
        port: i32 => 0..=2,
        rack: Option<Str<'a>> => 0..=2,
        is_fenced: bool => 2..=2,
    }
}
