//! The `Storage` face of a modelled disk: paths become nodes, calls become effects.
//!
//! Everything that a real disk refuses is refused here, before the disk behind hears of it:
//! misaligned direct access, writing through a handle for reading, names that are taken or missing.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::effect::Effect;
use super::image::NodeId;
use super::{Disk, Image};
use crate::storage::aligned::check_aligned;
use crate::storage::path::{check_dir, check_path};
use crate::storage::{
    Access, Entry, Intent, OpenMode, Operation, Reserved, Result, Storage, StorageError,
    StorageFile, StorageKind, StorageLock, name_of,
};

/// A storage over a modelled disk. Clones are handles to the same disk.
pub struct ModelStorage<D> {
    disk: Arc<Mutex<D>>,
    locks: Arc<Mutex<BTreeSet<String>>>,
}

impl<D: Disk> ModelStorage<D> {
    /// The storage of this disk.
    pub fn over(disk: D) -> Self {
        Self { disk: Arc::new(Mutex::new(disk)), locks: Arc::default() }
    }

    /// The disk, while nobody else is served.
    pub fn with_disk<T>(&self, work: impl FnOnce(&mut D) -> T) -> T {
        work(&mut self.disk.lock())
    }

    fn apply_at_name(
        &self,
        path: &str,
        effect: impl FnOnce(&Image) -> Result<Effect>,
    ) -> Result<()> {
        let mut disk = self.disk.lock();
        let effect = effect(disk.image())?;
        disk.apply(path, effect)
    }

    fn find_or_create(disk: &mut D, path: &str, intent: Intent) -> Result<NodeId> {
        let dir = disk.image().lookup_parent(path)?;
        if intent == Intent::CreateNew && disk.image().lookup(path).is_ok() {
            return Err(StorageError::Exists { path: path.to_owned() });
        }
        match (disk.image().lookup_file(path, Operation::Open), intent) {
            (Ok(node), _) => Ok(node),
            (Err(StorageError::NotFound { .. }), Intent::Create | Intent::CreateNew) => {
                let node = disk.image().next_node();
                let name = name_of(path).to_owned();
                disk.apply(path, Effect::Create { dir, name, node, is_dir: false })?;
                Ok(node)
            }
            (Err(error), _) => Err(error),
        }
    }
}

impl<D: Disk> Storage for ModelStorage<D> {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Arc<dyn StorageFile>> {
        let node = Self::find_or_create(&mut self.disk.lock(), path, mode.intent)?;
        let path = path.to_owned();
        Ok(Arc::new(ModelFile { disk: Arc::clone(&self.disk), node, path, mode }))
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        check_dir(dir)?;
        self.disk.lock().image().list(dir)
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        self.apply_at_name(path, |image| {
            let dir = image.lookup_parent(path)?;
            if image.lookup(path).is_ok() {
                return Err(StorageError::Exists { path: path.to_owned() });
            }
            let name = name_of(path).to_owned();
            Ok(Effect::Create { dir, name, node: image.next_node(), is_dir: true })
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.apply_at_name(from, |image| {
            let node = image.check_rename(from, to)?;
            Ok(Effect::Rename {
                from_dir: image.lookup_parent(from)?,
                from: name_of(from).to_owned(),
                to_dir: image.lookup_parent(to)?,
                to: name_of(to).to_owned(),
                node,
            })
        })
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.apply_at_name(path, |image| {
            let dir = image.lookup_parent(path)?;
            image.lookup_file(path, Operation::Remove)?;
            Ok(Effect::Remove { dir, name: name_of(path).to_owned() })
        })
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.apply_at_name(path, |image| {
            let dir = image.lookup_parent(path)?;
            image.check_remove_dir(path)?;
            Ok(Effect::Remove { dir, name: name_of(path).to_owned() })
        })
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.apply_at_name(dir, |image| {
            Ok(Effect::SyncDir { dir: image.lookup_dir(dir, Operation::Sync)? })
        })
    }

    fn sync_all(&self) -> Result<()> {
        self.disk.lock().apply("", Effect::SyncAll)
    }

    fn free_bytes(&self) -> Result<u64> {
        Ok(self.disk.lock().free_bytes())
    }

    fn lock(&self, path: &str) -> Result<Box<dyn StorageLock>> {
        check_path(path)?;
        Self::find_or_create(&mut self.disk.lock(), path, Intent::Create)?;
        if !self.locks.lock().insert(path.to_owned()) {
            let holder = Some("this process".to_owned());
            return Err(StorageError::Busy { path: path.to_owned(), holder });
        }
        Ok(Box::new(ModelLock { locks: Arc::clone(&self.locks), path: path.to_owned() }))
    }

    fn kind(&self) -> StorageKind {
        self.disk.lock().kind()
    }
}

/// A file of a modelled disk.
struct ModelFile<D> {
    disk: Arc<Mutex<D>>,
    node: NodeId,
    path: String,
    mode: OpenMode,
}

impl<D: Disk> ModelFile<D> {
    fn apply(&self, operation: Operation, effect: Effect) -> Result<()> {
        self.check_writable(operation)?;
        self.disk.lock().apply(&self.path, effect)
    }

    fn check_writable(&self, operation: Operation) -> Result<()> {
        match self.mode.intent {
            Intent::Read => Err(StorageError::ReadOnly { operation, path: self.path.clone() }),
            Intent::ReadWrite | Intent::Create | Intent::CreateNew => Ok(()),
        }
    }

    fn check_aligned(&self, operation: Operation, position: u64, bytes: &[u8]) -> Result<()> {
        check_aligned(self.mode.access, operation, &self.path, position, bytes)
    }

    fn write(&self, position: u64, bytes: Bytes) -> Result<()> {
        let through = self.mode.access == Access::DirectSync;
        self.apply(Operation::Write, Effect::Write { node: self.node, position, bytes, through })
    }
}

impl<D: Disk> StorageFile for ModelFile<D> {
    fn read_at(&self, position: u64, buf: &mut [u8]) -> Result<usize> {
        self.check_aligned(Operation::Read, position, buf)?;
        self.disk.lock().read(&self.path, self.node, position, buf)
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        self.check_aligned(Operation::Write, position, bytes)?;
        self.write(position, Bytes::copy_from_slice(bytes))
    }

    fn write_vectored_at(&self, position: u64, parts: &[&[u8]]) -> Result<()> {
        for part in parts {
            self.check_aligned(Operation::Write, position, part)?;
        }
        self.write(position, parts.concat().into())
    }

    fn sync(&self) -> Result<()> {
        self.disk.lock().apply(&self.path, Effect::Sync { node: self.node })
    }

    fn sync_with_metadata(&self) -> Result<()> {
        self.disk.lock().apply(&self.path, Effect::SyncMetadata { node: self.node })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.apply(Operation::SetLen, Effect::SetLen { node: self.node, len })
    }

    fn allocate(&self, len: u64) -> Result<Reserved> {
        self.apply(Operation::Allocate, Effect::Allocate { node: self.node, len })?;
        Ok(Reserved::Yes)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.disk.lock().image().content(self.node).len())
    }
}

struct ModelLock {
    locks: Arc<Mutex<BTreeSet<String>>>,
    path: String,
}

impl StorageLock for ModelLock {}

impl Drop for ModelLock {
    fn drop(&mut self) {
        self.locks.lock().remove(&self.path);
    }
}

impl<D> Clone for ModelStorage<D> {
    fn clone(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), locks: Arc::clone(&self.locks) }
    }
}

impl<D> fmt::Debug for ModelStorage<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelStorage").finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for ModelFile<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFile").field("path", &self.path).field("mode", &self.mode).finish()
    }
}

impl fmt::Debug for ModelLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModelLock").field(&self.path).finish()
    }
}
