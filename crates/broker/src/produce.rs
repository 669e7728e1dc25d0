//! The produce path, from a checked batch to its acknowledgement.

use std::pin::Pin;
use std::task::{Context, Poll};

use std::sync::Arc;

use ottla_model::Moment;
use tokio::sync::oneshot;

use crate::error::ProduceError;
use crate::request::Produced;
use crate::slowest::{Slowest, Trace};

/// Resolves when a batch is acknowledged or refused. Dropping it does not undo the append.
#[derive(Debug)]
pub struct ProduceAck(State);

#[derive(Debug)]
enum State {
    Ready(Option<Result<Produced, ProduceError>>),
    Waiting { told: oneshot::Receiver<Told>, trace: Trace, slowest: Arc<Slowest> },
}

/// An answer, and when it was given.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) answer: Result<Produced, ProduceError>,
    pub(crate) at: Moment,
}

impl ProduceAck {
    /// The answer, where it was known at once: a refusal, a duplicate, or `acks` none.
    pub fn ready(&self) -> Option<&Result<Produced, ProduceError>> {
        match &self.0 {
            State::Ready(answer) => answer.as_ref(),
            State::Waiting { .. } => None,
        }
    }

    pub(crate) fn answered(answer: Result<Produced, ProduceError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    pub(crate) fn waiting(
        told: oneshot::Receiver<Told>,
        trace: Trace,
        slowest: Arc<Slowest>,
    ) -> Self {
        Self(State::Waiting { told, trace, slowest })
    }

    /// Says when room was asked for.
    pub(crate) fn asked(mut self, at: Moment) -> Self {
        if let State::Waiting { trace, .. } = &mut self.0 {
            trace.asked = at;
        }
        self
    }
}

impl Future for ProduceAck {
    type Output = Result<Produced, ProduceError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(answer) => {
                Poll::Ready(answer.take().expect("polled once after it resolved"))
            }
            State::Waiting { told, trace, slowest } => Pin::new(told).poll(context).map(|told| {
                let why = || "its partition was closed".to_owned();
                let told = told.map_err(|_| ProduceError::Lost { why: why() })?;
                slowest.answered(trace, told.at);
                told.answer
            }),
        }
    }
}
