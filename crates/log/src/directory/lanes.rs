//! The queues of work, and the threads that wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_model::TopicId;
use parking_lot::{Condvar, Mutex};

use super::Lane;
use crate::stream::Stream;

/// Tells a lane's threads that there is work.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// There is work.
    pub(crate) fn ring(&self) {
        *self.rung.lock() = true;
        self.heard.notify_one();
    }

    /// Parks until there is work, or for `span`.
    pub(crate) fn wait(&self, span: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.heard.wait_for(&mut rung, span);
        }
        *rung = false;
    }
}

/// Streams that have work for a lane. A stream stands in a queue at most once; the flag for that is
/// under the stream's own lock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The cluster's own logs, which come first.
    urgent: Mutex<VecDeque<Arc<Stream>>>,
    ordinary: Mutex<VecDeque<Arc<Stream>>>,
    pub(crate) bell: Bell,
}

impl Queue {
    /// Adds a stream at the end.
    pub(crate) fn push(&self, stream: Arc<Stream>) {
        if self.push_quietly(stream) {
            self.bell.ring();
        }
    }

    /// The same, and nobody is woken for it; answers whether it is the first.
    pub(crate) fn push_quietly(&self, stream: Arc<Stream>) -> bool {
        let urgent = stream.id().topic == TopicId::METADATA;
        let queue = if urgent { &self.urgent } else { &self.ordinary };
        let mut queue = queue.lock();
        queue.push_back(stream);
        queue.len() == 1
    }

    /// Takes the stream whose turn it is.
    pub(crate) fn pop(&self) -> Option<Arc<Stream>> {
        let urgent = self.urgent.lock().pop_front();
        urgent.or_else(|| self.ordinary.lock().pop_front())
    }

    /// Rings for another thread where streams wait.
    pub(crate) fn ring_again(&self) {
        if self.is_waiting() {
            self.bell.ring();
        }
    }

    /// Whether streams wait.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.urgent.lock().is_empty() || !self.ordinary.lock().is_empty()
    }

    /// Forgets all streams.
    pub(crate) fn clear(&self) {
        self.urgent.lock().clear();
        self.ordinary.lock().clear();
    }
}

/// Bytes of appends that wait for the journal, of all streams together. Each stream tells its share when it has
/// changed, so what is missed once is put right by the next word of that stream.
#[derive(Debug, Default)]
pub(crate) struct Backlog(AtomicU64);

impl Backlog {
    /// A stream's share was `before` and is `now`.
    pub(crate) fn change(&self, before: u64, now: u64) {
        self.0.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// What waits in the queue of the journal.
    pub(crate) backlog: Backlog,
    /// Streams with operations for the journal.
    pub(crate) journal: Queue,
    /// Relaxed streams with bytes for their segments, and others that hold many.
    pub(crate) straight: Queue,
    /// Streams with enough to be worth a fill.
    pub(crate) fills: Queue,
}

impl Queues {
    /// The bell of a lane.
    pub(crate) fn bell(&self, lane: Lane) -> &Bell {
        match lane {
            Lane::Journal => &self.journal.bell,
            Lane::Straight => &self.straight.bell,
            Lane::Background => &self.fills.bell,
        }
    }
}
