//! DeleteTopics, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DeleteTopicsRequest<'a>: key 20, versions 1..=6, flexible 4 {
        topics: Vec<DeleteTopicState<'a>> => 6..=6,
        topic_names: Vec<Str<'a>> => 1..=5,
        timeout_ms: i32 => 1..=6,
    }
}

fields! {
    pub struct DeleteTopicState<'a> {
        name: Option<Str<'a>> => 6..=6,
        topic_id: Uuid => 6..=6,
    }
}

message! {
    /// What it is answered.
    pub struct DeleteTopicsResponse<'a>: key 20, versions 1..=6, flexible 4 {
        throttle_time_ms: i32 => 1..=6,
        responses: Vec<DeletableTopicResult<'a>> => 1..=6,
    }
}

fields! {
    pub struct DeletableTopicResult<'a> {
        name: Option<Str<'a>> => 1..=6 nullable 6 = Some(Cow::Borrowed("")),
        topic_id: Uuid => 6..=6,
        error_code: i16 => 1..=6,
        error_message: Option<Str<'a>> => 5..=6,
    }
}
