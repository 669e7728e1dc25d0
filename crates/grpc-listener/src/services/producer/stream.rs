//! The produce stream: batches in, in order; answers out, as they become durable.
//!
//! Invariants:
//! - Every request that was read gets exactly one answer, unless the connection breaks.
//! - Batches are appended in the order read: nothing is read while one waits for room.
//! - What is unanswered stays within the window: nothing is read while it is used up. So a client that
//!   does not count is slowed down, and one that does not read its answers stops its own stream.

mod answer;

use std::pin::Pin;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, future};
use http::Response;
use ottla_broker::{Admission, ProduceError, ProduceRequest, TopicRef};
use ottla_model::PartitionId;
use ottla_wire::frames::{Message, Messages, response};
use ottla_wire::transport::PRODUCE_REQUEST_BYTES_MAX;
use ottla_wire::{Charge, RichError, convert, v1};
use tonic::Status;
use tonic::body::Body;

use self::answer::{Answered, Waiting};
use crate::door::Door;
use crate::errors::{self, Refusal};
use crate::translate;

/// Serves one stream.
pub(crate) fn serve(door: Door, body: Body) -> Response<Body> {
    let session = Box::new(Session::new(door, body));
    response(futures::stream::unfold(session, |mut session| async move {
        session.next().await.map(|message| (message, session))
    }))
}

type Admitting = Pin<Box<dyn Future<Output = Result<Admission, ProduceError>> + Send>>;
type Asked = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Session {
    door: Door,
    requests: Messages<v1::ProduceRequest>,
    greeted: bool,
    /// Whether requests are still read: not after the end, an error, or the drain.
    reading: bool,
    /// How the stream ends, if not well.
    end: Option<Status>,
    drain: Asked,
    /// The one request that waits for room.
    admitting: Option<(v1::ProduceRequest, Admitting)>,
    /// That one's bytes.
    waiting: Charge,
    answers: FuturesUnordered<Waiting>,
    unanswered: u32,
    unanswered_bytes: u64,
    /// The last topic by name: one stream mostly writes to one.
    last_topic: Option<(String, TopicRef)>,
}

impl Session {
    fn new(door: Door, body: Body) -> Self {
        Self {
            requests: Messages::of_request(body, PRODUCE_REQUEST_BYTES_MAX).within(&door.budget),
            greeted: false,
            reading: true,
            end: None,
            drain: Box::pin(door.drain.requested_owned()),
            admitting: None,
            waiting: door.budget.charge(),
            answers: FuturesUnordered::new(),
            unanswered: 0,
            unanswered_bytes: 0,
            last_topic: None,
            door,
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Ok(Message::of(&self.window())));
        }
        loop {
            if !self.reading && self.unanswered == 0 {
                return self.end.take().map(Err);
            }
            let may_read = self.may_read();
            let admitted = match &mut self.admitting {
                Some((_, admitting)) => admitting.as_mut().left_future(),
                None => future::pending().right_future(),
            };
            tokio::select! {
                biased;
                Some(answered) = self.answers.next(), if !self.answers.is_empty() => {
                    return Some(Ok(self.answered(answered)));
                }
                admission = admitted => self.admitted(admission),
                () = &mut self.drain, if self.reading => self.stop(errors::shutting_down().into()),
                request = self.requests.next(), if may_read => self.read(request),
            }
        }
    }

    fn window(&self) -> v1::ProduceResponse {
        let window = v1::ProduceWindow {
            requests_max: self.door.settings.produce_requests_max,
            bytes_max: self.door.settings.produce_bytes_max.0,
            incarnation: Bytes::copy_from_slice(&self.door.incarnation),
        };
        let result = Some(v1::produce_response::Result::Window(window));
        v1::ProduceResponse { correlation: 0, result }
    }

    fn may_read(&self) -> bool {
        let settings = &self.door.settings;
        let room = self.unanswered < settings.produce_requests_max
            && self.unanswered_bytes < settings.produce_bytes_max.0;
        self.reading && self.admitting.is_none() && (room || self.unanswered == 0)
    }

    /// Reads no further; what was read is answered, then the stream ends with `status`.
    fn stop(&mut self, status: Status) {
        self.reading = false;
        self.end = Some(status);
    }

    fn read(&mut self, request: Option<Result<v1::ProduceRequest, Status>>) {
        match request {
            None => self.reading = false,
            Some(Err(status)) => self.stop(status),
            Some(Ok(request)) => self.received(request),
        }
    }

    fn received(&mut self, request: v1::ProduceRequest) {
        let bytes = request.batch.len() as u64;
        self.unanswered += 1;
        self.unanswered_bytes += bytes;
        // There is nearly always room, and then nothing has to be put aside.
        match self.door.broker.admit(bytes).now_or_never() {
            Some(admission) => self.take(request, admission.map_err(|e| errors::of_produce(&e))),
            None => {
                if let Err(error) = self.waiting.hold(bytes) {
                    return self.take(request, Err(*error));
                }
                let broker = self.door.broker.clone();
                let admitting = Box::pin(async move { broker.admit(bytes).await });
                self.admitting = Some((request, admitting));
            }
        }
    }

    fn admitted(&mut self, admission: Result<Admission, ProduceError>) {
        if let Some((request, _)) = self.admitting.take() {
            self.waiting.hold(0).expect("holding less is always granted");
            self.take(request, admission.map_err(|e| errors::of_produce(&e)));
        }
    }

    fn take(&mut self, request: v1::ProduceRequest, admission: Result<Admission, RichError>) {
        let (correlation, bytes) = (request.correlation, request.batch.len() as u64);
        let patience = match request.timeout_ms {
            0 => self.door.settings.acknowledge_timeout,
            millis => std::time::Duration::from_millis(millis.into()),
        };
        let waiting = match self.translate(request, admission) {
            Ok(request) => Waiting::acknowledged(
                correlation,
                bytes,
                self.door.broker.produce(request),
                patience,
            ),
            Err(error) => Waiting::refused(correlation, bytes, error),
        };
        self.answers.push(waiting);
    }

    fn translate(
        &mut self,
        request: v1::ProduceRequest,
        admission: Result<Admission, RichError>,
    ) -> Result<ProduceRequest, Refusal> {
        let acks = convert::acks_of_request(request.acks);
        let durability = convert::durability_of_request(request.durability);
        Ok(ProduceRequest {
            topic: self.topic(request.topic)?,
            partition: PartitionId(request.partition),
            batch: request.batch,
            acks: acks.map_err(|error| errors::of_unknown_value(&error))?,
            durability: durability.map_err(|error| errors::of_unknown_value(&error))?,
            admission: admission?,
        })
    }

    fn topic(&mut self, topic: Option<v1::produce_request::Topic>) -> Result<TopicRef, Refusal> {
        match topic {
            None => translate::topic(None),
            Some(v1::produce_request::Topic::TopicId(id)) => {
                Ok(TopicRef::Id(translate::topic_with_id(&id)?))
            }
            Some(v1::produce_request::Topic::TopicName(name)) => match &self.last_topic {
                Some((last, topic)) if *last == name => Ok(topic.clone()),
                _ => {
                    let topic = translate::topic_named(&name)?;
                    self.last_topic = Some((name, topic.clone()));
                    Ok(topic)
                }
            },
        }
    }

    fn answered(&mut self, answered: Answered) -> Message {
        self.unanswered -= 1;
        self.unanswered_bytes -= answered.bytes;
        Message::of(&answered.response)
    }
}
