//! AlterConfigs, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct AlterConfigsRequest<'a>: key 33, versions 0..=2, flexible 2 {
        resources: Vec<AlterConfigsResource<'a>> => 0..=2,
        validate_only: bool => 0..=2,
    }
}

fields! {
    pub struct AlterConfigsResource<'a> {
        resource_type: i8 => 0..=2,
        resource_name: Str<'a> => 0..=2,
        configs: Vec<AlterableConfig<'a>> => 0..=2,
    }
}

fields! {
    pub struct AlterableConfig<'a> {
        name: Str<'a> => 0..=2,
        value: Option<Str<'a>> => 0..=2 = Some(Cow::Borrowed("")),
    }
}

message! {
    /// What it is answered.
    pub struct AlterConfigsResponse<'a>: key 33, versions 0..=2, flexible 2 {
        throttle_time_ms: i32 => 0..=2,
        responses: Vec<AlterConfigsResourceResponse<'a>> => 0..=2,
    }
}

fields! {
    pub struct AlterConfigsResourceResponse<'a> {
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 0..=2 = Some(Cow::Borrowed("")),
        resource_type: i8 => 0..=2,
        resource_name: Str<'a> => 0..=2,
    }
}
