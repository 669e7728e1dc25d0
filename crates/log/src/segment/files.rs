//! The files of all segments: made, opened, kept open within a bound, removed.
//!
//! Invariants:
//! - names that are made are remembered, and synced before a checkpoint names the segment: together,
//!   since a sync of a directory costs a flush of the disk, and thousands of streams may begin at once;
//! - no more than `handles_max` files are held open here; whoever uses one longer has it by `Arc`;
//! - a file is removed only after a checkpoint that does not name it is durable, and making a file
//!   of the same name calls that off, or waits until it is done;
//! - no lock is held while the disk is asked for anything: appends and reads need them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use ottla_model::{Offset, StreamId};
use parking_lot::{Condvar, Mutex};

use super::garbage::Garbage;
use crate::format::names::{STREAMS_DIR, SegmentFile, segment_path, stream_path};
use crate::index::SparseIndex;
use crate::storage::{
    self, Access, Intent, OpenMode, Recycled, Storage, StorageError, StorageFile,
};

/// While more names than this wait for a checkpoint none is synced alone.
const NAMES_SYNCED_ALONE_MAX: usize = 8;

/// Most indexes of closed segments that are kept in memory. Each is at most a few MiB.
const INDEXES_MAX: usize = 64;

/// A segment, by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SegmentName {
    pub(crate) stream: StreamId,
    pub(crate) base: Offset,
}

impl SegmentName {
    /// The path of one of its files.
    pub(crate) fn path(self, file: SegmentFile) -> String {
        segment_path(self.stream, self.base, file)
    }
}

/// How a segment's file is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Use {
    /// Read, through the page cache.
    Read,
    /// Written past the page cache.
    Direct,
    /// Written through the page cache.
    Buffered,
}

impl Use {
    const fn mode(self, intent: Intent) -> OpenMode {
        match self {
            Self::Read => OpenMode::READ,
            Self::Direct => OpenMode { intent, access: Access::Direct },
            Self::Buffered => OpenMode { intent, access: Access::Buffered },
        }
    }
}

/// Files held open, the longest unused first to go.
#[derive(Debug, Default)]
struct Handles {
    files: BTreeMap<(SegmentName, Use), (u64, Arc<dyn StorageFile>)>,
    by_use: BTreeMap<u64, (SegmentName, Use)>,
    clock: u64,
    /// How often files were made or forgotten: a handle that was opened across that may lead nowhere.
    changes: u64,
}

/// Segments whose names may not be durable, each with when that was noted last.
#[derive(Debug, Default)]
struct Unsynced {
    names: BTreeMap<SegmentName, u64>,
    clock: u64,
}

/// Handles that were let go: closed when this is dropped, which is not to be under the lock.
type Closed = Vec<Arc<dyn StorageFile>>;

/// The files of all segments.
#[derive(Debug)]
pub(crate) struct SegmentFiles {
    data: Arc<dyn Storage>,
    handles_max: usize,
    handles: Mutex<Handles>,
    indexes: Mutex<BTreeMap<SegmentName, Arc<SparseIndex>>>,
    unsynced: Mutex<Unsynced>,
    /// Buffers of direct reads.
    pub(crate) recycled: Arc<Recycled>,
    /// What is to be removed.
    pub(crate) garbage: Mutex<Garbage>,
    /// Signalled when something was.
    removed: Condvar,
    skip_dirsync: bool,
}

impl SegmentFiles {
    /// The files in `data`. `skip_dirsync` plants bug 4.
    pub(crate) fn new(data: Arc<dyn Storage>, handles_max: usize, skip_dirsync: bool) -> Self {
        Self {
            data,
            handles_max: handles_max.max(1),
            handles: Mutex::default(),
            indexes: Mutex::default(),
            unsynced: Mutex::default(),
            recycled: Arc::default(),
            garbage: Mutex::default(),
            removed: Condvar::new(),
            skip_dirsync,
        }
    }

    /// The storage that they are in.
    pub(crate) fn data(&self) -> &dyn Storage {
        &*self.data
    }

    /// How many files are held open.
    pub(crate) fn open_count(&self) -> usize {
        self.handles.lock().files.len()
    }

    /// A segment's file, opened or as it was left open.
    pub(crate) fn open(
        &self,
        name: SegmentName,
        purpose: Use,
    ) -> storage::Result<Arc<dyn StorageFile>> {
        let changes = {
            let mut handles = self.handles.lock();
            if let Some(file) = handles.get(name, purpose) {
                return Ok(file);
            }
            handles.changes
        };
        let path = name.path(SegmentFile::Log);
        let file = self.data.open(&path, purpose.mode(Intent::ReadWrite))?;
        let mut handles = self.handles.lock();
        let closed = if handles.changes == changes {
            handles.put(name, purpose, &file, self.handles_max)
        } else {
            // Good for this once: the file may have been removed or made anew meanwhile.
            Closed::new()
        };
        drop(handles);
        drop(closed);
        Ok(file)
    }

    /// Makes a segment's file, empty, and beside it the producers as of its base offset where there
    /// are any. None of it is synced.
    pub(crate) fn make(
        &self,
        name: SegmentName,
        purpose: Use,
        producers: Option<&[u8]>,
    ) -> storage::Result<Arc<dyn StorageFile>> {
        self.call_off_removal(name);
        let is_first = self.make_dir(&stream_path(name.stream))?;
        // Nothing is left from before in a directory that was not there.
        if !is_first || producers.is_some() {
            self.put_producers(name, producers)?;
        }
        let path = name.path(SegmentFile::Log);
        let file = self.data.open(&path, purpose.mode(Intent::Create))?;
        file.set_len(0)?;
        // Not before: a checkpoint that syncs the directory just now would take it for done.
        self.note_made(name);
        // Handles of a former file of this name lead nowhere any more.
        let mut handles = self.handles.lock();
        let closed = [handles.remove(name), handles.put(name, purpose, &file, self.handles_max)];
        drop(handles);
        drop(closed);
        Ok(file)
    }

    /// SUBTLE: nothing of this name becomes garbage before the file is made: that takes a fill, and
    /// truncations and the removal of dropped streams wait for fills.
    fn call_off_removal(&self, name: SegmentName) {
        let mut garbage = self.garbage.lock();
        while garbage.is_removing(name) {
            self.removed.wait(&mut garbage);
        }
        garbage.call_off(name);
    }

    /// What was taken from the garbage is removed, or could not be.
    pub(crate) fn removal_ended(&self, removed: bool) {
        self.garbage.lock().removal_ended(removed);
        self.removed.notify_all();
    }

    /// SUBTLE: a file of this name may be left from a segment that was cut away before a crash. Its
    /// producers would be those of another history, so it goes even when there is none to replace it.
    fn put_producers(&self, name: SegmentName, producers: Option<&[u8]>) -> storage::Result<()> {
        let path = name.path(SegmentFile::Producers);
        let Some(bytes) = producers else {
            return match self.data.remove_file(&path) {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            };
        };
        let file = self.data.open(&path, OpenMode::CREATE)?;
        file.set_len(0)?;
        file.write_at(0, bytes)
    }

    /// Makes the directory; answers whether it was not there.
    fn make_dir(&self, dir: &str) -> storage::Result<bool> {
        match self.data.create_dir(dir) {
            Err(StorageError::Exists { .. }) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// The names of this segment's files may not be durable: they were made, or found by a walk.
    pub(crate) fn note_made(&self, name: SegmentName) {
        if !self.skip_dirsync {
            let mut unsynced = self.unsynced.lock();
            unsynced.clock += 1;
            let noted = unsynced.clock;
            unsynced.names.insert(name, noted);
        }
    }

    /// Whether syncing the names of this stream's segments is best left to a checkpoint, which does it for
    /// all streams at once: some are to be synced, one of them `made` now perhaps, and so are many others.
    pub(crate) fn names_wait(&self, stream: StreamId, made: bool) -> bool {
        let unsynced = self.unsynced.lock();
        let of_stream = || unsynced.names.range(names_of(stream)).next().is_some();
        unsynced.names.len() > NAMES_SYNCED_ALONE_MAX && (made || of_stream())
    }

    /// The segments whose names may not be durable, and when that was noted. A checkpoint looks when it
    /// knows which segments it names.
    pub(crate) fn unsynced(&self) -> BTreeMap<SegmentName, u64> {
        self.unsynced.lock().names.clone()
    }

    /// Makes the names of a stream's segments durable, for who is about to acknowledge what is in no
    /// journal and in no checkpoint.
    pub(crate) fn sync_names_of(&self, stream: StreamId) -> storage::Result<()> {
        let names = {
            let unsynced = self.unsynced.lock();
            unsynced.names.range(names_of(stream)).map(|(name, noted)| (*name, *noted)).collect()
        };
        self.sync_names(&names)
    }

    /// Makes the names of these segments durable, and the producers beside them. What was removed
    /// since is no error.
    pub(crate) fn sync_names(&self, names: &BTreeMap<SegmentName, u64>) -> storage::Result<()> {
        let found = |result: storage::Result<()>| match result {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        };
        for name in names.keys() {
            let opened = self.data.open(&name.path(SegmentFile::Producers), OpenMode::READ);
            found(opened.and_then(|file| file.sync_with_metadata()))?;
        }
        let streams: BTreeSet<StreamId> = names.keys().map(|name| name.stream).collect();
        for stream in &streams {
            found(self.data.sync_dir(&stream_path(*stream)))?;
        }
        if !streams.is_empty() {
            self.data.sync_dir(STREAMS_DIR)?;
        }
        self.note_synced(names);
        Ok(())
    }

    /// These names are durable, but for those that were made anew meanwhile.
    pub(crate) fn note_synced(&self, names: &BTreeMap<SegmentName, u64>) {
        let mut unsynced = self.unsynced.lock();
        for (name, noted) in names {
            if unsynced.names.get(name) == Some(noted) {
                unsynced.names.remove(name);
            }
        }
    }

    /// Writes the index of a closed segment beside it. A hint: nothing waits for it to be durable.
    pub(crate) fn put_index(&self, name: SegmentName, bytes: &[u8]) -> storage::Result<()> {
        let file = self.data.open(&name.path(SegmentFile::Index), OpenMode::CREATE)?;
        file.set_len(0)?;
        file.write_at(0, bytes)
    }

    /// The index of a closed segment that was loaded before.
    pub(crate) fn index(&self, name: SegmentName) -> Option<Arc<SparseIndex>> {
        self.indexes.lock().get(&name).cloned()
    }

    /// Keeps a loaded index, in place of another when there are too many.
    pub(crate) fn keep_index(&self, name: SegmentName, index: Arc<SparseIndex>) {
        let mut indexes = self.indexes.lock();
        while indexes.len() >= INDEXES_MAX {
            indexes.pop_first();
        }
        indexes.insert(name, index);
    }

    /// Forgets what is held of a segment that was cut or goes away.
    pub(crate) fn forget(&self, name: SegmentName) {
        self.indexes.lock().remove(&name);
        let closed = self.handles.lock().remove(name);
        drop(closed);
    }
}

/// All names that segments of a stream can have.
fn names_of(stream: StreamId) -> RangeInclusive<SegmentName> {
    SegmentName { stream, base: Offset::ZERO }..=SegmentName { stream, base: Offset(i64::MAX) }
}

impl Handles {
    fn get(&mut self, name: SegmentName, purpose: Use) -> Option<Arc<dyn StorageFile>> {
        let (stamp, file) = self.files.get_mut(&(name, purpose))?;
        self.by_use.remove(stamp);
        self.clock += 1;
        *stamp = self.clock;
        self.by_use.insert(self.clock, (name, purpose));
        Some(Arc::clone(file))
    }

    #[must_use = "to be closed without the lock"]
    fn put(
        &mut self,
        name: SegmentName,
        purpose: Use,
        file: &Arc<dyn StorageFile>,
        max: usize,
    ) -> Closed {
        let mut closed = Closed::new();
        self.clock += 1;
        let entry = (self.clock, Arc::clone(file));
        if let Some((stamp, former)) = self.files.insert((name, purpose), entry) {
            self.by_use.remove(&stamp);
            closed.push(former);
        }
        self.by_use.insert(self.clock, (name, purpose));
        while self.files.len() > max {
            let (_, oldest) = self.by_use.pop_first().expect("each file has its place");
            closed.extend(self.files.remove(&oldest).map(|(_, file)| file));
        }
        closed
    }

    #[must_use = "to be closed without the lock"]
    fn remove(&mut self, name: SegmentName) -> Closed {
        self.changes += 1;
        let mut closed = Closed::new();
        for purpose in [Use::Read, Use::Direct, Use::Buffered] {
            if let Some((stamp, file)) = self.files.remove(&(name, purpose)) {
                self.by_use.remove(&stamp);
                closed.push(file);
            }
        }
        closed
    }
}
