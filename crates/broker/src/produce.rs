//! The produce path, from a checked batch to its acknowledgement.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::ProduceError;
use crate::request::Produced;

/// Resolves when a batch is acknowledged or refused. Dropping it does not undo the append.
#[derive(Debug)]
pub struct ProduceAck(State);

#[derive(Debug)]
enum State {
    Ready(Option<Result<Produced, ProduceError>>),
    Waiting(oneshot::Receiver<Result<Produced, ProduceError>>),
}

impl ProduceAck {
    /// The answer, where it was known at once: a refusal, a duplicate, or `acks` none.
    pub fn ready(&self) -> Option<&Result<Produced, ProduceError>> {
        match &self.0 {
            State::Ready(answer) => answer.as_ref(),
            State::Waiting(_) => None,
        }
    }

    pub(crate) fn answered(answer: Result<Produced, ProduceError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    pub(crate) fn waiting(answer: oneshot::Receiver<Result<Produced, ProduceError>>) -> Self {
        Self(State::Waiting(answer))
    }
}

impl Future for ProduceAck {
    type Output = Result<Produced, ProduceError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(answer) => {
                Poll::Ready(answer.take().expect("polled once after it resolved"))
            }
            State::Waiting(answer) => Pin::new(answer).poll(context).map(|answer| {
                let why = || "its partition was closed".to_owned();
                answer.unwrap_or_else(|_| Err(ProduceError::Lost { why: why() }))
            }),
        }
    }
}
