//! Whether the directory works. L8: once a write or a sync failed, nothing is acknowledged any more
//! and nothing is tried again; only a restart, with recovery, brings the directory back.

use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

use super::DirectoryState;
use crate::error::{Offline, StreamError};

const ONLINE: u8 = 0;
const OFFLINE: u8 = 1;
const CLOSED: u8 = 2;

/// Whether the directory works.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: AtomicU8,
    why: Mutex<Option<Offline>>,
}

impl Health {
    /// Refuses what would change anything when that is not possible any more.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        match self.state() {
            DirectoryState::Online => Ok(()),
            DirectoryState::Offline(offline) => Err(offline.into()),
            DirectoryState::Closed => Err(StreamError::Closed),
        }
    }

    /// Refuses to go on where something failed.
    pub(crate) fn check_unfailed(&self) -> Result<(), Offline> {
        match self.state() {
            DirectoryState::Offline(offline) => Err(offline),
            DirectoryState::Online | DirectoryState::Closed => Ok(()),
        }
    }

    /// Whether it works.
    pub(crate) fn is_online(&self) -> bool {
        self.state.load(Ordering::Acquire) == ONLINE
    }

    /// How it is.
    pub(crate) fn state(&self) -> DirectoryState {
        match self.state.load(Ordering::Acquire) {
            ONLINE => DirectoryState::Online,
            CLOSED => DirectoryState::Closed,
            _ => {
                let why = self.why.lock().clone();
                DirectoryState::Offline(why.expect("it is told before the state changes"))
            }
        }
    }

    /// Takes the directory offline, for the first reason that is given.
    pub(crate) fn fail(&self, why: impl Into<String>) -> Offline {
        let mut told = self.why.lock();
        let offline = told.get_or_insert_with(|| Offline { why: why.into() }).clone();
        drop(told);
        if self.state.swap(OFFLINE, Ordering::AcqRel) == ONLINE {
            tracing::error!(why = %offline.why, "the data directory goes offline");
        }
        offline
    }

    /// Nothing is taken any more.
    pub(crate) fn close(&self) {
        let _ = self.state.compare_exchange(ONLINE, CLOSED, Ordering::AcqRel, Ordering::Acquire);
    }
}
