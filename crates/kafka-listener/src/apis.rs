//! Who answers which API: one file each.

pub(crate) mod api_versions;
mod create_topics;
mod delete_topics;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod list_offsets;
mod metadata;
pub(crate) mod produce;
mod topics;

use bytes::Bytes;
use ottla_kafka_codec::{ApiKey, CodecError};

use crate::call::Call;

/// Answers every request but Produce, whose answers are awaited beside each other.
///
/// An error is a body that is none: nothing was done, and the connection is to be closed.
pub(crate) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    match call.api.key {
        ApiKey::Produce => unreachable!("the connection begins it itself"),
        ApiKey::Fetch => fetch::answer(call).await,
        ApiKey::ListOffsets => list_offsets::answer(call).await,
        ApiKey::Metadata => metadata::answer(call).await,
        ApiKey::FindCoordinator => find_coordinator::answer(call),
        ApiKey::ApiVersions => api_versions::answer(call),
        ApiKey::CreateTopics => create_topics::answer(call).await,
        ApiKey::DeleteTopics => delete_topics::answer(call).await,
        ApiKey::InitProducerId => init_producer_id::answer(call).await,
    }
}
