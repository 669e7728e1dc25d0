//! The fetch stream: what to read comes in, what is read goes out under the client's credit.
//!
//! Invariants:
//! - Every fetch that was assigned ends with exactly one `Ended`, unless the stream ends first.
//! - Messages of one fetch follow each other without gap or overlap: each starts at the `next_offset` of
//!   the one before.
//! - Nothing but `Assigned` and `Ended` is sent without credit, and one message may overdraw it.
//! - Fetches take turns: one that was served goes to the end of the line, and each has at most one read
//!   under way. What is held for a slow client is at most a few reads of old data, and of the tail
//!   what the broker keeps in memory anyway. All of it counts as [`crate::answers`], and where those are
//!   scarce, one batch is read at a time.

mod fetches;
mod reads;

use std::collections::VecDeque;
use std::pin::Pin;

use futures::StreamExt as _;
use http::Response;
use ottla_broker::Fetched;
use ottla_model::{Fault, Outcome, Retry};
use ottla_wire::convert::id_bytes;
use ottla_wire::frames::{Message, Messages, response};
use ottla_wire::transport::REQUEST_BYTES_MAX;
use ottla_wire::{RichError, v1};
use tonic::body::Body;
use tonic::{Code, Status};
use v1::fetch_request::Request;

use self::fetches::{Fetch, FetchTable, Outgoing, Ticket};
use self::reads::{Done, Reads};
use super::start::Start;
use crate::answers::Held;
use crate::door::Door;
use crate::errors::{self, Refusal};

/// Serves one stream.
pub(crate) fn serve(door: Door, body: Body) -> Response<Body> {
    let session = Box::new(Session::new(door, body));
    response(futures::stream::unfold(session, |mut session| async move {
        session.next().await.map(|message| (message, session))
    }))
}

type Asked = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Session {
    door: Door,
    requests: Messages<v1::FetchRequest>,
    /// Whether more requests may come.
    reading: bool,
    drain: Asked,
    fetches: FetchTable,
    reads: Reads,
    /// What goes out whatever the credit: beginnings and ends.
    notices: VecDeque<v1::FetchResponse>,
    /// What was read and waits for credit.
    held: VecDeque<(u64, Outgoing)>,
    /// What the connection is sending: it asks for more when that is on its way.
    sending: Option<Held>,
    /// What may still be sent; negative after a message that overdrew it. `None` until the first grant.
    credit: Option<i64>,
}

impl Session {
    fn new(door: Door, body: Body) -> Self {
        Self {
            requests: Messages::of_request(body, REQUEST_BYTES_MAX).within(&door.budget),
            reading: true,
            drain: Box::pin(door.drain.requested_owned()),
            fetches: FetchTable::default(),
            reads: Reads::new(door.clone()),
            notices: VecDeque::new(),
            held: VecDeque::new(),
            sending: None,
            credit: None,
            door,
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        self.sending = None;
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(Ok(Message::of(&notice)));
            }
            if let Some(message) = self.next_held() {
                return Some(Ok(message));
            }
            if self.is_over() {
                return None;
            }
            if self.has_credit() {
                let budget = self.credit.map_or(u64::MAX, |credit| credit.unsigned_abs());
                self.reads.start(&mut self.fetches, budget);
            }
            tokio::select! {
                biased;
                () = &mut self.drain => return Some(Err(errors::shutting_down().into())),
                request = self.requests.next(), if self.reading => {
                    if let Err(status) = self.received(request) {
                        return Some(Err(status));
                    }
                }
                Some(done) = self.reads.next() => self.done(done),
            }
        }
    }

    /// Whether nothing can come any more: no request, and no fetch that could go on.
    fn is_over(&self) -> bool {
        !self.reading && (self.fetches.is_empty() || !self.has_credit())
    }

    fn has_credit(&self) -> bool {
        self.credit.is_none_or(|credit| credit > 0)
    }

    /// The next message that was read, if there is credit.
    fn next_held(&mut self) -> Option<Message> {
        if !self.has_credit() {
            return None;
        }
        let (fetch_id, Outgoing { message, cost, next_offset, held }) = self.held.pop_front()?;
        self.sending = Some(held);
        self.fetches.sent(fetch_id, next_offset);
        self.credit = self.credit.map(|credit| credit.saturating_sub_unsigned(cost));
        Some(message)
    }

    fn received(
        &mut self,
        request: Option<Result<v1::FetchRequest, Status>>,
    ) -> Result<(), Status> {
        let Some(request) = request.transpose()? else {
            self.reading = false;
            return Ok(());
        };
        match request.request {
            Some(Request::Assign(assign)) => self.assign(assign),
            Some(Request::Unassign(unassign)) => self.end(unassign.fetch_id, None),
            Some(Request::Credit(credit)) => self.grant(credit.bytes),
            Some(Request::Pause(pause)) => pause.fetch_ids.iter().for_each(|id| self.pause(*id)),
            Some(Request::Resume(resume)) => {
                resume.fetch_ids.iter().for_each(|id| self.fetches.resume(*id));
            }
            None => {
                let message = "the request asks for nothing that this version knows";
                return Err(RichError::bad_field("request", message).into());
            }
        }
        Ok(())
    }

    fn assign(&mut self, assign: v1::fetch_request::Assign) {
        let fetch_id = assign.fetch_id;
        if self.fetches.remove(fetch_id) {
            // Both end, since an `Ended` of this number could not be told from the other's.
            let message =
                format!("fetch {fetch_id} was still being read; every number is used once");
            let error = RichError::refused("FETCH_ID_IN_USE", Code::AlreadyExists, message);
            return self.ended(fetch_id, Some(error.into()));
        }
        if self.fetches.len() >= self.door.settings.fetches_max {
            let limit = self.door.settings.fetches_max;
            let message = format!("one stream reads at most {limit} partitions");
            let error = RichError::refused("TOO_MANY_FETCHES", Code::ResourceExhausted, message)
                .with(ottla_wire::error::key::LIMIT, limit)
                .advising("open another stream");
            return self.ended(fetch_id, Some(error.into()));
        }
        let Some(seat) = self.door.seats.take() else {
            let limit = self.door.seats.max();
            let message = format!("all streams together read {limit} partitions already");
            let error = RichError::refused("TOO_MANY_FETCHES", Code::ResourceExhausted, message)
                .with(ottla_wire::error::key::LIMIT, limit)
                .with_answers(Outcome::DidNotHappen, Retry::Later, Fault::Nobody)
                .advising("try again later");
            return self.ended(fetch_id, Some(error.into()));
        };
        match Fetch::assigned(&assign, seat) {
            Err(error) => self.ended(fetch_id, Some(error)),
            Ok((fetch, topic)) => {
                let opening = self.reads.open(fetch_id, topic, fetch.partition(), assign.start);
                self.fetches.insert(fetch_id, fetch.opening(opening));
            }
        }
    }

    fn grant(&mut self, bytes: u64) {
        let before = self.credit.unwrap_or(0);
        self.credit = Some(before.saturating_add_unsigned(bytes));
    }

    fn pause(&mut self, fetch_id: u64) {
        self.fetches.pause(fetch_id);
        self.held.retain(|(held, _)| *held != fetch_id);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Gone => {}
            Done::Opened(ticket, Ok(start)) => self.opened(ticket, &start),
            Done::Read(ticket, Ok(fetched), held) => {
                // What came is counted message by message from here on.
                drop(held);
                self.read(ticket, fetched);
            }
            Done::Opened(ticket, Err(error)) => self.failed(ticket, error),
            Done::Read(ticket, Err(error), _) => {
                self.failed(ticket, errors::of_fetch(&error).into())
            }
        }
    }

    fn opened(&mut self, ticket: Ticket, start: &Start) {
        if !self.fetches.is_waiting_for(ticket) {
            return;
        }
        self.fetches.opened(ticket, start);
        let assigned = v1::fetch_response::Assigned {
            fetch_id: ticket.fetch_id,
            offset: start.offset.0,
            high_watermark: start.high_watermark.0,
            log_start: start.log_start.0,
            topic_id: id_bytes(start.topic),
        };
        self.notices.push_back(of(v1::fetch_response::Response::Assigned(assigned)));
    }

    /// What was read becomes messages, or, when there was nothing, the fetch stands in line again.
    fn read(&mut self, ticket: Ticket, fetched: Fetched) {
        match self.fetches.read(ticket, fetched, &self.door.answers) {
            Err(error) => self.end(ticket.fetch_id, Some(errors::of_fetch(&error).into())),
            Ok(messages) => {
                self.held.extend(messages.into_iter().map(|message| (ticket.fetch_id, message)));
            }
        }
    }

    fn failed(&mut self, ticket: Ticket, error: Refusal) {
        if self.fetches.is_waiting_for(ticket) {
            self.end(ticket.fetch_id, Some(error));
        }
    }

    fn end(&mut self, fetch_id: u64, error: Option<Refusal>) {
        if self.fetches.remove(fetch_id) {
            self.ended(fetch_id, error);
        }
    }

    fn ended(&mut self, fetch_id: u64, error: Option<Refusal>) {
        self.held.retain(|(held, _)| *held != fetch_id);
        let ended = v1::fetch_response::Ended { fetch_id, error: error.map(Into::into) };
        self.notices.push_back(of(v1::fetch_response::Response::Ended(ended)));
    }
}

fn of(response: v1::fetch_response::Response) -> v1::FetchResponse {
    v1::FetchResponse { response: Some(response) }
}
