//! The connection to one broker, as the machine sees it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use ottla_model::{BrokerId, Moment};

use super::effect::{BatchId, ConnectionId, Correlation, LineId};

/// Which life of which broker an attempt went to. What a life left unanswered ends with it: it is in
/// the log that the next life opens, or nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Life {
    pub(crate) broker: BrokerId,
    /// New with every start of the process; `None` when the broker does not say.
    pub(crate) incarnation: Option<Bytes>,
}

impl Life {
    /// Whether this life is over for certain, given that `now` is the same broker's life.
    pub(crate) fn is_over(&self, now: &Self) -> bool {
        self.broker == now.broker
            && self.incarnation.is_some()
            && now.incarnation.is_some()
            && self.incarnation != now.incarnation
    }
}

#[derive(Debug)]
pub(crate) enum LinkState {
    /// Not connected, and not before this moment.
    Down(Moment),
    Connecting,
    Up(Up),
}

/// What may be without an answer on one connection, as the broker said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) requests_max: u64,
    pub(crate) bytes_max: u64,
}

impl Window {
    /// Until the broker says something.
    pub(crate) const OPEN: Self = Self { requests_max: u64::MAX, bytes_max: u64::MAX };
}

/// A live connection.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) connection: ConnectionId,
    pub(crate) life: Life,
    pub(crate) window: Window,
    pub(crate) bytes: u64,
    /// How many lines were asked for what they have gathered, and did not hand it over yet.
    pub(crate) asked: usize,
    /// What is not answered yet; numbers rise, so the first is the oldest.
    pub(crate) flights: BTreeMap<Correlation, Flight>,
}

/// A request without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) line: LineId,
    pub(crate) batch: BatchId,
    pub(crate) bytes: u64,
    pub(crate) sent: Moment,
}

impl Up {
    /// Whether there is room for such a batch; a line that was asked for it has a place among those
    /// that are kept.
    pub(crate) fn has_room(&self, bytes: u64, was_asked: bool) -> bool {
        let under_way = self.flights.len() + self.asked - usize::from(was_asked);
        under_way == 0
            || (under_way as u64) < self.window.requests_max
                && self.bytes.saturating_add(bytes) <= self.window.bytes_max
    }

    pub(crate) fn launch(&mut self, correlation: Correlation, flight: Flight) {
        self.bytes += flight.bytes;
        self.flights.insert(correlation, flight);
    }

    pub(crate) fn land(&mut self, correlation: Correlation) -> Option<Flight> {
        let flight = self.flights.remove(&correlation)?;
        self.bytes -= flight.bytes;
        Some(flight)
    }

    /// When the oldest request without an answer has waited too long.
    pub(crate) fn overdue(&self, patience: Duration) -> Option<Moment> {
        self.flights.values().next().map(|flight| flight.sent.plus(patience))
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) state: LinkState,
    /// Failures since the last answer.
    pub(crate) failures: u32,
    /// Why it is down.
    pub(crate) trouble: Option<String>,
    /// Lines that could send if there were room, in turn.
    pub(crate) waiting: VecDeque<LineId>,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            state: LinkState::Down(Moment::START),
            failures: 0,
            trouble: None,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) fn up(&self) -> Option<&Up> {
        match &self.state {
            LinkState::Up(up) => Some(up),
            LinkState::Down(_) | LinkState::Connecting => None,
        }
    }

    pub(crate) fn up_mut(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            LinkState::Up(up) => Some(up),
            LinkState::Down(_) | LinkState::Connecting => None,
        }
    }
}
