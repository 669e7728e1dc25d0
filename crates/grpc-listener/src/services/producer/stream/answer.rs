//! One request's way to its answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ottla_broker::{ProduceAck, ProduceError, Produced};
use ottla_wire::v1;
use tokio::time::Sleep;

use crate::errors::{self, Refusal};

/// Resolves when the request is acknowledged, refused, or out of time.
pub(super) struct Waiting {
    correlation: u64,
    bytes: u64,
    state: State,
}

enum State {
    /// The sleep is set up only when the acknowledgement is not there at once.
    Acknowledged {
        ack: ProduceAck,
        patience: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    },
    Refused(Option<Refusal>),
}

/// An answer, and what it gives back to the window.
pub(super) struct Answered {
    pub(super) response: v1::ProduceResponse,
    pub(super) bytes: u64,
}

impl Waiting {
    pub(super) fn acknowledged(
        correlation: u64,
        bytes: u64,
        ack: ProduceAck,
        patience: Duration,
    ) -> Self {
        Self { correlation, bytes, state: State::Acknowledged { ack, patience, sleep: None } }
    }

    pub(super) fn refused(correlation: u64, bytes: u64, error: Refusal) -> Self {
        Self { correlation, bytes, state: State::Refused(Some(error)) }
    }

    fn poll_result(&mut self, context: &mut Context<'_>) -> Poll<v1::produce_response::Result> {
        match &mut self.state {
            State::Refused(error) => {
                let error = error.take().expect("not polled after it resolved");
                Poll::Ready(v1::produce_response::Result::Error(error.into()))
            }
            State::Acknowledged { ack, patience, sleep } => {
                if let Poll::Ready(answer) = Pin::new(ack).poll(context) {
                    return Poll::Ready(result(answer));
                }
                let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(*patience)));
                let waited = *patience;
                sleep.as_mut().poll(context).map(|()| {
                    v1::produce_response::Result::Error(errors::not_acknowledged(waited).into())
                })
            }
        }
    }
}

impl Future for Waiting {
    type Output = Answered;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let waiting = self.get_mut();
        waiting.poll_result(context).map(|result| Answered {
            response: v1::ProduceResponse {
                correlation: waiting.correlation,
                result: Some(result),
            },
            bytes: waiting.bytes,
        })
    }
}

fn result(answer: Result<Produced, ProduceError>) -> v1::produce_response::Result {
    match answer {
        Err(error) => v1::produce_response::Result::Error(errors::of_produce(&error).into()),
        Ok(produced) => v1::produce_response::Result::Ack(v1::ProduceAck {
            base_offset: produced.base_offset.0,
            log_start: produced.log_start.0,
            durability: v1::Durability::from(produced.durability) as i32,
            acks: v1::Acks::from(produced.acks) as i32,
            duplicate: produced.duplicate,
            log_append_time_ms: produced.log_append_time.map(|time| time.0),
        }),
    }
}
