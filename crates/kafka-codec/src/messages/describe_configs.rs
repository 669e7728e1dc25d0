//! DescribeConfigs, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct DescribeConfigsRequest<'a>: key 32, versions 1..=4, flexible 4 {
        resources: Vec<DescribeConfigsResource<'a>> => 1..=4,
        include_synonyms: bool => 1..=4,
        include_documentation: bool => 3..=4,
    }
}

fields! {
    pub struct DescribeConfigsResource<'a> {
        resource_type: i8 => 1..=4,
        resource_name: Str<'a> => 1..=4,
        configuration_keys: Option<Vec<Str<'a>>> => 1..=4 = Some(Vec::new()),
    }
}

message! {
    /// What it is answered.
    pub struct DescribeConfigsResponse<'a>: key 32, versions 1..=4, flexible 4 {
        throttle_time_ms: i32 => 1..=4,
        results: Vec<DescribeConfigsResult<'a>> => 1..=4,
    }
}

fields! {
    pub struct DescribeConfigsResult<'a> {
        error_code: i16 => 1..=4,
        error_message: Option<Str<'a>> => 1..=4 = Some(Cow::Borrowed("")),
        resource_type: i8 => 1..=4,
        resource_name: Str<'a> => 1..=4,
        configs: Vec<DescribeConfigsResourceResult<'a>> => 1..=4,
    }
}

fields! {
    pub struct DescribeConfigsResourceResult<'a> {
        name: Str<'a> => 1..=4,
        value: Option<Str<'a>> => 1..=4 = Some(Cow::Borrowed("")),
        read_only: bool => 1..=4,
        config_source: i8 => 1..=4 = -1,
        is_sensitive: bool => 1..=4,
        synonyms: Vec<DescribeConfigsSynonym<'a>> => 1..=4,
        config_type: i8 => 3..=4,
        documentation: Option<Str<'a>> => 3..=4 = Some(Cow::Borrowed("")),
    }
}

fields! {
    pub struct DescribeConfigsSynonym<'a> {
        name: Str<'a> => 1..=4,
        value: Option<Str<'a>> => 1..=4 = Some(Cow::Borrowed("")),
        source: i8 => 1..=4,
    }
}
