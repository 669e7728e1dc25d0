//! The settings of the listener.

use std::time::Duration;

use ottla_model::limits::PRODUCE_WINDOW_BYTES;
use ottla_model::{ByteCount, KIB, MIB};
use ottla_wire::transport::STREAMS_MAX;

/// What the listener allows its clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrpcSettings {
    /// Most connections at a time. One more is closed at once.
    pub connections_max: usize,
    /// Most connections of one address at a time.
    pub connections_per_address_max: usize,
    /// Most calls that one connection may have open at a time.
    pub streams_max: u32,
    /// How long a connection may take to show that it speaks HTTP/2.
    pub handshake_timeout: Duration,
    /// After how long a connection is asked to be replaced by a new one. Streams under way are not cut.
    pub connection_age_max: Duration,
    /// How long a connection may take to its first call.
    pub first_call_timeout: Duration,
    /// How long a connection without a call is kept. Clients connect again when they have one.
    pub idle_max: Duration,
    /// How long a connection without a call may take to leave when it is asked to; then it is cut.
    pub goodbye_timeout: Duration,
    /// Most calls of all connections together. One more is refused.
    pub calls_max: usize,
    /// Longest time that a call which is no stream takes, whatever its deadline.
    pub unary_call_max: Duration,
    /// Most bytes of requests, of all connections together, that have not been acted upon.
    pub request_bytes_max: ByteCount,
    /// Most bytes that all connections together may send before they are read: HTTP/2 windows. Every
    /// connection has 64 KiB of it, so it has to be enough for `connections_max`.
    pub receive_bytes_max: ByteCount,
    /// Most bytes read for fetch streams that were not sent yet, of all streams together. Beyond, each reads
    /// one batch at a time.
    pub answer_bytes_max: ByteCount,
    /// Most requests of a produce stream without an answer.
    pub produce_requests_max: u32,
    /// Most bytes of a produce stream without an answer.
    pub produce_bytes_max: ByteCount,
    /// How long a producer waits for an acknowledgement unless it says otherwise. Then its outcome is
    /// unknown.
    pub acknowledge_timeout: Duration,
    /// Most partitions that one fetch stream reads.
    pub fetches_max: usize,
    /// Most partitions that all fetch streams together read.
    pub fetches_all_max: usize,
    /// Largest batch that is made of plain records; a larger record has one for itself.
    pub publish_batch_bytes_max: ByteCount,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 2_000,
            streams_max: STREAMS_MAX,
            handshake_timeout: Duration::from_secs(10),
            connection_age_max: Duration::from_secs(3600),
            first_call_timeout: Duration::from_secs(10),
            idle_max: Duration::from_secs(15 * 60),
            goodbye_timeout: Duration::from_secs(5),
            calls_max: 100_000,
            unary_call_max: Duration::from_secs(5 * 60),
            request_bytes_max: ByteCount(256 * MIB),
            receive_bytes_max: ByteCount(1280 * MIB),
            answer_bytes_max: ByteCount(256 * MIB),
            produce_requests_max: 1024,
            produce_bytes_max: ByteCount(PRODUCE_WINDOW_BYTES),
            acknowledge_timeout: Duration::from_secs(30),
            fetches_max: 10_000,
            fetches_all_max: 500_000,
            publish_batch_bytes_max: ByteCount(512 * KIB),
        }
    }
}
