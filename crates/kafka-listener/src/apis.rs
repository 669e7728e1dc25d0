//! Who answers which API: one file each.

mod alter_configs;
pub(crate) mod api_versions;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod incremental_alter_configs;
mod init_producer_id;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_for_leader_epoch;
pub(crate) mod produce;
mod topics;
mod update_features;

use bytes::Bytes;
use ottla_kafka_codec::{ApiKey, CodecError};
use ottla_model::limits::KAFKA_BUDGET_WAIT_MAX;

use crate::call::Call;
use crate::shared::Share;

/// Answers every request but Produce, whose answers are awaited beside each other.
///
/// An error is a body that is none: nothing was done, and the connection is to be closed. So it is where there is no
/// answer, because no memory was left for one.
pub(crate) async fn answer(
    call: &Call,
    working: &mut Share,
) -> Result<Option<Vec<Bytes>>, CodecError> {
    if call.api.key == ApiKey::Fetch {
        return fetch::answer(call, working).await;
    }
    let answer = answer_whole(call).await?;
    let bytes = answer.iter().map(Bytes::len).sum();
    if !is_answered_again(call.api.key) || working.try_hold_beside(bytes) {
        return Ok(Some(answer));
    }
    // It is not kept while there is no room for it. Who waits holds something, so not for ever; and once only: what
    // is larger than the whole budget is made when nobody else has anything.
    drop(answer);
    let room = working.hold_beside(bytes);
    match tokio::time::timeout(KAFKA_BUDGET_WAIT_MAX, room).await {
        Ok(()) => answer_whole(call).await.map(Some),
        Err(_) => Ok(None),
    }
}

/// Whether a request may be answered a second time: those whose answers follow what there is rather
/// than what is asked.
fn is_answered_again(key: ApiKey) -> bool {
    match key {
        ApiKey::Metadata
        | ApiKey::DescribeConfigs
        | ApiKey::DescribeLogDirs
        | ApiKey::DescribeProducers
        | ApiKey::DescribeTopicPartitions => true,
        ApiKey::Produce
        | ApiKey::Fetch
        | ApiKey::ListOffsets
        | ApiKey::FindCoordinator
        | ApiKey::ApiVersions
        | ApiKey::CreateTopics
        | ApiKey::DeleteTopics
        | ApiKey::DeleteRecords
        | ApiKey::InitProducerId
        | ApiKey::OffsetForLeaderEpoch
        | ApiKey::AlterConfigs
        | ApiKey::CreatePartitions
        | ApiKey::ElectLeaders
        | ApiKey::IncrementalAlterConfigs
        | ApiKey::ListPartitionReassignments
        | ApiKey::DescribeQuorum
        | ApiKey::UpdateFeatures
        | ApiKey::DescribeCluster => false,
    }
}

async fn answer_whole(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    match call.api.key {
        ApiKey::Produce | ApiKey::Fetch => unreachable!("they are answered by themselves"),
        ApiKey::ListOffsets => list_offsets::answer(call).await,
        ApiKey::Metadata => metadata::answer(call).await,
        ApiKey::FindCoordinator => find_coordinator::answer(call),
        ApiKey::ApiVersions => api_versions::answer(call),
        ApiKey::CreateTopics => create_topics::answer(call).await,
        ApiKey::DeleteTopics => delete_topics::answer(call).await,
        ApiKey::DeleteRecords => delete_records::answer(call).await,
        ApiKey::InitProducerId => init_producer_id::answer(call).await,
        ApiKey::OffsetForLeaderEpoch => offset_for_leader_epoch::answer(call),
        ApiKey::DescribeConfigs => describe_configs::answer(call),
        ApiKey::AlterConfigs => alter_configs::answer(call).await,
        ApiKey::DescribeLogDirs => describe_log_dirs::answer(call),
        ApiKey::CreatePartitions => create_partitions::answer(call).await,
        ApiKey::ElectLeaders => elect_leaders::answer(call),
        ApiKey::IncrementalAlterConfigs => incremental_alter_configs::answer(call).await,
        ApiKey::ListPartitionReassignments => list_partition_reassignments::answer(call),
        ApiKey::DescribeQuorum => describe_quorum::answer(call),
        ApiKey::UpdateFeatures => update_features::answer(call),
        ApiKey::DescribeCluster => describe_cluster::answer(call),
        ApiKey::DescribeProducers => describe_producers::answer(call),
        ApiKey::DescribeTopicPartitions => describe_topic_partitions::answer(call),
    }
}
