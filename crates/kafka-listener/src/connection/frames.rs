//! Requests off the socket.
//!
//! Invariant: memory follows what has arrived, at most eight times of it; a size that is announced is
//! only ever compared.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use ottla_kafka_codec::frame::{LENGTH_BYTES, PREFIX_BYTES};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Instant;

use crate::settings::KafkaSettings;

/// What is asked of the socket at first: most requests but those with records fit.
const FIRST_BYTES: usize = 4 * 1024;
/// How much more than what arrived may be allocated.
const GROWTH: usize = 7;
/// How much of the next request is read while one is answered.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// How many bytes must come in each second of a long request.
const BYTES_A_SECOND_MIN: usize = 256 * 1024;

/// Why there is no further request.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The client closed the connection, between requests or within one.
    End,
    /// Nothing began for too long.
    Idle,
    /// It began and did not come.
    Slow {
        /// Its size.
        size: usize,
    },
    /// No request has this size.
    Size(i32),
    /// The socket failed.
    Io(io::Error),
}

/// Takes requests off the socket. Every method may be dropped and called again.
#[derive(Debug)]
pub(super) struct Frames {
    socket: OwnedReadHalf,
    buffer: BytesMut,
    size_max: usize,
    arrival_max: Duration,
    idle_max: Duration,
    /// When the request that is arriving began, or when the last one was taken.
    since: Instant,
    arriving: bool,
}

impl Frames {
    pub(super) fn new(socket: OwnedReadHalf, settings: &KafkaSettings) -> Self {
        Self {
            socket,
            buffer: BytesMut::new(),
            size_max: settings.request_bytes_max,
            arrival_max: settings.request_arrival_max,
            idle_max: settings.idle_max,
            since: Instant::now(),
            arriving: false,
        }
    }

    /// The next request, without its length.
    pub(super) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            let size = self.size()?;
            if let Some(size) = size
                && self.buffer.len() >= LENGTH_BYTES + size
            {
                return Ok(self.split(size));
            }
            let deadline = self.deadline(size);
            let wanted = size.map_or(LENGTH_BYTES, |size| LENGTH_BYTES + size) - self.buffer.len();
            match tokio::time::timeout_at(deadline, self.fill(wanted)).await {
                Ok(filled) => filled?,
                Err(_) if self.arriving => {
                    return Err(FrameError::Slow { size: size.unwrap_or_default() });
                }
                Err(_) => return Err(FrameError::Idle),
            }
        }
    }

    /// Resolves when the client has closed its side; reads a little ahead meanwhile.
    pub(super) async fn closed(&mut self) {
        while self.buffer.len() < AHEAD_BYTES_MAX {
            if self.fill(AHEAD_BYTES_MAX - self.buffer.len()).await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }

    fn size(&self) -> Result<Option<usize>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*length);
        match usize::try_from(length) {
            Ok(size) if (PREFIX_BYTES..=self.size_max).contains(&size) => Ok(Some(size)),
            _ => Err(FrameError::Size(length)),
        }
    }

    fn split(&mut self, size: usize) -> Bytes {
        self.buffer.advance(LENGTH_BYTES);
        let frame = self.buffer.split_to(size).freeze();
        if self.buffer.is_empty() {
            // An idle connection keeps no buffer.
            self.buffer = BytesMut::new();
        }
        self.since = Instant::now();
        self.arriving = !self.buffer.is_empty();
        frame
    }

    fn deadline(&self, size: Option<usize>) -> Instant {
        if !self.arriving {
            return self.since + self.idle_max;
        }
        let seconds = size.unwrap_or_default() / BYTES_A_SECOND_MIN;
        self.since + self.arrival_max + Duration::from_secs(seconds as u64)
    }

    /// Reads once, at most about `wanted` bytes.
    async fn fill(&mut self, wanted: usize) -> Result<(), FrameError> {
        let room = wanted.clamp(FIRST_BYTES, FIRST_BYTES + GROWTH * self.buffer.len());
        if self.buffer.is_empty() {
            // Nothing is allocated for a client that says nothing.
            self.socket.readable().await.map_err(FrameError::Io)?;
        }
        self.buffer.reserve(room);
        let read = self.socket.read_buf(&mut self.buffer).await.map_err(FrameError::Io)?;
        if read == 0 {
            return Err(FrameError::End);
        }
        if !self.arriving {
            (self.arriving, self.since) = (true, Instant::now());
        }
        Ok(())
    }
}
