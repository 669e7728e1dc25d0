//! ApiVersions, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct ApiVersionsRequest<'a>: key 18, versions 0..=4, flexible 3 {
        client_software_name: Str<'a> => 3..=4,
        client_software_version: Str<'a> => 3..=4,
    }
}

message! {
    /// What it is answered.
    pub struct ApiVersionsResponse<'a>: key 18, versions 0..=4, flexible 3 {
        error_code: i16 => 0..=4,
        api_keys: Vec<ApiVersion> => 0..=4,
        throttle_time_ms: i32 => 1..=4,
        supported_features: Vec<SupportedFeatureKey<'a>> => 3..=4 tag 0,
        finalized_features_epoch: i64 => 3..=4 tag 1 = -1,
        finalized_features: Vec<FinalizedFeatureKey<'a>> => 3..=4 tag 2,
        zk_migration_ready: bool => 3..=4 tag 3,
    }
}

fields! {
    pub struct ApiVersion {
        api_key: i16 => 0..=4,
        min_version: i16 => 0..=4,
        max_version: i16 => 0..=4,
    }
}

fields! {
    pub struct SupportedFeatureKey<'a> {
        name: Str<'a> => 3..=4,
        min_version: i16 => 3..=4,
        max_version: i16 => 3..=4,
    }
}

fields! {
    pub struct FinalizedFeatureKey<'a> {
        name: Str<'a> => 3..=4,
        max_version_level: i16 => 3..=4,
        min_version_level: i16 => 3..=4,
    }
}
