//! The settings of a broker.

use std::time::Duration;

use ottla_model::{BrokerId, ByteCount};

/// What a broker is told when it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerConfig {
    /// Its number.
    pub broker: BrokerId,
    /// Which of its lives this is, as its registration answered.
    pub broker_epoch: i64,
    /// How long a producer waits for its acknowledgement before it is told that the outcome is
    /// unknown.
    pub ack_wait_max: Duration,
    /// How long a produce request waits for room before it is refused.
    pub admit_wait_max: Duration,
    /// How many threads read files for consumers that catch up.
    pub cold_read_threads: usize,
    /// How often what is past its retention is looked for.
    pub retention_interval: Duration,
    /// Free disk space that producers do not get; said in the refusal.
    pub room_reserve: ByteCount,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            broker: BrokerId(0),
            broker_epoch: 0,
            ack_wait_max: Duration::from_secs(30),
            admit_wait_max: Duration::from_secs(10),
            cold_read_threads: 2,
            retention_interval: Duration::from_secs(30),
            room_reserve: ByteCount(0),
        }
    }
}
