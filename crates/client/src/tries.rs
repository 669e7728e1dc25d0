//! Asking again: a broker that restarts, or a leader that moves, is a pause and not an error.

use std::time::Duration;

use ottla_model::{Answers as _, Fault, Moment, Outcome, Retry};

use crate::client::Client;
use crate::error::ClientError;

/// The attempts at one request, and the time that is left for more. Only for what may be made again
/// though nobody knows what became of it, or by callers that look at [`Tries::doubtful`].
///
/// ```text
/// loop {
///     match attempt(tries.left()).await {
///         Ok(answer) => return Ok(answer),
///         Err(error) => tries.after(error).await?,
///     }
/// }
/// ```
#[derive(Debug)]
pub(crate) struct Tries<'c> {
    client: &'c Client,
    last: Moment,
    failures: u32,
    doubtful: bool,
}

impl<'c> Tries<'c> {
    /// No attempt yet, and so much time for all of them.
    pub(crate) fn new(client: &'c Client, patience: Duration) -> Self {
        let last = client.clock().moment().plus(patience);
        Self { client, last, failures: 0, doubtful: false }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.last.since(self.client.clock().moment())
    }

    /// How many attempts failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether an attempt that failed may have taken effect after all.
    pub(crate) fn doubtful(&self) -> bool {
        self.doubtful
    }

    /// After a failed attempt: returns when it is time for the next.
    ///
    /// # Errors
    /// The error itself when no other attempt can help, or there is no time for it.
    pub(crate) async fn after(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.failures = self.failures.saturating_add(1);
        self.doubtful |= error.outcome() != Outcome::DidNotHappen;
        let asked = retry_after(&error).unwrap_or_default();
        let pause = self.client.pause(self.failures).max(asked);
        if !may_pass(&error) || pause >= self.left() {
            return Err(error);
        }
        tracing::debug!(%error, ?pause, "will ask again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Whether waiting may help, and nobody has to act: what somebody has to see to is told at once.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. }
        | ClientError::ConnectionLost { .. }
        | ClientError::NoAnswer { .. } => true,
        ClientError::Refused(refused) => {
            refused.fault == Fault::Nobody && refused.retry != Retry::Never
        }
        ClientError::Address { .. }
        | ClientError::TopicName(_)
        | ClientError::Invalid(_)
        | ClientError::Protocol { .. } => false,
    }
}

fn retry_after(error: &ClientError) -> Option<Duration> {
    match error {
        ClientError::Refused(refused) => refused.retry_after,
        _ => None,
    }
}
