//! UpdateFeatures, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct UpdateFeaturesRequest<'a>: key 57, versions 0..=2, flexible 0 {
        timeout_ms: i32 => 0..=2 = 60000,
        feature_updates: Vec<FeatureUpdateKey<'a>> => 0..=2,
        validate_only: bool => 1..=2,
    }
}

fields! {
    pub struct FeatureUpdateKey<'a> {
        feature: Str<'a> => 0..=2,
        max_version_level: i16 => 0..=2,
        allow_downgrade: bool => 0..=0,
        upgrade_type: i8 => 1..=2 = 1,
    }
}

message! {
    /// What it is answered.
    pub struct UpdateFeaturesResponse<'a>: key 57, versions 0..=2, flexible 0 {
        throttle_time_ms: i32 => 0..=2,
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 0..=2 = Some(Cow::Borrowed("")),
        results: Vec<UpdatableFeatureResult<'a>> => 0..=1,
    }
}

fields! {
    pub struct UpdatableFeatureResult<'a> {
        feature: Str<'a> => 0..=2,
        error_code: i16 => 0..=2,
        error_message: Option<Str<'a>> => 0..=2 = Some(Cow::Borrowed("")),
    }
}
