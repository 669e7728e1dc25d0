//! Every named maximum, with its reason. Settings choose below these; nothing chooses above.

use std::time::Duration;

use crate::units::{KIB, MIB};

/// Longest topic name. Kafka's rule: with a suffix it must still be a file name.
pub const TOPIC_NAME_CHARS_MAX: usize = 249;

/// Most partitions of one topic. Bounds what one request can make the cluster create.
pub const TOPIC_PARTITIONS_MAX: u32 = 10_000;

/// Most partitions of all topics together. Every broker holds the cluster's image in memory, and an
/// image of this many partitions stays below 100 MiB.
pub const CLUSTER_PARTITIONS_MAX: usize = 200_000;

/// Most requests that wait for the controller. Bounds its memory; beyond, callers are told to wait.
pub const CONTROLLER_REQUESTS_MAX: usize = 1_024;

/// Largest encoded batch that any topic may allow. A journal file holds at least two rounds of it.
pub const BATCH_BYTES_MAX: u64 = 16 * MIB;

/// Largest encoded batch that a topic allows unless it says otherwise: Kafka's default, to the byte.
pub const BATCH_BYTES_MAX_DEFAULT: u64 = MIB + 12;

/// Most records of one batch. Kafka's count is 32 bits; this keeps a hostile count cheap.
pub const BATCH_RECORDS_MAX: u32 = 4 * 1024 * 1024;

/// Largest decompressed payload of one batch, whatever it was compressed from.
pub const DECOMPRESSED_BYTES_MAX: u64 = 64 * MIB;

/// How many times its topic's largest batch one may be when decompressed. Repetitive text reaches 20;
/// a bomb reaches thousands.
pub const DECOMPRESSION_RATIO_MAX: u64 = 64;

/// Most headers of one record.
pub const RECORD_HEADERS_MAX: u32 = 10_000;

/// Largest fetch answer for one partition.
pub const FETCH_BYTES_MAX: u64 = 50 * MIB;

/// Fetch answer for one partition when the reader does not say.
pub const FETCH_BYTES_DEFAULT: u64 = MIB;

/// How far ahead of a reader in sequence files are read, into the page cache: several stretches are on
/// their way while one is sent, and no reader takes more than this.
pub const FETCH_AHEAD_BYTES: u64 = 4 * MIB;

/// Longest wait of a parked fetch, so that a lost wake-up could never hang a reader for good.
pub const FETCH_WAIT_MS_MAX: u64 = 60_000;

/// Most bytes of batches that one produce stream may have unanswered: a few journal rounds, so that a
/// fast producer never waits for one while the next could be gathered.
pub const PRODUCE_WINDOW_BYTES: u64 = 16 * MIB;

/// Most reads of older data that one fetch stream has under way. Bounds what is held for a reader that
/// is slower than the disk.
pub const FETCH_READS_AT_ONCE: usize = 4;

/// Most batches that one idempotent producer may have in flight for one partition; the window in
/// which a duplicate is answered with its original offset. Kafka's number.
pub const PRODUCER_IN_FLIGHT_MAX: usize = 5;

/// Most producers that one partition remembers. The oldest is forgotten first, which is never fatal
/// to it: it starts again under a new epoch.
pub const PARTITION_PRODUCERS_MAX: usize = 10_000;

/// How many producer ids the controller makes durable at a time.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;

/// Smallest unit of a direct write. 4 KiB suits every disk and file system that is supported.
pub const BLOCK_BYTES: u64 = 4 * KIB;

/// Largest journal round, unless a single batch is larger.
pub const ROUND_BYTES_MAX: u64 = 4 * MIB;

/// Smallest size of a segment that a topic may ask for.
pub const SEGMENT_BYTES_MIN: u64 = 16 * KIB;

/// Largest size of a segment: positions in an index are 32 bits wide.
pub const SEGMENT_BYTES_MAX: u64 = 2 * 1024 * MIB - BLOCK_BYTES;

/// Most connections of one listener that one address may begin within a second. A shell loop stays
/// below it; who only opens and closes does not cost more than that.
pub const CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX: usize = 1_000;

/// Most frames that carry nothing (SETTINGS, PING, WINDOW_UPDATE and the like) that one HTTP/2
/// connection may send in a second. Clients that measure their bandwidth reach some 20,000; a flood
/// brings millions.
pub const HTTP2_IDLE_FRAMES_PER_SECOND_MAX: u32 = 100_000;

/// Most streams that one HTTP/2 connection may reset in a second. Each cost the server a call.
pub const HTTP2_RESETS_PER_SECOND_MAX: u32 = 1_000;

/// Most connections of the HTTP door at a time. It is for probes and for Prometheus.
pub const HTTP_CONNECTIONS_MAX: usize = 256;

/// Most connections of the HTTP door that one address may have, so that nobody alone holds it shut.
pub const HTTP_CONNECTIONS_PER_ADDRESS_MAX: usize = 64;

/// How long the head of an HTTP request may take, and how long its connection may be idle before it.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest head of an HTTP request.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * KIB as usize;

/// Most headers of an HTTP request.
pub const HTTP_HEADERS_MAX: usize = 64;

/// How long a connection of the HTTP door may last, whatever it does: who reads an answer byte by
/// byte is cut then.
pub const HTTP_CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);

const _: () = assert!(FETCH_BYTES_MAX >= BATCH_BYTES_MAX, "one whole batch must always fit");
const _: () = assert!(BATCH_BYTES_MAX_DEFAULT <= BATCH_BYTES_MAX);
const _: () = assert!(SEGMENT_BYTES_MAX < u32::MAX as u64);

/// How many times its own size a Kafka request may be in memory. A text of one byte becomes a
/// reference of 24, so that the smallest legal elements just fit.
pub const KAFKA_DECODED_RATIO_MAX: usize = 8;

/// What any Kafka request may take in memory beside that.
pub const KAFKA_DECODED_BYTES_FREE: usize = 64 * 1024;

/// Most elements of all lists of one Kafka request: topics, partitions, resources and settings. An element
/// may be of six bytes and cost a hundred times that, so a limit on bytes alone bounds nothing. A client
/// that uses this many partitions at once should have several connections.
pub const KAFKA_REQUEST_ELEMENTS_MAX: usize = 50_000;

/// Most elements of all lists of one Kafka request that makes, changes or describes in depth: each may be
/// answered with every setting of a topic. One topic of [`TOPIC_PARTITIONS_MAX`] partitions with its
/// replicas listed still fits.
pub const KAFKA_ADMIN_REQUEST_ELEMENTS_MAX: usize = 25_000;

const _: () = assert!(KAFKA_ADMIN_REQUEST_ELEMENTS_MAX > 2 * TOPIC_PARTITIONS_MAX as usize);

/// Most topics of one Kafka request that are answered with all of their settings when they are made: a
/// name of one byte would be answered with a thousand. The others can be described.
pub const KAFKA_CREATED_TOPICS_DESCRIBED_MAX: usize = 16;

/// Most topics that are made because one Kafka request asks for them by name. The others are answered
/// with an error upon which clients ask again.
pub const KAFKA_AUTO_CREATED_TOPICS_MAX: usize = 100;

/// How long a Kafka client may take no byte of its answer. The answer is in memory meanwhile.
pub const KAFKA_WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// Largest Kafka request frame of any API but Produce, which alone carries records. Bounds the answer: a
/// name of three bytes is answered with a hundred.
pub const KAFKA_PLAIN_FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest Kafka request frame. Kafka's `socket.request.max.bytes` is the same.
pub const KAFKA_FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What a Kafka connection may hold of requests, and of answers, without asking: 25,000 connections
/// that all do hold 3 GiB, and requests of the usual size wait for nobody.
pub const KAFKA_CONNECTION_BYTES_FREE: usize = 64 * 1024;

/// Most bytes of Kafka requests of all connections together that are not whole yet or whose batches
/// are not acknowledged, beyond what each connection has for itself.
pub const KAFKA_REQUEST_BYTES_ALL_MAX: u64 = 256 * MIB;

/// Most bytes of all connections together of Kafka requests that are worked on and of answers that are
/// not taken yet, beyond what each connection has for itself.
pub const KAFKA_ANSWER_BYTES_ALL_MAX: u64 = 256 * MIB;

/// How long a Kafka request may wait for its part of these. Then its connection is closed: others hold
/// what they have for as long as that too.
pub const KAFKA_BUDGET_WAIT_MAX: Duration = Duration::from_secs(30);

const _: () = assert!(KAFKA_REQUEST_BYTES_ALL_MAX > 2 * KAFKA_FRAME_BYTES_MAX as u64);

/// Most fetch sessions that are remembered. Kafka's number.
pub const KAFKA_FETCH_SESSIONS_MAX: usize = 1_000;

/// Most partitions of all fetch sessions together: about 64 MiB.
pub const KAFKA_FETCH_SESSION_PARTITIONS_MAX: usize = 200_000;

/// How long a fetch session that is not used is kept in any case. Kafka's number.
pub const KAFKA_FETCH_SESSION_KEPT_MIN: Duration = Duration::from_secs(120);
