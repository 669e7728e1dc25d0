//! The settings of the listener.

use std::time::Duration;

use ottla_model::limits::{KAFKA_FRAME_BYTES_MAX, PRODUCE_WINDOW_BYTES};

/// What the listener allows its clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KafkaSettings {
    /// What clients are told to connect to; `None` is the local address of the connection that asks.
    pub advertised: Option<Advertised>,
    /// Whether asking for a topic makes it, where the client allows it too.
    pub auto_create_topics: bool,
    /// Most connections at a time. One more is closed at once.
    pub connections_max: usize,
    /// Most connections of one address at a time.
    pub connections_per_address_max: usize,
    /// Largest request, in bytes.
    pub request_bytes_max: usize,
    /// How long a request may take to arrive once it began, beside a second for each 256 KiB of it.
    pub request_arrival_max: Duration,
    /// How long a connection may be without a request.
    pub idle_max: Duration,
    /// Most Produce requests of a connection without an answer.
    pub produce_requests_max: usize,
    /// Most bytes of a connection's Produce requests without an answer. One larger request is taken.
    pub produce_bytes_max: usize,
    /// Most topics and partitions that one answer may list where it pages.
    pub described_partitions_max: usize,
}

/// Where clients are sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Advertised {
    /// A name or address that clients can reach.
    pub host: String,
    /// The port there.
    pub port: u16,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            advertised: None,
            auto_create_topics: true,
            connections_max: 25_000,
            connections_per_address_max: 25_000,
            request_bytes_max: KAFKA_FRAME_BYTES_MAX,
            request_arrival_max: Duration::from_secs(10),
            idle_max: Duration::from_secs(600),
            produce_requests_max: 256,
            produce_bytes_max: PRODUCE_WINDOW_BYTES as usize,
            described_partitions_max: 2_000,
        }
    }
}
