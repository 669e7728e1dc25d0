//! One partition that is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ottla_client::fetch::FetchStart;
use ottla_model::{BrokerId, Moment, Offset, TopicId};

use super::{ConnectionId, FetchId};
use crate::config::Start;

/// The offset of the next record to be given out. Moved by whoever gives out, without a lock.
#[derive(Debug)]
pub(crate) struct Position(AtomicI64);

impl Position {
    const UNKNOWN: i64 = -1;

    pub(crate) fn get(&self) -> Option<Offset> {
        let offset = self.0.load(Ordering::Relaxed);
        (offset != Self::UNKNOWN).then_some(Offset(offset))
    }

    pub(crate) fn set(&self, offset: Offset) {
        self.0.store(offset.0, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct Claim {
    pub(super) topic: TopicId,
    pub(super) leader: Option<BrokerId>,
    /// Where the next fetch begins.
    pub(super) start: Start,
    pub(super) position: Arc<Position>,
    pub(super) high_watermark: Option<Offset>,
    /// The live fetch, and the connection it is on.
    pub(super) fetch: Option<(FetchId, ConnectionId)>,
    /// Changes with every seek, pause and failure.
    pub(super) sitting: u64,
    pub(super) paused: bool,
    /// Until it is sought.
    pub(super) failed: bool,
    pub(super) failures: u32,
    pub(super) retry_at: Option<Moment>,
}

impl Claim {
    pub(super) fn new(
        topic: TopicId,
        leader: Option<BrokerId>,
        start: Start,
        sitting: u64,
    ) -> Self {
        let mut claim = Self {
            topic,
            leader,
            start,
            position: Arc::new(Position(AtomicI64::new(Position::UNKNOWN))),
            high_watermark: None,
            fetch: None,
            sitting,
            paused: false,
            failed: false,
            failures: 0,
            retry_at: None,
        };
        claim.begin_at(start);
        claim
    }

    pub(super) fn begin_at(&mut self, start: Start) {
        // Whoever still gives out of the last sitting moves a position that nobody asks for.
        let known = match start {
            Start::Offset(offset) => offset.0,
            Start::Earliest | Start::Latest | Start::Timestamp(_) => Position::UNKNOWN,
        };
        self.position = Arc::new(Position(AtomicI64::new(known)));
        self.start = start;
        self.failed = false;
        self.failures = 0;
        self.retry_at = None;
    }

    /// Has the next fetch begin at what is to be given out next.
    pub(super) fn go_back_to_position(&mut self) {
        if let Some(position) = self.position.get() {
            self.begin_at(Start::Offset(position));
        }
    }

    pub(crate) fn position(&self) -> Option<Offset> {
        self.position.get()
    }

    pub(crate) fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// Whether a fetch is to be begun now.
    pub(super) fn wants_fetch(&self, now: Moment) -> bool {
        let ready = self.retry_at.is_none_or(|at| at <= now);
        self.fetch.is_none() && !self.paused && !self.failed && ready
    }

    /// When it is to be tried again.
    pub(super) fn timer(&self) -> Option<Moment> {
        self.retry_at.filter(|_| self.fetch.is_none() && !self.paused && !self.failed)
    }

    pub(super) fn fetch_start(&self) -> FetchStart {
        match self.start {
            Start::Earliest => FetchStart::Earliest,
            Start::Latest => FetchStart::Latest,
            Start::Offset(offset) => FetchStart::Offset(offset),
            Start::Timestamp(timestamp) => FetchStart::Timestamp(timestamp),
        }
    }
}
