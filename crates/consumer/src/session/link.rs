//! The connection to one broker, and the credit it was given.

use ottla_model::Moment;

use super::ConnectionId;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LinkState {
    /// Not connected, and not before this moment.
    Down(Moment),
    Connecting,
    Up(ConnectionId),
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) state: LinkState,
    pub(super) failures: u32,
    /// Most bytes fetched from this broker and not given out, credit that is out included.
    share: u64,
    /// What the broker may still send: below zero where an answer was larger than that, as one batch may be.
    open: i64,
    /// What it sent and nobody took yet.
    queued: u64,
}

impl Link {
    pub(super) fn new() -> Self {
        let state = LinkState::Down(Moment::START);
        Self { state, failures: 0, share: 0, open: 0, queued: 0 }
    }

    pub(super) fn up(&self) -> Option<ConnectionId> {
        match self.state {
            LinkState::Up(connection) => Some(connection),
            LinkState::Down(_) | LinkState::Connecting => None,
        }
    }

    pub(super) fn retry_at(&self) -> Option<Moment> {
        match self.state {
            LinkState::Down(at) if at > Moment::START => Some(at),
            LinkState::Down(_) | LinkState::Up(_) | LinkState::Connecting => None,
        }
    }

    /// Lets it be tried again, and stops its timer.
    pub(super) fn pause_is_over(&mut self, now: Moment) {
        if matches!(self.state, LinkState::Down(at) if at <= now) {
            self.state = LinkState::Down(Moment::START);
        }
    }

    /// A new connection has been told of no credit yet.
    pub(super) fn connected(&mut self, connection: ConnectionId) {
        self.state = LinkState::Up(connection);
        self.open = 0;
    }

    pub(super) fn set_share(&mut self, share: u64) {
        self.share = share;
    }

    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    pub(super) fn received(&mut self, cost: u64) {
        self.open = self.open.saturating_sub_unsigned(cost);
        self.queued += cost;
    }

    pub(super) fn taken(&mut self, cost: u64) {
        self.queued -= cost;
    }

    /// What the broker is to be granted now: nothing while it is little, so that not every answer
    /// costs a message.
    pub(super) fn grant(&mut self) -> Option<(ConnectionId, u64)> {
        let connection = self.up()?;
        let held = self.open.saturating_add_unsigned(self.queued);
        let share = i64::try_from(self.share).unwrap_or(i64::MAX);
        let missing = u64::try_from(share.saturating_sub(held)).unwrap_or_default();
        if missing == 0 || missing < self.share / 8 {
            return None;
        }
        self.open = self.open.saturating_add_unsigned(missing);
        Some((connection, missing))
    }
}
