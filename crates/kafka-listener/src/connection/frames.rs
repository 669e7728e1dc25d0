//! Requests off the socket.
//!
//! Invariants:
//! - memory follows what has arrived, at most eight times of it; a size that is announced is only ever
//!   compared;
//! - what it will take is held in the budget of all connections before it is allocated, with what was
//!   taken before and is not acknowledged.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use ottla_kafka_codec::ApiKey;
use ottla_kafka_codec::frame::{LENGTH_BYTES, PREFIX_BYTES};
use ottla_model::limits::KAFKA_PLAIN_FRAME_BYTES_MAX;
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, Sleep};

use crate::door::Door;
use crate::shared::Share;

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
    /// There was no room for it in the budget of all connections.
    Crowded {
        /// Its size.
        size: usize,
    },
    /// No request has this size.
    Size(i32),
    /// The socket failed.
    Io(io::Error),
}

/// How far a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing of it is here.
    Idle,
    /// It began.
    Begun,
    /// Its size is known.
    Sized(usize),
}

/// Takes requests off the socket. Every method may be dropped and called again.
#[derive(Debug)]
pub(super) struct Frames {
    socket: OwnedReadHalf,
    buffer: BytesMut,
    size_max: usize,
    arrival_max: Duration,
    idle_max: Duration,
    phase: Phase,
    /// When this phase has lasted too long; made when it first has to be waited for.
    over: Option<Over>,
    share: Share,
    /// Bytes of requests that were taken and are not answered.
    lent: usize,
    /// Whether it waits for the budget, not for the client.
    crowded: bool,
}

/// When a phase is over: a while after nothing came, and at the end of its time at the latest.
#[derive(Debug)]
struct Over {
    end: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Frames {
    pub(super) fn new(socket: OwnedReadHalf, door: &Door) -> Self {
        let settings = &door.settings;
        Self {
            socket,
            buffer: BytesMut::new(),
            size_max: settings.request_bytes_max,
            arrival_max: settings.request_arrival_max,
            idle_max: settings.idle_max,
            phase: Phase::Idle,
            over: None,
            share: Share::of(&door.shared.requests),
            lent: 0,
            crowded: false,
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
            self.enter(match size {
                Some(size) => Phase::Sized(size),
                None if self.buffer.is_empty() => Phase::Idle,
                None => Phase::Begun,
            });
            let wanted = size.map_or(LENGTH_BYTES, |size| LENGTH_BYTES + size) - self.buffer.len();
            // Stays when this is dropped and called again, so that nobody can put it off.
            let mut over = self.over.take().unwrap_or_else(|| self.patience());
            let filled = tokio::select! {
                biased;
                filled = self.fill(wanted) => Some(filled),
                () = &mut over.sleep => None,
            };
            self.over = Some(over);
            match (filled, self.phase) {
                (Some(filled), _) => {
                    filled?;
                    self.more_came();
                }
                (None, Phase::Idle) => return Err(FrameError::Idle),
                (None, Phase::Begun) => return Err(FrameError::Slow { size: 0 }),
                (None, Phase::Sized(size)) if self.crowded => {
                    return Err(FrameError::Crowded { size });
                }
                (None, Phase::Sized(size)) => return Err(FrameError::Slow { size }),
            }
        }
    }

    /// Resolves when the client has closed its side; reads a little ahead meanwhile.
    pub(super) async fn closed(&mut self) {
        while self.buffer.len() < AHEAD_BYTES_MAX {
            let wanted = AHEAD_BYTES_MAX - self.buffer.len();
            if self.fill(wanted).await.is_err() {
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
        let is_plain = |key: &[u8; 2]| i16::from_be_bytes(*key) != ApiKey::Produce as i16;
        let key = self.buffer[LENGTH_BYTES..].first_chunk();
        let size_max = match key.is_some_and(is_plain) {
            true => self.size_max.min(KAFKA_PLAIN_FRAME_BYTES_MAX),
            false => self.size_max,
        };
        match usize::try_from(length) {
            Ok(size) if (PREFIX_BYTES..=size_max).contains(&size) => Ok(Some(size)),
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
        // A new one begins.
        (self.phase, self.over) = (Phase::Idle, None);
        self.lent += size;
        frame
    }

    /// A request that was taken holds so many bytes more than itself.
    pub(super) fn weighs_more(&mut self, bytes: usize) {
        self.lent += bytes;
    }

    /// So many bytes of what was taken are held no more.
    pub(super) fn returned(&mut self, bytes: usize) {
        self.lent -= bytes;
        // Less than before always fits; where more was lent since, it is asked for with what comes next.
        self.share.try_hold(self.lent + self.buffer.len());
    }

    /// Reads once, at most about `wanted` bytes, as soon as there may be as much of them in memory.
    async fn fill(&mut self, wanted: usize) -> Result<(), FrameError> {
        let room = wanted.clamp(FIRST_BYTES, FIRST_BYTES + GROWTH * self.buffer.len());
        if self.buffer.is_empty() {
            // Nothing is allocated for a client that says nothing.
            self.socket.readable().await.map_err(FrameError::Io)?;
        }
        self.crowded = true;
        self.share.hold(self.lent + self.buffer.len() + room).await;
        self.crowded = false;
        self.buffer.reserve(room);
        match self.socket.read_buf(&mut self.buffer).await.map_err(FrameError::Io)? {
            0 => Err(FrameError::End),
            _ => Ok(()),
        }
    }

    /// Who sends may go on sending, to the end of the phase.
    fn more_came(&mut self) {
        if let (Phase::Sized(_), Some(over)) = (self.phase, &mut self.over) {
            let soon = tokio::time::sleep(self.arrival_max).deadline();
            over.sleep.as_mut().reset(over.end.min(soon));
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            (self.phase, self.over) = (phase, None);
        }
    }

    /// How long the phase may last, and until when something must come.
    fn patience(&self) -> Over {
        let (quiet, whole) = match self.phase {
            Phase::Idle => (self.idle_max, self.idle_max),
            Phase::Begun => (self.arrival_max, self.arrival_max),
            Phase::Sized(size) => {
                let more = Duration::from_secs((size / BYTES_A_SECOND_MIN) as u64);
                (self.arrival_max, self.arrival_max + more)
            }
        };
        let end = tokio::time::sleep(whole).deadline();
        Over { end, sleep: Box::pin(tokio::time::sleep(quiet)) }
    }
}
