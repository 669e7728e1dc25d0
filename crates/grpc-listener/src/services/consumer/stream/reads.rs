//! What a fetch stream has under way at the broker: openings, reads of what there is, and waits at the
//! tail.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;
use ottla_broker::{FetchError, FetchRequest, Fetched, TopicRef};
use ottla_model::PartitionId;
use ottla_model::limits::{FETCH_READS_AT_ONCE, FETCH_WAIT_MS_MAX};
use ottla_wire::v1;

use super::super::start::{self, Start};
use super::fetches::{FetchTable, Running, Ticket, Turn};
use crate::answers::Held;
use crate::door::Door;
use crate::errors::Refusal;

/// Something has come of what was under way.
pub(super) enum Done {
    /// A fetch is open, or cannot be.
    Opened(Ticket, Result<Start, Refusal>),
    /// A read has ended. What it might have brought was held for it from its beginning, since it is done
    /// whether or not the client comes for it.
    Read(Ticket, Result<Fetched, FetchError>, Option<Held>),
    /// Its fetch ended or paused before.
    Gone,
}

pub(super) struct Reads {
    door: Door,
    running: FuturesUnordered<BoxFuture<'static, (Done, bool)>>,
    /// How many read what there is already, and so hold memory when they are done.
    catching_up: usize,
    serial: u64,
}

impl Reads {
    pub(super) fn new(door: Door) -> Self {
        Self { door, running: FuturesUnordered::new(), catching_up: 0, serial: 0 }
    }

    /// The next that is done; `None` while nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let (done, caught_up) = self.running.next().await?;
        self.catching_up -= usize::from(caught_up);
        Some(done)
    }

    pub(super) fn open(
        &mut self,
        fetch_id: u64,
        topic: TopicRef,
        partition: PartitionId,
        start: Option<v1::FetchStart>,
    ) -> Running {
        let door = self.door.clone();
        let ticket = self.ticket(fetch_id);
        self.run(ticket, false, async move {
            Done::Opened(ticket, start::find(&door, topic, partition, start).await)
        })
    }

    fn ticket(&mut self, fetch_id: u64) -> Ticket {
        self.serial += 1;
        Ticket { fetch_id, serial: self.serial }
    }

    /// Starts what may be started of those in line.
    pub(super) fn start(&mut self, fetches: &mut FetchTable, budget: u64) {
        while let Some(turn) = fetches.next_turn() {
            let at_once = if self.door.answers.are_scarce() { 1 } else { FETCH_READS_AT_ONCE };
            if !turn.at_the_tail && self.catching_up >= at_once {
                return fetches.keep_turn(turn.fetch_id);
            }
            fetches.running(self.read(turn, budget));
        }
    }

    fn read(&mut self, turn: Turn, budget: u64) -> Running {
        let Turn { fetch_id, topic, partition, offset, bytes_max, at_the_tail } = turn;
        let broker = self.door.broker.clone();
        let bytes_max = bytes_max.min(budget).min(self.door.answers.read_bytes_max());
        let held = (!at_the_tail).then(|| self.door.answers.hold(bytes_max));
        let wait = at_the_tail.then_some(Duration::from_millis(FETCH_WAIT_MS_MAX));
        let request = FetchRequest { topic, partition, offset, bytes_max, wait };
        let ticket = self.ticket(fetch_id);
        self.run(ticket, !at_the_tail, async move {
            Done::Read(ticket, broker.fetch(request).await, held)
        })
    }

    fn run(
        &mut self,
        ticket: Ticket,
        catching_up: bool,
        future: impl Future<Output = Done> + Send + 'static,
    ) -> Running {
        let (handle, registration) = AbortHandle::new_pair();
        let running = Abortable::new(future, registration);
        self.catching_up += usize::from(catching_up);
        self.running
            .push(Box::pin(async move { (running.await.unwrap_or(Done::Gone), catching_up) }));
        Running { ticket, handle }
    }
}
