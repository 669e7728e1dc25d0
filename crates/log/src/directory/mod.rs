//! One data directory: its streams, its journal, and the work that makes bytes durable.
//!
//! Synchronous and threadless: the owner calls [`LogDirectory::step`] in loops on threads of its own,
//! or inline in tests and simulations, in any order.
//!
//! Read in this order: [`settings`], [`shared`] (what is inside), [`open`], [`work`] (the lanes),
//! [`checkpoint`], [`room`], [`health`], [`lanes`] (queues and bells).

mod checkpoint;
mod health;
mod lanes;
mod open;
mod room;
mod settings;
mod shared;
mod work;

use std::fmt;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_model::{BrokerId, ClusterId, Offset, Rng, StreamId, Timestamp};

use crate::error::{Offline, OpenError, StreamError};
use crate::format::names::STREAMS_DIR;
use crate::format::{Cursor, Operation};
use crate::metrics::LogMetrics;
use crate::segment::Item;
use crate::settings::StreamSettings;
use crate::storage::{Storage, StorageKind, StorageLock};
use crate::stream::{FillTo, Life, Stream, StreamState};

pub(crate) use checkpoint::CheckpointLog;
pub(crate) use lanes::Backlog;
pub(crate) use shared::Shared;

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
    /// Whether a round was lost that cannot say whose it was any more: a stream that only it knew
    /// would be missing without another word.
    pub unnamed_loss: bool,
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
    /// What that was, for who asks where the time goes.
    pub work: Option<Work>,
    /// Streams whose durable end, or durable start, moved, and where their durable end is.
    pub durable: Vec<(StreamId, Offset)>,
    /// Set when this step took the directory offline.
    pub failed: Option<Offline>,
}

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    /// A journal round.
    Round,
    /// A write past the journal, or into a relaxed stream's segment.
    Straight,
    /// Unlinked files that nobody needs any more.
    Garbage,
    /// Filled whatever kept the oldest journal file, and made a checkpoint.
    Evacuation,
    /// Made a journal file ahead of its use.
    JournalFile,
    /// A checkpoint.
    Checkpoint,
    /// Flushed relaxed streams.
    Flush,
    /// Moved a stream's bytes into its segment.
    Fill,
    /// The same because memory was wanted.
    ForcedFill,
}

impl Work {
    fn when(self, done: bool) -> Option<Self> {
        done.then_some(self)
    }
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
    owner: Arc<Owner>,
}

/// What all handles have in common. The last one to go closes the door: streams that are still held
/// elsewhere can be read, and take nothing any more.
struct Owner {
    shared: Arc<Shared>,
    /// Given back when the directory goes.
    _locks: Vec<Box<dyn StorageLock>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.health.close();
        // Streams hold what holds them: taken apart here.
        self.shared.streams.write().clear();
        self.shared.queues.journal.clear();
        self.shared.queues.straight.clear();
        self.shared.queues.fills.clear();
        self.shared.cached.lock().clear();
        *self.shared.files.garbage.lock() = crate::segment::Garbage::default();
        if let Some(journal) = self.shared.journal.get() {
            journal.let_go();
        }
    }
}

impl fmt::Debug for LogDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogDirectory").field("identity", self.identity()).finish_non_exhaustive()
    }
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
        open::open(data, journal, settings, context)
    }

    fn new(shared: Arc<Shared>, locks: Vec<Box<dyn StorageLock>>) -> Self {
        Self { owner: Arc::new(Owner { shared, _locks: locks }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// Who this directory is.
    pub fn identity(&self) -> &DirectoryIdentity {
        &self.shared().identity
    }

    /// The version of the format that it is kept in.
    pub fn format_version(&self) -> u16 {
        crate::format::Superblock::VERSION
    }

    /// What it was told.
    pub fn settings(&self) -> &LogSettings {
        &self.shared().settings
    }

    /// What the disk beneath is.
    pub fn storage_kind(&self) -> StorageKind {
        self.shared().data.kind()
    }

    /// All streams, in order.
    pub fn streams(&self) -> Vec<StreamId> {
        self.shared().streams.read().keys().copied().collect()
    }

    /// The stream of this id.
    pub fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        self.shared().streams.read().get(&id).cloned()
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
        let shared = self.shared();
        shared.health.check()?;
        self.forget_former(id)?;
        // Everything of a former life lies in earlier rounds: its drop was made durable above.
        let from = Cursor { sequence: shared.journal().next_sequence(), entry: 0 };
        let limits = shared.producer_limits();
        let interval = shared.index_interval_bytes();
        let mut state = StreamState::begin(id, settings.clone(), limits, interval, from);
        // Before anybody can find the stream, so that nothing of it comes before its creation.
        state.ops.push(Operation::Create { settings }, Offset::ZERO);
        let stream = Stream::new(Arc::clone(shared), state);
        {
            let mut streams = shared.streams.write();
            if streams.contains_key(&id) {
                return Err(StreamError::Exists { stream: id });
            }
            streams.insert(id, Arc::clone(&stream));
        }
        stream.queue(&mut stream.state.lock());
        Ok(stream)
    }

    /// A stream of this id that was just dropped has files yet, under the very same names. Whoever
    /// makes it again waits until they are gone.
    fn forget_former(&self, id: StreamId) -> Result<(), StreamError> {
        let shared = self.shared();
        let mut log = shared.checkpoints.lock();
        while let Some(former) = { shared.files.garbage.lock().stream(id) } {
            // What it is still being filled with would make its directory again.
            drop(former.lock_unfilling());
            let drained = shared.drain(&mut log, &|| former.state.lock().ops.is_settled())?;
            let now = log.made_at;
            let done = drained && shared.checkpoint_locked(&mut log, now, false)?;
            while done && shared.remove_garbage_locked()? {}
            if shared.files.garbage.lock().stream(id).is_some() && !former.is_filling() {
                let why = "its former files could not be removed: the disk is full".to_owned();
                return Err(StreamError::Storage { stream: id, why });
            }
        }
        // A removal that is not synced may come back, and a relaxed stream would walk what it finds.
        if shared.removals_unsynced.swap(false, Ordering::AcqRel) {
            shared.judge("removing files", shared.data.sync_dir(STREAMS_DIR))?;
        }
        Ok(())
    }

    /// Ends a stream. Its files go once that is durable.
    ///
    /// # Errors
    /// When there is none, or the directory takes nothing any more.
    pub fn drop_stream(&self, id: StreamId) -> Result<(), StreamError> {
        let shared = self.shared();
        shared.health.check()?;
        let stream = self.stream(id).ok_or(StreamError::Gone { stream: id })?;
        // What is being written straight has its place before the drop.
        let mut state = stream.lock_unfilling();
        if state.life == Life::Dropped {
            return Err(StreamError::Gone { stream: id });
        }
        state.ops.forget_held();
        let end = state.log_end;
        state.ops.push(Operation::Drop, end);
        stream.die(&mut state);
        stream.queue(&mut state);
        drop(state);
        // SUBTLE: it stays in the map until it is garbage. Whoever makes a stream of this id finds the one
        // or the other, and so waits until the drop is in the journal: a creation before that would be
        // dropped with it by a recovery.
        shared.files.garbage.lock().add(Item::Stream(stream));
        shared.streams.write().remove(&id);
        shared.queues.bell(Lane::Background).ring();
        Ok(())
    }

    /// Does one unit of a lane's work, on this thread.
    pub fn step(&self, lane: Lane, now: Timestamp) -> Step {
        self.shared().step(lane, now)
    }

    /// Parks this thread until the lane has work, or for `span`.
    pub fn wait_for_work(&self, lane: Lane, span: Duration) {
        self.shared().queues.bell(lane).wait(span);
    }

    /// Whether `bytes` more are welcome.
    pub fn room(&self, bytes: u64) -> Room {
        let room = self.shared().budget.room(bytes);
        if room != Room::Free {
            self.shared().queues.bell(Lane::Background).ring();
        }
        room
    }

    /// Has `callback` called, from whatever thread made it, whenever room returns after
    /// [`Room::Wait`] or [`Room::Full`] was answered. MUST be quick and MUST NOT call back in here.
    pub fn on_room(&self, callback: Box<dyn Fn() + Send + Sync>) {
        self.shared().budget.on_room(callback);
    }

    /// Moves the starts of all streams past what their settings no longer keep, and forgets producers
    /// that have been silent for too long.
    pub fn enforce_retention(&self, now: Timestamp) -> Vec<RetentionDone> {
        let mut done = Vec::new();
        for stream in self.shared().all_streams() {
            let to = {
                let mut state = stream.state.lock();
                state.producers.expire(now);
                state.contained.producers.expire(now);
                state.retention_start(now)
            };
            if let Ok((log_start, freed)) = stream.move_start_freeing(to)
                && freed.segments > 0
            {
                let (segments, bytes) = (freed.segments, freed.bytes);
                done.push(RetentionDone { stream: stream.id(), log_start, segments, bytes });
            }
        }
        if !done.is_empty() {
            self.shared().queues.bell(Lane::Background).ring();
        }
        done
    }

    /// What the outside may see.
    pub fn metrics(&self) -> LogMetrics {
        self.shared().metrics()
    }

    /// How large the file system of the data is, where it is one, and how much of it is free.
    pub fn disk_bytes(&self) -> (Option<u64>, Option<u64>) {
        let data = &self.shared().data;
        (data.total_bytes(), data.free_bytes().ok())
    }

    /// Bytes of all journal rounds written so far; cheap enough to be asked after every round.
    pub fn round_bytes(&self) -> u64 {
        self.shared().counters.round_bytes.get()
    }

    /// Whether the directory works.
    pub fn state(&self) -> DirectoryState {
        self.shared().health.state()
    }

    /// Stops for good: everything into its segment, flushed, and a checkpoint that says so. Call it
    /// when no other thread steps any more. Appends are refused from here on.
    ///
    /// # Errors
    /// When the disk does not do it; recovery will then do its work at the next start.
    pub fn close(&self, now: Timestamp) -> Result<(), Offline> {
        let shared = self.shared();
        match shared.health.state() {
            DirectoryState::Offline(offline) => return Err(offline),
            DirectoryState::Closed => return Ok(()),
            DirectoryState::Online => shared.health.close(),
        }
        let full = || Offline { why: "the disk is full: the next start has to recover".to_owned() };
        if !shared.drain(&mut shared.checkpoints.lock(), &|| false)? {
            return Err(full());
        }
        for stream in shared.all_streams() {
            while shared.fill(&stream, FillTo::Rest)? {}
        }
        if !shared.checkpoint(now, true)? {
            return Err(full());
        }
        while shared.remove_garbage()? {}
        Ok(())
    }

    /// Makes a checkpoint now, for backups and tests. `false`: the disk is full.
    ///
    /// # Errors
    /// When the disk failed, which takes the directory offline.
    pub fn checkpoint(&self, now: Timestamp) -> Result<bool, Offline> {
        self.shared().checkpoint(now, false)
    }
}
