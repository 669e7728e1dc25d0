//! What else happens to a partition: new settings, a start that moves, time, the end.

use std::sync::Arc;

use ottla_model::{Moment, Offset};
use ottla_partition::ReplicaConfig;

use super::Partition;
use super::state::{Closed, Completions};
use crate::error::{AdminError, LookupError, ProduceError};
use crate::translate;

impl Partition {
    /// Takes these settings from now on.
    pub(crate) fn alter(&self, config: ReplicaConfig) {
        self.change("settings", |state, stream| state.replica.alter(stream, config));
    }

    /// Retention moved the log's start.
    pub(crate) fn handle_start_moved(&self, start: Offset) {
        self.change("retention", |state, _| state.replica.handle_start_moved(start));
    }

    /// Who waited long enough for an acknowledgement is told so.
    pub(crate) fn handle_time(&self, moment: Moment) {
        self.change("deadline", |state, _| {
            if state.replica.poll_timeout().is_some_and(|due| due <= moment) {
                state.replica.handle_timeout(moment);
            }
        });
    }

    /// The log stopped: nothing that waits will ever be acknowledged.
    pub(crate) fn handle_log_stopped(&self, why: &str) {
        self.change("log stopped", |state, _| {
            state.stopped = Some(why.to_owned());
            state.replica.handle_log_stopped(why);
        });
        self.settled.notify_waiters();
    }

    /// Forgets the records below `before`, or all that may be seen, and answers once a power cut
    /// cannot bring them back (L11).
    pub(crate) async fn delete_records(
        &self,
        before: Option<Offset>,
    ) -> Result<Offset, AdminError> {
        self.check_whole()?;
        let start = self.move_start(before)?;
        let patience = self.state.lock().replica.config().ack_wait_max;
        let late = || {
            let why = format!("the new start {start} was not durable within {patience:?}");
            Err(AdminError::NoAnswer { why })
        };
        let durable = tokio::time::timeout(patience, self.start_is_durable(start)).await;
        durable.unwrap_or_else(|_| late()).map(|()| start)
    }

    fn move_start(&self, before: Option<Offset>) -> Result<Offset, AdminError> {
        let moved = self.change("delete records", |state, stream| {
            if let Some(closed) = &state.closed {
                return Err(AdminError::Lookup(self.lookup_error(closed)));
            }
            let to = before.unwrap_or(state.replica.high_watermark());
            state.replica.move_start(stream, to).map_err(translate::move_start_error)
        });
        moved.unwrap_or_else(|| {
            Err(AdminError::NoAnswer { why: "the partition panicked and was rebuilt".to_owned() })
        })
    }

    async fn start_is_durable(&self, start: Offset) -> Result<(), AdminError> {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // Before looking, so that what settles in between is not missed.
            settled.as_mut().enable();
            if self.stream.offsets().durable_start >= start {
                return Ok(());
            }
            let (closed, stopped) = {
                let state = self.state.lock();
                (state.closed.clone(), state.stopped.clone())
            };
            if let Some(closed) = closed {
                return Err(AdminError::Lookup(self.lookup_error(&closed)));
            }
            if let Some(why) = stopped {
                return Err(AdminError::NoAnswer { why });
            }
            settled.await;
        }
    }

    /// Stops serving for good: whoever waits is told, whoever is parked is woken.
    pub(crate) fn close(&self) {
        self.close_because(Closed::Deleted);
    }

    /// Stops serving until the next start.
    pub(crate) fn fail(&self, why: String) {
        self.close_because(Closed::Failed(why));
    }

    fn close_because(&self, closed: Closed) {
        let mut completions = Completions::default();
        {
            let mut state = self.state.lock();
            let lookup = self.lookup_error(&closed);
            let error = match lookup {
                LookupError::Offline { why, .. } => ProduceError::Lost { why },
                other => ProduceError::Lookup(other),
            };
            state.closed = Some(closed);
            let state = &mut *state;
            completions.refuse_all(&mut state.waiting, &error);
        }
        self.finish(completions);
        self.settled.notify_waiters();
    }

    /// The log below, for whoever deletes it.
    pub(crate) fn stream(&self) -> &Arc<ottla_log::Stream> {
        &self.stream
    }
}
