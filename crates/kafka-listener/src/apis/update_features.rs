//! UpdateFeatures: there is one feature, at the one level that it can have.

use bytes::Bytes;
use ottla_kafka_codec::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::api_versions::{METADATA_FEATURE, METADATA_LEVEL};
use crate::call::Call;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: UpdateFeaturesRequest<'_> = call.decode()?;
    let results: Vec<_> = request.feature_updates.iter().map(update).collect();
    let refused = results.iter().find(|result| result.error_code != ErrorCode::NONE.0).cloned();
    let mut response = UpdateFeaturesResponse { error_message: None, ..Default::default() };
    match refused {
        // All or none of them.
        Some(refused) => {
            response.error_code = refused.error_code;
            response.error_message = refused.error_message;
        }
        None => response.results = results,
    }
    Ok(call.encode(&response))
}

fn update<'a>(update: &FeatureUpdateKey<'a>) -> UpdatableFeatureResult<'a> {
    let refusal = match &*update.feature {
        METADATA_FEATURE if update.max_version_level == METADATA_LEVEL => None,
        METADATA_FEATURE => Some(format!(
            "{METADATA_FEATURE} is at level {METADATA_LEVEL}, the only one there is here"
        )),
        other => Some(format!("feature {other} is not there")),
    };
    UpdatableFeatureResult {
        feature: update.feature.clone(),
        error_code: refusal
            .as_ref()
            .map_or(ErrorCode::NONE, |_| ErrorCode::INVALID_UPDATE_VERSION)
            .0,
        error_message: refusal.map(Into::into),
    }
}
