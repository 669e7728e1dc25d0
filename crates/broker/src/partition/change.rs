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
        self.change("log stopped", |state, _| state.replica.handle_log_stopped(why));
    }

    /// Forgets the records below `before`, or all that may be seen.
    pub(crate) fn delete_records(&self, before: Option<Offset>) -> Result<Offset, AdminError> {
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
    }

    /// The log below, for whoever deletes it.
    pub(crate) fn stream(&self) -> &Arc<ottla_log::Stream> {
        &self.stream
    }
}
