//! What callers, the driver and the readers of connections have in common.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::task::AtomicWaker;
use ottla_client::Client;
use ottla_client::fetch::FetchSender;
use ottla_model::{Moment, Rng};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::ConsumerConfig;
use crate::session::{ConnectionId, Item, Session, SessionSettings};

/// Nobody needs to know of new partitions sooner.
const REFRESH_MIN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: ConsumerConfig,
    session: Mutex<Session>,
    pub(crate) senders: Mutex<BTreeMap<ConnectionId, FetchSender>>,
    /// Wakes the driver.
    pub(crate) wake: Notify,
    /// Wakes whoever waits for records.
    pub(crate) reader: AtomicWaker,
    pub(crate) closed: AtomicBool,
    /// Counts changes after which what is being given out may not be wanted any more.
    changes: AtomicU64,
    /// Records that were unpacked.
    pub(crate) records: AtomicU64,
}

impl Shared {
    pub(crate) fn new(client: Client, config: ConsumerConfig, rng: Rng) -> Self {
        let settings = SessionSettings {
            prefetch_bytes_max: config.prefetch_bytes_max.0,
            out_of_range: config.out_of_range,
            backoff: client.config().backoff(),
            refresh_after: client.config().metadata_age_max.max(REFRESH_MIN),
        };
        Self {
            client,
            config,
            session: Mutex::new(Session::new(settings, rng)),
            senders: Mutex::default(),
            wake: Notify::new(),
            reader: AtomicWaker::new(),
            closed: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.client.clock().moment()
    }

    /// Looks at the session, or moves it on; then whoever has to act is woken.
    pub(crate) fn session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        let (result, busy, records) = {
            let mut session = self.session.lock();
            let result = act(&mut session);
            (result, session.has_effects(), session.has_items())
        };
        if busy {
            self.wake.notify_one();
        }
        if records {
            self.reader.wake();
        }
        result
    }

    /// Takes what is to be given out next. Only whoever waits for records does.
    pub(crate) fn pop(&self) -> Option<Item> {
        let (item, busy) = {
            let mut session = self.session.lock();
            (session.pop(), session.has_effects())
        };
        if busy {
            self.wake.notify_one();
        }
        item
    }

    /// As [`Shared::session`], for what makes fetched records unwanted.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        let result = self.session(act);
        self.changes.fetch_add(1, Ordering::Release);
        result
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}
