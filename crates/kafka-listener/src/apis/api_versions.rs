//! ApiVersions: what is served. The one request that must be answered in any version.

use bytes::Bytes;
use ottla_kafka_codec::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use ottla_kafka_codec::{
    ADVERTISED, Api, ApiKey, CodecError, ErrorCode, RequestHead, ResponseHead,
};

use crate::call::Call;

/// The feature whose level says which Kafka's metadata this cluster's can express; tools print it.
pub(crate) const METADATA_FEATURE: &str = "metadata.version";
/// The least level of it that Kafka 4 knows: 3.3-IV3.
pub(crate) const METADATA_LEVEL_MIN: i16 = 7;
/// The level that is finalised: 4.3-IV0.
pub(crate) const METADATA_LEVEL: i16 = 30;

/// The first version that says what the client is.
const SAYS_SOFTWARE_FROM: i16 = 3;

pub(crate) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: ApiVersionsRequest<'_> = call.decode()?;
    let named = call.version() < SAYS_SOFTWARE_FROM
        || (is_software_word(&request.client_software_name)
            && is_software_word(&request.client_software_version));
    if !named {
        let error_code = ErrorCode::INVALID_REQUEST.0;
        return Ok(call.encode(&ApiVersionsResponse { error_code, ..Default::default() }));
    }
    Ok(call.encode(&served(call)))
}

fn served(call: &Call) -> ApiVersionsResponse<'static> {
    let metadata = SupportedFeatureKey {
        name: METADATA_FEATURE.into(),
        min_version: METADATA_LEVEL_MIN,
        max_version: METADATA_LEVEL,
    };
    let finalized = FinalizedFeatureKey {
        name: METADATA_FEATURE.into(),
        max_version_level: METADATA_LEVEL,
        min_version_level: METADATA_LEVEL,
    };
    ApiVersionsResponse {
        api_keys: ADVERTISED.iter().map(version_of).collect(),
        supported_features: vec![metadata],
        finalized_features_epoch: call.door.broker.image().end().0,
        finalized_features: vec![finalized],
        ..Default::default()
    }
}

fn version_of(api: &Api) -> ApiVersion {
    ApiVersion { api_key: api.key as i16, min_version: api.min, max_version: api.max }
}

/// The answer to a version that is not served: in the first version, which everybody reads, with the
/// one entry that says in which versions to ask again.
pub(crate) fn refuse_version(head: &RequestHead) -> Vec<Bytes> {
    let api = Api::numbered(ApiKey::ApiVersions as i16).expect("it is in the table");
    let refusal = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION.0,
        api_keys: vec![version_of(api)],
        ..Default::default()
    };
    let mut writer = ResponseHead::of(api, 0, head.correlation).write(0, false);
    ottla_kafka_codec::schema::encode(&refusal, &mut writer);
    writer.finish()
}

/// What the client says it is, where the request is this one and says so.
pub(crate) fn software(call: &Call) -> Option<String> {
    if call.api.key != ApiKey::ApiVersions || call.version() < SAYS_SOFTWARE_FROM {
        return None;
    }
    let request: ApiVersionsRequest<'_> = call.decode().ok()?;
    let words = [&request.client_software_name, &request.client_software_version];
    let known = words.iter().all(|word| is_software_word(word));
    known.then(|| format!("{} {}", words[0], words[1]))
}

/// Letters and digits, with dots and hyphens between them.
fn is_software_word(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let ends = [word.bytes().next(), word.bytes().next_back()];
    word.bytes().all(inner)
        && ends.into_iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}
