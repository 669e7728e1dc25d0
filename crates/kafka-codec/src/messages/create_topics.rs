//! CreateTopics, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct CreateTopicsRequest<'a>: key 19, versions 2..=7, flexible 5 {
        topics: Vec<CreatableTopic<'a>> => 2..=7,
        timeout_ms: i32 => 2..=7 = 60000,
        validate_only: bool => 2..=7,
    }
}

fields! {
    pub struct CreatableTopic<'a> {
        name: Str<'a> => 2..=7,
        num_partitions: i32 => 2..=7,
        replication_factor: i16 => 2..=7,
        assignments: Vec<CreatableReplicaAssignment> => 2..=7,
        configs: Vec<CreatableTopicConfig<'a>> => 2..=7,
    }
}

fields! {
    pub struct CreatableReplicaAssignment {
        partition_index: i32 => 2..=7,
        broker_ids: Vec<i32> => 2..=7,
    }
}

fields! {
    pub struct CreatableTopicConfig<'a> {
        name: Str<'a> => 2..=7,
        value: Option<Str<'a>> => 2..=7 = Some(Cow::Borrowed("")),
    }
}

message! {
    /// What it is answered.
    pub struct CreateTopicsResponse<'a>: key 19, versions 2..=7, flexible 5 {
        throttle_time_ms: i32 => 2..=7,
        topics: Vec<CreatableTopicResult<'a>> => 2..=7,
    }
}

fields! {
    pub struct CreatableTopicResult<'a> {
        name: Str<'a> => 2..=7,
        topic_id: Uuid => 7..=7,
        error_code: i16 => 2..=7,
        error_message: Option<Str<'a>> => 2..=7 = Some(Cow::Borrowed("")),
        topic_config_error_code: i16 => 5..=7 tag 0,
        num_partitions: i32 => 5..=7 = -1,
        replication_factor: i16 => 5..=7 = -1,
        configs: Option<Vec<CreatableTopicConfigs<'a>>> => 5..=7 = Some(Vec::new()),
    }
}

fields! {
    pub struct CreatableTopicConfigs<'a> {
        name: Str<'a> => 5..=7,
        value: Option<Str<'a>> => 5..=7 = Some(Cow::Borrowed("")),
        read_only: bool => 5..=7,
        config_source: i8 => 5..=7 = -1,
        is_sensitive: bool => 5..=7,
    }
}
