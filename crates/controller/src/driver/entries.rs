//! Entries that are written and not committed yet, and who waits for them.

use std::collections::VecDeque;

use ottla_metadata::{Committed, ControllerError, ControllerResponse, MetadataRecord};
use ottla_model::Offset;

use super::Reply;

/// One entry of the log, or an answer that rests on the entries before it.
pub(super) struct Entry {
    /// Where it begins.
    pub(super) start: Offset,
    /// Where it ends; the same as its start when it only waits for those before it.
    pub(super) end: Offset,
    pub(super) records: Vec<MetadataRecord>,
    pub(super) purpose: Purpose,
}

/// What an entry is for.
pub(super) enum Purpose {
    /// To answer a request.
    Answer { reply: Reply, result: Result<ControllerResponse, ControllerError> },
    /// To begin a cluster.
    Found,
    /// To let the log forget what is below.
    Snapshot,
}

/// Entries in the order of the log.
#[derive(Default)]
pub(super) struct Entries(VecDeque<Entry>);

impl Entries {
    pub(super) fn push(&mut self, entry: Entry) {
        let last = self.0.back().map(|last| last.end);
        assert!(last.is_none_or(|end| end <= entry.start), "entries follow each other");
        self.0.push_back(entry);
    }

    /// The next entry below `end`, if any.
    pub(super) fn pop_committed(&mut self, end: Offset) -> Option<Entry> {
        self.0.pop_front_if(|entry| entry.end <= end)
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Entry> {
        std::mem::take(&mut self.0).into_iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Entry {
    /// Gives the answer that waited. Nobody may be listening any more; what was decided stays decided.
    pub(super) fn answer(self) {
        if let Purpose::Answer { reply, result } = self.purpose {
            let committed = result.map(|response| Committed { response, end: self.end });
            let _ = reply.send(committed);
        }
    }

    /// Tells who waited that nobody knows.
    pub(super) fn abandon(self, why: &str) {
        if let Purpose::Answer { reply, result: _ } = self.purpose {
            let _ = reply.send(Err(ControllerError::OutcomeUnknown { why: why.to_owned() }));
        }
    }
}
