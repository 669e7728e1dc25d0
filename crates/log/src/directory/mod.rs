//! One data directory: its streams, its journal, and the work that makes bytes durable.
//!
//! Synchronous and threadless: the owner calls [`LogDirectory::step`] in loops on threads of its own,
//! or inline in tests and simulations, in any order.

mod settings;

use std::sync::Arc;
use std::time::Duration;

use ottla_model::{BrokerId, ClusterId, Offset, Rng, StreamId, Timestamp};

use crate::StreamSettings;
use crate::error::{Offline, OpenError, StreamError};
use crate::metrics::LogMetrics;
use crate::storage::{Storage, StorageKind};
use crate::stream::Stream;

pub use settings::LogSettings;

/// What a directory has to know of the world it is opened in.
#[derive(Debug)]
pub struct OpenContext {
    /// The cluster whose data is expected. `None`: whatever is there, or a new one.
    pub cluster: Option<ClusterId>,
    /// The broker whose data is expected, and what a new directory is marked with.
    pub broker: BrokerId,
    /// Where ids of a new directory come from.
    pub rng: Rng,
    /// Names this boot of the machine; after another boot a relaxed stream may have lost its tail.
    pub boot_id: String,
    /// The wall clock.
    pub now: Timestamp,
}

/// Who a directory is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryIdentity {
    /// The cluster whose data this is.
    pub cluster: ClusterId,
    /// The broker whose data this is.
    pub broker: BrokerId,
    /// The directory, for ever.
    pub directory: ottla_model::DirectoryId,
    /// How often it was opened.
    pub incarnation: u64,
}

/// What opening a directory found and did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// Whether the directory was made just now.
    pub created: bool,
    /// Whether its last owner closed it.
    pub clean: bool,
    /// Whether the machine was started since, which a relaxed stream's tail need not have survived.
    pub rebooted: bool,
    /// How many streams there are.
    pub streams: usize,
    /// How many journal rounds were replayed.
    pub rounds: u64,
    /// How many bytes of journal were read.
    pub journal_bytes: u64,
    /// Streams that are offline because their log is damaged, and why. Never cut by itself.
    pub damaged: Vec<(StreamId, String)>,
    /// What else a person may want to know.
    pub notes: Vec<String>,
}

/// Which kind of work a call of [`LogDirectory::step`] is to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// Journal rounds: what acknowledgements wait for. One thread is enough.
    Journal,
    /// Writes that go past the journal: relaxed streams, and large batches. Several threads.
    Straight,
    /// Fills, checkpoints, deletions, growth of the journal. One thread.
    Background,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 3] = [Self::Journal, Self::Straight, Self::Background];
}

/// What one step did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Whether there was anything to do.
    pub worked: bool,
    /// Streams whose durable end moved, and where to.
    pub durable: Vec<(StreamId, Offset)>,
    /// Set when this step took the directory offline.
    pub failed: Option<Offline>,
}

/// Whether more bytes are welcome.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Room {
    /// Yes.
    Free,
    /// Not now: the budget of unfilled bytes is used up. Passes by itself.
    Wait,
    /// No: the disk is at its reserve. Passes when somebody makes room.
    Full,
}

/// Whether a directory works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DirectoryState {
    /// It does.
    Online,
    /// It takes nothing any more.
    Offline(Offline),
    /// It was closed.
    Closed,
}

/// What retention did to one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetentionDone {
    /// The stream.
    pub stream: StreamId,
    /// Its new first offset.
    pub log_start: Offset,
    /// How many segments go.
    pub segments: usize,
    /// How many bytes go with them.
    pub bytes: u64,
}

/// A data directory, open. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct LogDirectory {
    inner: Arc<StandIn>,
}

/// A stand-in in memory until the engine lands.
pub(crate) struct StandIn {
    identity: DirectoryIdentity,
    streams: parking_lot::Mutex<std::collections::BTreeMap<StreamId, Arc<Stream>>>,
    pub(crate) dirty: parking_lot::Mutex<Vec<StreamId>>,
    pub(crate) work: parking_lot::Condvar,
    closed: std::sync::atomic::AtomicBool,
}

impl LogDirectory {
    /// Opens the directory, and makes it where there is none. `journal` is the same storage as
    /// `data` unless the journal lies on a disk of its own.
    ///
    /// # Errors
    /// When it is in use, somebody else's, damaged where everything depends on it, or the disk fails.
    /// A stream's own damage is no error: the report names it and the stream is offline.
    pub fn open(
        data: Arc<dyn Storage>,
        journal: Arc<dyn Storage>,
        settings: LogSettings,
        context: OpenContext,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        let _ = (data, journal, settings);
        let mut rng = context.rng;
        let identity = DirectoryIdentity {
            cluster: ClusterId::from_random(rng.id_bytes()),
            broker: context.broker,
            directory: ottla_model::DirectoryId::from_random(rng.id_bytes()),
            incarnation: 1,
        };
        let inner = StandIn {
            identity,
            streams: Default::default(),
            dirty: Default::default(),
            work: Default::default(),
            closed: Default::default(),
        };
        let report = RecoveryReport { created: true, clean: true, ..RecoveryReport::default() };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// Who this directory is.
    pub fn identity(&self) -> &DirectoryIdentity {
        &self.inner.identity
    }

    /// What the disk beneath is.
    pub fn storage_kind(&self) -> StorageKind {
        StorageKind { durable: true, direct: false, network: false, what: "memory".to_owned() }
    }

    /// All streams, in order.
    pub fn streams(&self) -> Vec<StreamId> {
        self.inner.streams.lock().keys().copied().collect()
    }

    /// The stream of this id.
    pub fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        self.inner.streams.lock().get(&id).cloned()
    }

    /// Begins a stream at offset 0. Cheap: files are made when there is something to put in them.
    ///
    /// # Errors
    /// When it exists, or the directory takes nothing any more.
    pub fn create_stream(
        &self,
        id: StreamId,
        settings: StreamSettings,
    ) -> Result<Arc<Stream>, StreamError> {
        let stream = Arc::new(Stream::new(id, settings, Arc::downgrade(&self.inner)));
        self.inner.streams.lock().insert(id, Arc::clone(&stream));
        Ok(stream)
    }

    /// Ends a stream. Its files go once that is durable.
    ///
    /// # Errors
    /// When there is none, or the directory takes nothing any more.
    pub fn drop_stream(&self, id: StreamId) -> Result<(), StreamError> {
        self.inner.streams.lock().remove(&id);
        Ok(())
    }

    /// Does one unit of a lane's work, on this thread.
    pub fn step(&self, lane: Lane, now: Timestamp) -> Step {
        let _ = now;
        if lane != Lane::Journal {
            return Step::default();
        }
        let dirty = std::mem::take(&mut *self.inner.dirty.lock());
        let mut durable = Vec::new();
        for id in &dirty {
            if let Some(stream) = self.stream(*id) {
                durable.push((*id, stream.make_durable()));
            }
        }
        Step { worked: !dirty.is_empty(), durable, failed: None }
    }

    /// Parks this thread until the lane has work, or for `span`.
    pub fn wait_for_work(&self, lane: Lane, span: Duration) {
        let mut dirty = self.inner.dirty.lock();
        if lane != Lane::Journal || dirty.is_empty() {
            self.inner.work.wait_for(&mut dirty, span);
        }
    }

    /// Whether `bytes` more are welcome.
    pub fn room(&self, bytes: u64) -> Room {
        let _ = bytes;
        Room::Free
    }

    /// Has `callback` called, from whatever thread made it, whenever room returns after
    /// [`Room::Wait`] or [`Room::Full`] was answered. MUST be quick and MUST NOT call back in here.
    pub fn on_room(&self, callback: Box<dyn Fn() + Send + Sync>) {
        let _ = callback;
    }

    /// Moves the starts of all streams past what their settings no longer keep.
    pub fn enforce_retention(&self, now: Timestamp) -> Vec<RetentionDone> {
        let _ = now;
        Vec::new()
    }

    /// What the outside may see.
    pub fn metrics(&self) -> LogMetrics {
        LogMetrics::default()
    }

    /// Whether the directory works.
    pub fn state(&self) -> DirectoryState {
        DirectoryState::Online
    }

    /// Stops for good: everything into its segment, flushed, and a checkpoint that says so. Call it
    /// when no other thread steps any more. Appends are refused from here on.
    ///
    /// # Errors
    /// When the disk does not do it; recovery will then do its work at the next start.
    pub fn close(&self, now: Timestamp) -> Result<(), Offline> {
        let _ = now;
        self.inner.closed.store(true, std::sync::atomic::Ordering::Release);
        Ok(())
    }
}
