//! FindCoordinator, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct FindCoordinatorRequest<'a>: key 10, versions 0..=6, flexible 3 {
        key: Str<'a> => 0..=3,
        key_type: i8 => 1..=6,
        coordinator_keys: Vec<Str<'a>> => 4..=6,
    }
}

message! {
    /// What it is answered.
    pub struct FindCoordinatorResponse<'a>: key 10, versions 0..=6, flexible 3 {
        throttle_time_ms: i32 => 1..=6,
        error_code: i16 => 0..=3,
        error_message: Option<Str<'a>> => 1..=3 = Some(Cow::Borrowed("")),
        node_id: i32 => 0..=3,
        host: Str<'a> => 0..=3,
        port: i32 => 0..=3,
        coordinators: Vec<Coordinator<'a>> => 4..=6,
    }
}

fields! {
    pub struct Coordinator<'a> {
        key: Str<'a> => 4..=6,
        node_id: i32 => 4..=6,
        host: Str<'a> => 4..=6,
        port: i32 => 4..=6,
        error_code: i16 => 4..=6,
        error_message: Option<Str<'a>> => 4..=6 = Some(Cow::Borrowed("")),
    }
}
