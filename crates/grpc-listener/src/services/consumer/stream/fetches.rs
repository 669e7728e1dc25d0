//! The fetches of one stream: where each is, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};

use futures::future::AbortHandle;
use ottla_broker::{FetchError, Fetched, TopicRef};
use ottla_model::limits::{FETCH_BYTES_DEFAULT, FETCH_BYTES_MAX};
use ottla_model::{Offset, PartitionId, TopicId};
use ottla_wire::frames::Message;
use ottla_wire::v1;

use super::super::plain;
use super::super::start::Start;
use crate::answers::{Answers, Held};
use crate::errors::{self, Refusal, refused};
use crate::seats::Seat;
use crate::translate;

/// The live fetches, by number.
#[derive(Default)]
pub(super) struct FetchTable {
    fetches: BTreeMap<u64, Fetch>,
    /// Those that want to read, in turn.
    line: VecDeque<u64>,
}

/// One partition being read.
pub(super) struct Fetch {
    partition: PartitionId,
    encoded: bool,
    bytes_max: u64,
    /// Known once it is open.
    topic: Option<TopicId>,
    /// Where the next read goes on.
    next: Offset,
    /// Where the reader is, behind by what is held.
    sent: Offset,
    high_watermark: Offset,
    paused: bool,
    in_line: bool,
    phase: Phase,
    _seat: Seat,
}

enum Phase {
    /// Being opened or read.
    Running(Running),
    /// In line.
    Waiting,
    /// What was read has not all been sent.
    Sending,
}

/// Something under way at the broker, which is dropped with this.
pub(super) struct Running {
    pub(super) ticket: Ticket,
    pub(super) handle: AbortHandle,
}

/// Tells what comes of one read from what comes of another that was begun for the same fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    pub(super) fetch_id: u64,
    pub(super) serial: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// What to read next.
pub(super) struct Turn {
    pub(super) fetch_id: u64,
    pub(super) topic: TopicRef,
    pub(super) partition: PartitionId,
    pub(super) offset: Offset,
    pub(super) bytes_max: u64,
    /// Whether it reads at the end, and so waits for something new.
    pub(super) at_the_tail: bool,
}

/// A message that was read.
pub(super) struct Outgoing {
    pub(super) message: Message,
    /// What it costs of the credit.
    pub(super) cost: u64,
    /// Where the reader is once it was sent.
    pub(super) next_offset: Offset,
    /// Counts as long as it is not.
    pub(super) held: Held,
}

impl Fetch {
    pub(super) fn assigned(
        assign: &v1::fetch_request::Assign,
        seat: Seat,
    ) -> Result<(Self, TopicRef), Refusal> {
        let topic = translate::topic(assign.topic.clone())?;
        let encoded = match v1::FetchEncoding::try_from(assign.encoding) {
            Ok(v1::FetchEncoding::Unspecified | v1::FetchEncoding::Plain) => false,
            Ok(v1::FetchEncoding::Encoded) => true,
            Err(_) => {
                let why = format!("{} is no encoding that this version knows", assign.encoding);
                return Err(refused("encoding", why));
            }
        };
        let bytes_max = match assign.bytes_max {
            0 => FETCH_BYTES_DEFAULT,
            wanted => u64::from(wanted).min(FETCH_BYTES_MAX),
        };
        let fetch = Self {
            partition: PartitionId(assign.partition),
            encoded,
            bytes_max,
            topic: None,
            next: Offset::ZERO,
            sent: Offset::ZERO,
            high_watermark: Offset::ZERO,
            paused: false,
            in_line: false,
            phase: Phase::Sending,
            _seat: seat,
        };
        Ok((fetch, topic))
    }

    pub(super) fn partition(&self) -> PartitionId {
        self.partition
    }

    pub(super) fn opening(mut self, opening: Running) -> Self {
        self.phase = Phase::Running(opening);
        self
    }

    fn messages(
        &mut self,
        fetch_id: u64,
        fetched: Fetched,
        answers: &Answers,
    ) -> Result<Vec<Outgoing>, FetchError> {
        let from = std::mem::replace(&mut self.next, fetched.next_offset);
        self.high_watermark = fetched.high_watermark;
        if self.encoded {
            Ok(vec![encoded(fetch_id, fetched, answers)])
        } else {
            self.plain(fetch_id, from, fetched, answers)
        }
    }

    fn plain(
        &self,
        fetch_id: u64,
        from: Offset,
        fetched: Fetched,
        answers: &Answers,
    ) -> Result<Vec<Outgoing>, FetchError> {
        let bytes_max = self.bytes_max as usize;
        let portions = plain::portions(fetched.chunks, from, fetched.next_offset, bytes_max);
        let portions = portions.map_err(|error| {
            let topic = TopicRef::Id(self.topic.expect("nothing is read before it is open"));
            errors::damaged((topic, self.partition, from), &error)
        })?;
        let outgoing = |portion: plain::Plain| {
            let (next_offset, cost) = (portion.next_offset, portion.bytes as u64);
            let records = v1::fetch_response::Records {
                fetch_id,
                next_offset: portion.next_offset.0,
                high_watermark: fetched.high_watermark.0,
                log_start: fetched.log_start.0,
                bytes: u32::try_from(portion.bytes).unwrap_or(u32::MAX),
                records: portion.records,
            };
            let message = super::of(v1::fetch_response::Response::Records(records));
            let held = answers.hold(cost);
            Outgoing { message: Message::of(&message), cost, next_offset, held }
        };
        Ok(portions.into_iter().map(outgoing).collect())
    }
}

fn encoded(fetch_id: u64, fetched: Fetched, answers: &Answers) -> Outgoing {
    let (cost, next_offset) = (fetched.bytes() as u64, fetched.next_offset);
    let header = v1::fetch_response::Batches {
        fetch_id,
        next_offset: fetched.next_offset.0,
        high_watermark: fetched.high_watermark.0,
        log_start: fetched.log_start.0,
        bytes: u32::try_from(cost).unwrap_or(u32::MAX),
        batches: bytes::Bytes::new(),
    };
    let message = Message::of_batches(header, fetched.chunks);
    Outgoing { message, cost, next_offset, held: answers.hold(cost) }
}

impl FetchTable {
    pub(super) fn len(&self) -> usize {
        self.fetches.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fetches.is_empty()
    }

    pub(super) fn insert(&mut self, fetch_id: u64, fetch: Fetch) {
        self.fetches.insert(fetch_id, fetch);
    }

    /// Whether there was such a fetch.
    pub(super) fn remove(&mut self, fetch_id: u64) -> bool {
        let removed = self.fetches.remove(&fetch_id);
        if removed.as_ref().is_some_and(|fetch| fetch.in_line) {
            self.line.retain(|waiting| *waiting != fetch_id);
        }
        removed.is_some()
    }

    /// The next in line, and what it would read. Paused fetches fall out.
    pub(super) fn next_turn(&mut self) -> Option<Turn> {
        while let Some(fetch_id) = self.line.pop_front() {
            let fetch = self.fetches.get_mut(&fetch_id).expect("who is removed leaves the line");
            fetch.in_line = false;
            if let Some(turn) = turn(fetch_id, fetch) {
                return Some(turn);
            }
        }
        None
    }

    /// Back to the front of the line: it is still its turn.
    pub(super) fn keep_turn(&mut self, fetch_id: u64) {
        if let Some(fetch) = self.fetches.get_mut(&fetch_id) {
            fetch.in_line = true;
            self.line.push_front(fetch_id);
        }
    }

    pub(super) fn running(&mut self, running: Running) {
        if let Some(fetch) = self.fetches.get_mut(&running.ticket.fetch_id) {
            fetch.phase = Phase::Running(running);
        }
    }

    /// The fetch that this was begun for, if it has not ended or been paused since.
    fn waiting_for(&mut self, ticket: Ticket) -> Option<&mut Fetch> {
        self.fetches.get_mut(&ticket.fetch_id).filter(
            |fetch| matches!(&fetch.phase, Phase::Running(running) if running.ticket == ticket),
        )
    }

    /// Whether it still waits for what this ticket brings.
    pub(super) fn is_waiting_for(&mut self, ticket: Ticket) -> bool {
        self.waiting_for(ticket).is_some()
    }

    pub(super) fn opened(&mut self, ticket: Ticket, start: &Start) {
        if let Some(fetch) = self.waiting_for(ticket) {
            fetch.topic = Some(start.topic);
            fetch.next = start.offset;
            fetch.sent = start.offset;
            fetch.high_watermark = start.high_watermark;
            self.stand_in_line(ticket.fetch_id);
        }
    }

    /// The messages of what was read. None when nothing was.
    pub(super) fn read(
        &mut self,
        ticket: Ticket,
        fetched: Fetched,
        answers: &Answers,
    ) -> Result<Vec<Outgoing>, FetchError> {
        let Some(fetch) = self.waiting_for(ticket) else {
            return Ok(Vec::new());
        };
        if fetched.is_empty() {
            fetch.high_watermark = fetched.high_watermark;
            self.stand_in_line(ticket.fetch_id);
            return Ok(Vec::new());
        }
        fetch.phase = Phase::Sending;
        fetch.messages(ticket.fetch_id, fetched, answers)
    }

    /// A message goes out, after which the reader is at `next_offset`; after the last of a read the fetch
    /// stands in line again.
    pub(super) fn sent(&mut self, fetch_id: u64, next_offset: Offset) {
        if let Some(fetch) = self.fetches.get_mut(&fetch_id) {
            fetch.sent = next_offset;
            if fetch.sent == fetch.next {
                self.stand_in_line(fetch_id);
            }
        }
    }

    /// What is under way or held is dropped; it is read again after `resume`.
    pub(super) fn pause(&mut self, fetch_id: u64) {
        if let Some(fetch) = self.fetches.get_mut(&fetch_id) {
            fetch.paused = true;
            fetch.next = fetch.sent;
            // An opening goes on, so that the reader learns where it starts.
            if fetch.topic.is_some() {
                fetch.phase = Phase::Waiting;
            }
        }
    }

    pub(super) fn resume(&mut self, fetch_id: u64) {
        if let Some(fetch) = self.fetches.get_mut(&fetch_id)
            && std::mem::take(&mut fetch.paused)
            && matches!(fetch.phase, Phase::Waiting)
        {
            self.stand_in_line(fetch_id);
        }
    }

    fn stand_in_line(&mut self, fetch_id: u64) {
        if let Some(fetch) = self.fetches.get_mut(&fetch_id) {
            fetch.phase = Phase::Waiting;
            if !std::mem::replace(&mut fetch.in_line, true) {
                self.line.push_back(fetch_id);
            }
        }
    }
}

fn turn(fetch_id: u64, fetch: &Fetch) -> Option<Turn> {
    let waits = matches!(fetch.phase, Phase::Waiting) && !fetch.paused;
    let topic = fetch.topic.filter(|_| waits)?;
    Some(Turn {
        fetch_id,
        topic: TopicRef::Id(topic),
        partition: fetch.partition,
        offset: fetch.next,
        bytes_max: fetch.bytes_max,
        at_the_tail: fetch.next >= fetch.high_watermark,
    })
}
