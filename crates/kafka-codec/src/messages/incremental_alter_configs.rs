//! IncrementalAlterConfigs, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct IncrementalAlterConfigsRequest<'a>: key 44, versions 0..=1, flexible 1 {
        resources: Vec<AlterConfigsResource<'a>> => 0..=1,
        validate_only: bool => 0..=1,
    }
}

fields! {
    pub struct AlterConfigsResource<'a> {
        resource_type: i8 => 0..=1,
        resource_name: Str<'a> => 0..=1,
        configs: Vec<AlterableConfig<'a>> => 0..=1,
    }
}

fields! {
    pub struct AlterableConfig<'a> {
        name: Str<'a> => 0..=1,
        config_operation: i8 => 0..=1,
        value: Option<Str<'a>> => 0..=1 = Some(Cow::Borrowed("")),
    }
}

message! {
    /// What it is answered.
    pub struct IncrementalAlterConfigsResponse<'a>: key 44, versions 0..=1, flexible 1 {
        throttle_time_ms: i32 => 0..=1,
        responses: Vec<AlterConfigsResourceResponse<'a>> => 0..=1,
    }
}

fields! {
    pub struct AlterConfigsResourceResponse<'a> {
        error_code: i16 => 0..=1,
        error_message: Option<Str<'a>> => 0..=1 = Some(Cow::Borrowed("")),
        resource_type: i8 => 0..=1,
        resource_name: Str<'a> => 0..=1,
    }
}
