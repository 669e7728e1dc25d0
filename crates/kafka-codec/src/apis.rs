//! What is served: by hand, one line an API, reviewed like a public interface.
//!
//! A version is a promise about meaning, not about encoding: a line grows in the change that makes
//! the version true, with its tests, never before. `docs/internals/kafka-compat.md` says what differs
//! from Kafka's own table and why.

/// An API, by the number that requests name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(i16)]
#[allow(missing_docs, reason = "the names are Kafka's")]
pub enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    FindCoordinator = 10,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    DescribeLogDirs = 35,
    CreatePartitions = 37,
    ElectLeaders = 43,
    IncrementalAlterConfigs = 44,
    ListPartitionReassignments = 46,
    DescribeQuorum = 55,
    UpdateFeatures = 57,
    DescribeCluster = 60,
    DescribeProducers = 61,
    DescribeTopicPartitions = 75,
}

/// What of an API is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Api {
    /// Which.
    pub key: ApiKey,
    /// The least version that is advertised.
    pub min: i16,
    /// The greatest version.
    pub max: i16,
    /// The least version that is served. Only Produce advertises less than that, as Kafka does:
    /// librdkafka takes it for a sign that compression is understood.
    pub served_from: i16,
    /// From which version on its header and body are flexible.
    pub flexible_from: i16,
}

/// Every API that is served, in order of their numbers.
pub const ADVERTISED: &[Api] = &[
    Api { served_from: 3, ..api(ApiKey::Produce, 0, 13, 9) },
    api(ApiKey::Fetch, 4, 18, 12),
    api(ApiKey::ListOffsets, 1, 11, 6),
    api(ApiKey::Metadata, 0, 13, 9),
    api(ApiKey::FindCoordinator, 0, 6, 3),
    api(ApiKey::ApiVersions, 0, 4, 3),
    api(ApiKey::CreateTopics, 2, 7, 5),
    api(ApiKey::DeleteTopics, 1, 6, 4),
    api(ApiKey::DeleteRecords, 0, 2, 2),
    api(ApiKey::InitProducerId, 0, 5, 2),
    api(ApiKey::OffsetForLeaderEpoch, 2, 4, 4),
    api(ApiKey::DescribeConfigs, 1, 4, 4),
    api(ApiKey::AlterConfigs, 0, 2, 2),
    api(ApiKey::DescribeLogDirs, 1, 5, 2),
    api(ApiKey::CreatePartitions, 0, 3, 2),
    api(ApiKey::ElectLeaders, 0, 2, 2),
    api(ApiKey::IncrementalAlterConfigs, 0, 1, 1),
    api(ApiKey::ListPartitionReassignments, 0, 0, 0),
    api(ApiKey::DescribeQuorum, 0, 2, 0),
    api(ApiKey::UpdateFeatures, 0, 2, 0),
    api(ApiKey::DescribeCluster, 0, 2, 0),
    api(ApiKey::DescribeProducers, 0, 0, 0),
    api(ApiKey::DescribeTopicPartitions, 0, 0, 0),
];

const fn api(key: ApiKey, min: i16, max: i16, flexible_from: i16) -> Api {
    Api { key, min, max, served_from: min, flexible_from }
}

impl Api {
    /// The API with this number, if it is served.
    pub fn numbered(number: i16) -> Option<&'static Self> {
        ADVERTISED.iter().find(|api| api.key as i16 == number)
    }

    /// Whether requests of this version are answered.
    pub fn serves(&self, version: i16) -> bool {
        (self.served_from..=self.max).contains(&version)
    }

    /// Whether this version is flexible.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}
