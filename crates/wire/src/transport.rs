//! The settings of the transport, in one place, for both ends.
//!
//! Measured: frames of 16 KiB, the default, halve everything; windows beyond these only queue; and a
//! server that sets no limit of streams has none.

use std::time::Duration;

use ottla_model::limits::BATCH_BYTES_MAX;
use ottla_model::{KIB, MIB};
use tonic::transport::Endpoint;

/// What may be under way on one stream without the receiver having taken it.
pub const STREAM_WINDOW_BYTES: u32 = 2 * MIB as u32;

/// What may be under way on all streams of a connection together.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * MIB as u32;

/// Largest frame: a whole batch of the usual size in one.
pub const FRAME_BYTES_MAX: u32 = 256 * KIB as u32;

/// What hyper may hold of one stream that the socket has not taken yet.
pub const SEND_BUFFER_BYTES_MAX: usize = MIB as usize;

/// Most streams of one connection at a time.
pub const STREAMS_MAX: u32 = 128;

/// Largest header list of a request or an answer.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * KIB as u32;

/// Most streams that a peer may open and reset before they are looked at: a rapid reset ends the
/// connection.
pub const PENDING_RESETS_MAX: usize = 64;

/// How often a broker asks an idle connection whether its client is still there. A dead one holds
/// memory and no more, so that this is not as short as [`SILENCE_MAX`].
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer may take before the connection is taken for dead.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client hears nothing from a broker, though it asked for a sign of life after half of it,
/// before it takes the connection for dead. What a network swallows is noticed by nothing else.
pub const SILENCE_MAX: Duration = Duration::from_secs(8);

/// How long a client waits for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest request that carries no encoded batch.
pub const REQUEST_BYTES_MAX: usize = 4 * MIB as usize;

/// Largest message of a produce stream: the largest batch, and room for what names it.
pub const PRODUCE_REQUEST_BYTES_MAX: usize = (BATCH_BYTES_MAX + 64 * KIB) as usize;

/// Largest answer that our own clients accept: the largest fetch.
pub const RESPONSE_BYTES_MAX: usize = 64 * MIB as usize;

const _: () = assert!(RESPONSE_BYTES_MAX as u64 > ottla_model::limits::FETCH_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX < 1 << 24, "HTTP/2 allows no larger frame");

/// The endpoint of a client with our settings. Plaintext; `address` is `host:port`.
///
/// # Errors
/// When the address is none.
pub fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true);
    Ok(dead_after(endpoint, SILENCE_MAX))
}

/// The endpoint, whose connections are taken for dead after another time of silence.
pub fn dead_after(endpoint: Endpoint, silence_max: Duration) -> Endpoint {
    endpoint
        .http2_keep_alive_interval(silence_max / 2)
        .keep_alive_timeout(silence_max / 2)
        .keep_alive_while_idle(true)
}
