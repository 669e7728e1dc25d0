//! The storage of a real directory: the one module below the shells that touches files.
//!
//! Direct access is tried once, when the directory is opened, with a block written through
//! `O_DIRECT | O_DSYNC`; where the file system refuses it (tmpfs, some overlays) every direct file of
//! this storage is a buffered one and `fdatasync` does the rest, behind the same contract.
//!
//! On macOS, which is for development, everything is buffered, and the standard library's syncs are
//! `F_FULLFSYNC`, which is what makes them mean something there.

mod file;
mod kind;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::file::FileHandle;
use super::path::{check_dir, check_path};
use super::{
    Access, AlignedBuf, Entry, Intent, OpenMode, Operation, Result, Storage, StorageError,
    StorageFile, StorageKind, StorageLock,
};

/// The file that [`FilesStorage::open`] makes and removes to learn whether direct access works.
pub const PROBE_NAME: &str = ".ottla-probe";

/// A real directory.
#[derive(Debug)]
pub struct FilesStorage {
    root: PathBuf,
    /// The directory itself, held open for `syncfs` and so that it cannot be unmounted.
    handle: File,
    kind: StorageKind,
    read_only: bool,
}

/// Whether to try direct access.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DirectAccess {
    /// Where the file system grants it.
    #[default]
    Auto,
    /// Never: the fallback everywhere, for tests of the fallback and for file systems whose direct
    /// access is broken.
    Never,
}

impl FilesStorage {
    /// The directory `root`, which is made if it is missing.
    ///
    /// # Errors
    /// What the system says; paths in errors are `""`, since nothing inside was touched yet.
    pub fn open(root: &Path, direct: DirectAccess) -> Result<Self> {
        create_root(root).map_err(|e| StorageError::from_io(Operation::CreateDir, "", e))?;
        let mut storage = Self::bare(root, false)?;
        storage.kind.direct = direct == DirectAccess::Auto && storage.probe_direct()?;
        Ok(storage)
    }

    /// The directory `root` for looking only: it must be there, nothing in it is changed, and every
    /// call that would is [`StorageError::ReadOnly`].
    ///
    /// # Errors
    /// `NotFound` and what else the system says.
    pub fn open_read_only(root: &Path) -> Result<Self> {
        Self::bare(root, true)
    }

    fn bare(root: &Path, read_only: bool) -> Result<Self> {
        let inspect = |error| StorageError::from_io(Operation::Inspect, "", error);
        let handle = File::open(root).map_err(inspect)?;
        let kind = kind::of(&handle).map_err(inspect)?;
        Ok(Self { root: root.to_owned(), handle, kind, read_only })
    }

    /// The directory on the file system.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn probe_direct(&self) -> Result<bool> {
        let probe = self.root.join(PROBE_NAME);
        let result = file::probe_direct(&probe, &AlignedBuf::zeroed(kind::PROBE_BYTES));
        match fs::remove_file(&probe) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::from_io(Operation::Remove, PROBE_NAME, error))
            }
            _ => result.map_err(|e| StorageError::from_io(Operation::Write, PROBE_NAME, e)),
        }
    }

    fn path(&self, path: &str) -> Result<PathBuf> {
        check_path(path)?;
        Ok(self.root.join(path))
    }

    fn dir(&self, path: &str) -> Result<PathBuf> {
        check_dir(path)?;
        Ok(if path.is_empty() { self.root.clone() } else { self.root.join(path) })
    }

    fn check_writable(&self, operation: Operation, path: &str) -> Result<()> {
        if self.read_only {
            Err(StorageError::ReadOnly { operation, path: path.to_owned() })
        } else {
            Ok(())
        }
    }

    /// A change of names: checks, the call, the error with its words.
    fn change(
        &self,
        operation: Operation,
        path: &str,
        call: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<()> {
        let full = self.path(path)?;
        self.check_writable(operation, path)?;
        call(&full).map_err(|error| StorageError::from_io(operation, path, error))
    }
}

impl Storage for FilesStorage {
    fn open(&self, path: &str, mode: OpenMode) -> Result<Arc<dyn StorageFile>> {
        let full = self.path(path)?;
        if mode.intent != Intent::Read {
            self.check_writable(Operation::Open, path)?;
        }
        let direct = self.kind.direct && mode.access.is_direct();
        let file = file::open(&full, mode, direct)
            .map_err(|error| StorageError::from_io(Operation::Open, path, error))?;
        Ok(Arc::new(FileHandle::new(file, path, mode, direct)))
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        let full = self.dir(dir)?;
        let wrap = |error| StorageError::from_io(Operation::List, dir, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(full).map_err(wrap)? {
            entries.extend(describe(&entry.map_err(wrap)?).map_err(wrap)?);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_dir(&self, dir: &str) -> Result<()> {
        self.change(Operation::CreateDir, dir, |full| fs::create_dir(full))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let to = self.path(to)?;
        self.change(Operation::Rename, from, |from| fs::rename(from, to))
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.change(Operation::Remove, path, |full| fs::remove_file(full))
    }

    fn remove_dir(&self, dir: &str) -> Result<()> {
        self.change(Operation::Remove, dir, |full| fs::remove_dir(full))
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        let full = self.dir(dir)?;
        self.check_writable(Operation::Sync, dir)?;
        file::open_dir(&full)
            .and_then(|handle| handle.sync_all())
            .map_err(|error| StorageError::from_io(Operation::Sync, dir, error))
    }

    fn sync_all(&self) -> Result<()> {
        self.check_writable(Operation::Sync, "")?;
        let synced = if kind::flushes_whole(&self.kind) {
            sync_file_system(&self.handle)
        } else {
            sync_tree(&self.handle, &self.root)
        };
        synced.map_err(|error| StorageError::from_io(Operation::Sync, "", error))
    }

    fn free_bytes(&self) -> Result<u64> {
        kind::free_bytes(&self.handle)
            .map_err(|error| StorageError::from_io(Operation::Inspect, "", error))
    }

    fn total_bytes(&self) -> Option<u64> {
        kind::total_bytes(&self.handle).ok()
    }

    fn lock(&self, path: &str) -> Result<Box<dyn StorageLock>> {
        let full = self.path(path)?;
        let wrap = |error| StorageError::from_io(Operation::Lock, path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(!self.read_only)
            .create(!self.read_only)
            .truncate(false)
            .open(full)
            .map_err(wrap)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::Busy {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            other => other.map_err(|error| wrap(error.into()))?,
        }
        if !self.read_only {
            sign(&mut file).map_err(wrap)?;
        }
        Ok(Box::new(FileLock(file)))
    }

    fn kind(&self) -> StorageKind {
        self.kind.clone()
    }
}

/// The lock is on the open file, so that the system lets go of it whenever the process ends.
#[derive(Debug)]
struct FileLock(#[expect(dead_code, reason = "held, not used")] File);

impl StorageLock for FileLock {}

/// Writes into a lock file who holds it, for the sentence that somebody else will read.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "process {}", std::process::id())
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// The entry, unless it is neither file nor directory, vanished meanwhile, or has a name that is no
/// UTF-8, which none of ours is.
fn describe(entry: &fs::DirEntry) -> io::Result<Option<Entry>> {
    let Ok(name) = entry.file_name().into_string() else { return Ok(None) };
    let metadata = match fs::metadata(entry.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let is_dir = metadata.is_dir();
    let bytes = if is_dir { 0 } else { metadata.len() };
    Ok((is_dir || metadata.is_file()).then_some(Entry { name, is_dir, bytes }))
}

/// Makes the root and everything above it that is missing, each name durable.
fn create_root(root: &Path) -> io::Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    let parent = match root.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_root(parent)?;
    match fs::create_dir(root) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !root.is_dir() => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

#[cfg(target_os = "linux")]
fn sync_file_system(handle: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(handle)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_handle: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Without a `syncfs` that can be relied on, file by file, children first.
fn sync_tree(handle: &File, root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let child = File::open(&path)?;
        if path.is_dir() {
            sync_tree(&child, &path)?;
        } else {
            child.sync_all()?;
        }
    }
    handle.sync_all()
}

/// How a file's handle behaves, for those who open one: see [`Access`].
const fn syncs_each_write(access: Access) -> bool {
    matches!(access, Access::DirectSync)
}
