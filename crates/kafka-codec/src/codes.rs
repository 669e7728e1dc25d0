//! Kafka's error codes, as far as this door answers them.

/// An error as Kafka numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => stringify!($name),)*
                    _ => "UNKNOWN",
                }
            }
        }
    };
}

codes! {
    /// Something went wrong that nobody foresaw.
    UNKNOWN_SERVER_ERROR = -1,
    /// No error.
    NONE = 0,
    /// The offset is not in the partition.
    OFFSET_OUT_OF_RANGE = 1,
    /// Bytes are not those that their checksum was made of.
    CORRUPT_MESSAGE = 2,
    /// There is no such topic or partition here.
    UNKNOWN_TOPIC_OR_PARTITION = 3,
    /// Nobody leads the partition now.
    LEADER_NOT_AVAILABLE = 5,
    /// This broker does not lead the partition.
    NOT_LEADER_OR_FOLLOWER = 6,
    /// It took too long.
    REQUEST_TIMED_OUT = 7,
    /// This broker does not keep the partition.
    REPLICA_NOT_AVAILABLE = 9,
    /// The batch is larger than its topic allows.
    MESSAGE_TOO_LARGE = 10,
    /// The coordinator is loading.
    COORDINATOR_LOAD_IN_PROGRESS = 14,
    /// There is no coordinator now.
    COORDINATOR_NOT_AVAILABLE = 15,
    /// No topic may have this name.
    INVALID_TOPIC_EXCEPTION = 17,
    /// Too few replicas are in sync.
    NOT_ENOUGH_REPLICAS = 19,
    /// Too few replicas are in sync, and it was appended.
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    /// `acks` is none of -1, 0, 1.
    INVALID_REQUIRED_ACKS = 21,
    /// A timestamp is out of range.
    INVALID_TIMESTAMP = 32,
    /// A version that is not served.
    UNSUPPORTED_VERSION = 35,
    /// There is a topic of this name.
    TOPIC_ALREADY_EXISTS = 36,
    /// A count of partitions that cannot be.
    INVALID_PARTITIONS = 37,
    /// A replication factor that cannot be.
    INVALID_REPLICATION_FACTOR = 38,
    /// An assignment of replicas that cannot be.
    INVALID_REPLICA_ASSIGNMENT = 39,
    /// A setting that cannot be.
    INVALID_CONFIG = 40,
    /// This is not the controller.
    NOT_CONTROLLER = 41,
    /// A request that contradicts itself.
    INVALID_REQUEST = 42,
    /// The format of the messages does not allow it.
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    /// A policy forbids it.
    POLICY_VIOLATION = 44,
    /// A sequence number does not follow on.
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    /// A sequence number was there before.
    DUPLICATE_SEQUENCE_NUMBER = 46,
    /// A newer life of the producer has taken over.
    INVALID_PRODUCER_EPOCH = 47,
    /// A transaction is not in a state for this.
    INVALID_TXN_STATE = 48,
    /// The producer id is not the transactional id's.
    INVALID_PRODUCER_ID_MAPPING = 49,
    /// A transaction's timeout is out of range.
    INVALID_TRANSACTION_TIMEOUT = 50,
    /// The transactional id may not be used.
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53,
    /// The topic may not be used so.
    TOPIC_AUTHORIZATION_FAILED = 29,
    /// The disk fails.
    KAFKA_STORAGE_ERROR = 56,
    /// There is no such directory.
    LOG_DIR_NOT_FOUND = 57,
    /// Reassignments are running.
    REASSIGNMENT_IN_PROGRESS = 60,
    /// A fetch session that is not known.
    FETCH_SESSION_ID_NOT_FOUND = 70,
    /// A fetch session's epoch does not follow on.
    INVALID_FETCH_SESSION_EPOCH = 71,
    /// Deleting topics is off.
    TOPIC_DELETION_DISABLED = 73,
    /// The leader epoch of the request is older than the broker's.
    FENCED_LEADER_EPOCH = 74,
    /// The leader epoch of the request is newer than the broker's.
    UNKNOWN_LEADER_EPOCH = 75,
    /// A compression that the version of the request does not know.
    UNSUPPORTED_COMPRESSION_TYPE = 76,
    /// The preferred leader is not available.
    PREFERRED_LEADER_NOT_AVAILABLE = 80,
    /// There is nothing to elect.
    ELECTION_NOT_NEEDED = 84,
    /// No reassignment is running.
    NO_REASSIGNMENT_IN_PROGRESS = 85,
    /// A record breaks the rules.
    INVALID_RECORD = 87,
    /// A resource is there already.
    RESOURCE_NOT_FOUND = 91,
    /// A feature cannot be at this level.
    INVALID_UPDATE_VERSION = 95,
    /// Features could not be changed.
    FEATURE_UPDATE_FAILED = 96,
    /// There is no topic of this id.
    UNKNOWN_TOPIC_ID = 100,
    /// Topic id and name of the request are of two topics.
    INCONSISTENT_TOPIC_ID = 103,
    /// A fetch session mixes topic ids and names.
    FETCH_SESSION_TOPIC_ID_ERROR = 106,
    /// The kind of endpoint is not served here.
    UNSUPPORTED_ENDPOINT_TYPE = 115,
    /// A request to the controller at a broker, or the other way round.
    MISMATCHED_ENDPOINT_TYPE = 114,
}

impl std::fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
