//! Any body, read and written again: what the vectors and the fuzzers are held against.

use bytes::Bytes;

use crate::error::CodecError;
use crate::messages::{
    alter_configs, api_versions, create_partitions, create_topics, delete_records, delete_topics,
    describe_cluster, describe_configs, describe_log_dirs, describe_producers, describe_quorum,
    describe_topic_partitions, elect_leaders, fetch, find_coordinator, incremental_alter_configs,
    init_producer_id, list_offsets, list_partition_reassignments, metadata,
    offset_for_leader_epoch, produce, update_features,
};
use crate::schema::{Message, encode};
use crate::writer::Writer;

/// A kind of message: what it is called, and what it understands.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name in Kafka, such as `FetchRequest`.
    pub name: &'static str,
    /// The API's number.
    pub key: i16,
    /// The least version.
    pub min: i16,
    /// The greatest version.
    pub max: i16,
    again: fn(&Bytes, i16) -> Result<Bytes, CodecError>,
}

impl Kind {
    /// Reads a body and writes it again.
    ///
    /// # Errors
    /// When the bytes are no such message.
    pub fn reencode(&self, body: &Bytes, version: i16) -> Result<Bytes, CodecError> {
        (self.again)(body, version)
    }
}

macro_rules! kinds {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// Every kind of message that the codec knows.
        pub const KINDS: &[Kind] = &[$(Kind {
            name: stringify!($name),
            key: <$module::$name as Message<'_>>::KEY,
            min: <$module::$name as Message<'_>>::VERSION_MIN,
            max: <$module::$name as Message<'_>>::VERSION_MAX,
            again: |body, version| {
                let message = $module::$name::decode(body, 0, version)?;
                let flexible = version >= <$module::$name as Message<'_>>::FLEXIBLE_FROM;
                let mut writer = Writer::new(version, flexible);
                encode(&message, &mut writer);
                Ok(Bytes::from(writer.finish().concat()).slice(crate::frame::LENGTH_BYTES..))
            },
        },)*];
    };
}

kinds! {
    produce::ProduceRequest, produce::ProduceResponse,
    fetch::FetchRequest, fetch::FetchResponse,
    list_offsets::ListOffsetsRequest, list_offsets::ListOffsetsResponse,
    metadata::MetadataRequest, metadata::MetadataResponse,
    find_coordinator::FindCoordinatorRequest, find_coordinator::FindCoordinatorResponse,
    api_versions::ApiVersionsRequest, api_versions::ApiVersionsResponse,
    create_topics::CreateTopicsRequest, create_topics::CreateTopicsResponse,
    delete_topics::DeleteTopicsRequest, delete_topics::DeleteTopicsResponse,
    delete_records::DeleteRecordsRequest, delete_records::DeleteRecordsResponse,
    init_producer_id::InitProducerIdRequest, init_producer_id::InitProducerIdResponse,
    offset_for_leader_epoch::OffsetForLeaderEpochRequest,
    offset_for_leader_epoch::OffsetForLeaderEpochResponse,
    describe_configs::DescribeConfigsRequest, describe_configs::DescribeConfigsResponse,
    alter_configs::AlterConfigsRequest, alter_configs::AlterConfigsResponse,
    describe_log_dirs::DescribeLogDirsRequest, describe_log_dirs::DescribeLogDirsResponse,
    create_partitions::CreatePartitionsRequest, create_partitions::CreatePartitionsResponse,
    elect_leaders::ElectLeadersRequest, elect_leaders::ElectLeadersResponse,
    incremental_alter_configs::IncrementalAlterConfigsRequest,
    incremental_alter_configs::IncrementalAlterConfigsResponse,
    list_partition_reassignments::ListPartitionReassignmentsRequest,
    list_partition_reassignments::ListPartitionReassignmentsResponse,
    describe_quorum::DescribeQuorumRequest, describe_quorum::DescribeQuorumResponse,
    update_features::UpdateFeaturesRequest, update_features::UpdateFeaturesResponse,
    describe_cluster::DescribeClusterRequest, describe_cluster::DescribeClusterResponse,
    describe_producers::DescribeProducersRequest, describe_producers::DescribeProducersResponse,
    describe_topic_partitions::DescribeTopicPartitionsRequest,
    describe_topic_partitions::DescribeTopicPartitionsResponse,
}
