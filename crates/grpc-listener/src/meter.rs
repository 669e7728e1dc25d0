//! Counts the frames of an HTTP/2 peer that cost it nothing, and ends the connection on a flood of them.
//!
//! h2 bounds what such frames take of memory; what they take of a core, which other connections share,
//! nobody bounds but this. Only the nine bytes that begin a frame are looked at.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ottla_model::Moment;
use ottla_model::limits::{HTTP2_IDLE_FRAMES_PER_SECOND_MAX, HTTP2_RESETS_PER_SECOND_MAX};
use ottla_runtime::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::metrics::DoorMetrics;

const PREFACE_BYTES: u64 = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// A connection's bytes, counted as they are read.
#[derive(Debug)]
pub(crate) struct Metered<IO> {
    io: IO,
    frames: Frames,
    clock: Clock,
    metrics: DoorMetrics,
}

impl<IO> Metered<IO> {
    pub(crate) fn new(io: IO, clock: Clock, metrics: DoorMetrics) -> Self {
        Self { io, frames: Frames::new(), clock, metrics }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Metered<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let metered = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut metered.io).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        Poll::Ready(metered.frames.take(read, metered.clock.moment()).map_err(|flood| {
            metered.metrics.cut_connections.inc();
            tracing::warn!(flood, "a gRPC connection is cut");
            io::Error::other(flood)
        }))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Metered<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

/// Where in the peer's frames the bytes are, and what came in this second.
#[derive(Debug)]
struct Frames {
    /// How many bytes come before the next frame's head.
    skip: u64,
    head: [u8; HEAD_BYTES],
    head_seen: usize,
    second: Moment,
    idle: u32,
    resets: u32,
}

impl Frames {
    fn new() -> Self {
        let (skip, head) = (PREFACE_BYTES, [0; HEAD_BYTES]);
        Self { skip, head, head_seen: 0, second: Moment::default(), idle: 0, resets: 0 }
    }

    /// Counts what these bytes bring; the error says what there was too much of.
    fn take(&mut self, mut bytes: &[u8], now: Moment) -> Result<(), &'static str> {
        if now.0.saturating_sub(self.second.0) >= Duration::from_secs(1) {
            (self.second, self.idle, self.resets) = (now, 0, 0);
        }
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
        if self.resets > HTTP2_RESETS_PER_SECOND_MAX {
            return Err("it resets streams faster than anybody has to");
        }
        if self.idle > HTTP2_IDLE_FRAMES_PER_SECOND_MAX {
            return Err("it floods the connection with frames that carry nothing");
        }
        Ok(())
    }

    /// Takes a part of the bytes and gives back the rest.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.skip > 0 {
            let count = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= count as u64;
            return &bytes[count..];
        }
        let count = bytes.len().min(HEAD_BYTES - self.head_seen);
        self.head[self.head_seen..self.head_seen + count].copy_from_slice(&bytes[..count]);
        self.head_seen += count;
        if self.head_seen == HEAD_BYTES {
            self.head_seen = 0;
            self.frame();
        }
        &bytes[count..]
    }

    fn frame(&mut self) {
        let [high, middle, low, kind, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.skip = u64::from(length);
        match kind {
            DATA if length > 0 => {}
            HEADERS => {}
            RST_STREAM => self.resets += 1,
            _ => self.idle += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![(length >> 16) as u8, (length >> 8) as u8, length as u8, kind];
        bytes.resize(HEAD_BYTES + length, 0xff);
        bytes
    }

    fn after_preface() -> Frames {
        let mut frames = Frames::new();
        frames.take(&[0xff; PREFACE_BYTES as usize], Moment::default()).expect("a preface");
        frames
    }

    proptest! {
        #[test]
        fn frames_are_counted_however_they_are_cut(
            sent in proptest::collection::vec((0_u8..10, 0_usize..300), 0..40),
            piece in 1_usize..50,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|(kind, length)| frame(*kind, *length)).collect();
            let mut frames = after_preface();
            for part in bytes.chunks(piece) {
                frames.take(part, Moment::default()).expect("few");
            }
            let resets = sent.iter().filter(|(kind, _)| *kind == RST_STREAM).count();
            let works = |(kind, length): &&(u8, usize)| *kind == HEADERS || (*kind == DATA && *length > 0);
            let idle = sent.len() - resets - sent.iter().filter(works).count();
            prop_assert_eq!((frames.resets as usize, frames.idle as usize), (resets, idle));
            prop_assert_eq!((frames.skip, frames.head_seen), (0, 0));
        }
    }

    #[test]
    fn a_flood_is_one_within_a_second() {
        for (kind, max) in [
            (PING, HTTP2_IDLE_FRAMES_PER_SECOND_MAX as usize),
            (RST_STREAM, HTTP2_RESETS_PER_SECOND_MAX as usize),
        ] {
            let mut frames = after_preface();
            let all = frame(kind, 8).repeat(max);
            frames.take(&all, Moment::default()).expect("as many as allowed");
            let later = Moment(Duration::from_secs(1));
            frames.take(&all, later).expect("and again in the next second");
            frames.take(&frame(kind, 8), later).expect_err("one too many");
        }
    }
}
