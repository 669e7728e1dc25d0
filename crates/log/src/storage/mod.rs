//! The `Storage` seam: everything the log asks of a disk, and nothing else.
//!
//! ```text
//!   log  ──>  Storage (one directory tree)  ──>  StorageFile (bytes at positions)
//!                 ├── files      a real directory: direct I/O where the file system grants it
//!                 ├── memory     a tree in memory that never loses anything
//!                 ├── faulty     seeded: loses what was not synced, fails, fills up, rots
//!                 └── recording  notes every change, and builds the image of a crash at any of them
//! ```
//!
//! `conformance` holds one suite that all of them pass. `disk` is the pure model of a disk with a
//! volatile cache on which the last three are built: what survives a power cut is decided there, and
//! it is never kinder than ext4 or XFS.
//!
//! # What is durable, and when
//!
//! - Bytes written are durable once [`StorageFile::sync`] returned, or, through
//!   [`Access::DirectSync`], once the write itself returned. Until then any of their 512-byte
//!   sectors may be lost or kept, in any order.
//! - A length that grew because bytes were written is as durable as these bytes. A length set by
//!   [`StorageFile::set_len`] or [`StorageFile::allocate`] is durable only after
//!   [`StorageFile::sync_with_metadata`].
//! - A name (creation, rename, removal) is durable only after [`Storage::sync_dir`] of the directory
//!   that holds it, and only as far as that directory's own name is. Syncing a file does not make its
//!   name durable. A rename is atomic: after a crash it happened or it did not.
//! - After a failed sync nothing is known about what was not yet durable, and no later sync of that
//!   file tells anything: a caller MUST NOT try again and believe the answer (invariant L8).

mod aligned;
mod error;
mod path;
mod recycled;
mod whole;

pub mod conformance;
pub mod disk;
pub mod faulty;
pub mod files;
pub mod memory;
pub mod recording;

use std::fmt;
use std::sync::Arc;

pub use self::aligned::AlignedBuf;
pub use self::error::{Operation, StorageError};
pub use self::faulty::FaultyStorage;
pub use self::files::{DirectAccess, FilesStorage};
pub use self::memory::MemoryStorage;
pub use self::path::{check_path, join, name_of, parent_of};
pub use self::recording::RecordingStorage;
pub(crate) use self::recycled::{Recycled, blocks_around};
pub use self::whole::{make_dirs, read_whole, remove_tree, replace_whole};

/// The result of asking a disk for something.
pub type Result<T> = std::result::Result<T, StorageError>;

/// One directory tree.
///
/// Paths are relative to it and separated by `/`, such as `journal/00000001.journal`; `""` is the
/// tree itself where a directory is meant. An implementation MUST refuse empty, `.` and `..` parts
/// with [`StorageError::BadPath`], so that no path leads out of the tree.
///
/// Calls block, and come from any thread. An implementation MUST NOT hold anything back that an
/// earlier call on any handle wrote: within one process, reads see completed writes.
pub trait Storage: Send + Sync + fmt::Debug + 'static {
    /// Opens a file, and makes it if the mode says so. The parent directory MUST exist.
    ///
    /// # Errors
    /// `NotFound` without the file or its parent; `Exists` from [`Intent::CreateNew`].
    fn open(&self, path: &str, mode: OpenMode) -> Result<Arc<dyn StorageFile>>;

    /// What a directory holds, sorted by name.
    fn list(&self, dir: &str) -> Result<Vec<Entry>>;

    /// Makes one directory. Its parent MUST exist; it MUST NOT.
    fn create_dir(&self, dir: &str) -> Result<()>;

    /// Gives a file or directory another name, atomically. A file already of that name is replaced.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file. Handles that are open go on working on the nameless file.
    fn remove_file(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, dir: &str) -> Result<()>;

    /// Makes the names in `dir` durable: what was created in it, renamed into or out of it, removed.
    fn sync_dir(&self, dir: &str) -> Result<()>;

    /// Makes everything that was done so far durable: all bytes, lengths and names. One flush of the
    /// whole file system where there is one, which is far cheaper than many files one by one.
    fn sync_all(&self) -> Result<()>;

    /// Bytes that can still be written, to an ordinary user.
    fn free_bytes(&self) -> Result<u64>;

    /// How large what lies under it is, where that is a file system.
    fn total_bytes(&self) -> Option<u64> {
        None
    }

    /// Takes the lock file at `path`, making it if needed. The lock lasts until the guard is dropped
    /// or the process ends in any way; it never outlives the process.
    ///
    /// # Errors
    /// `Busy` at once when somebody, this process included, holds it.
    fn lock(&self, path: &str) -> Result<Box<dyn StorageLock>>;

    /// What this is, for start-up checks and for people.
    fn kind(&self) -> StorageKind;
}

/// An open file: bytes at positions. There is no cursor, so calls from several threads do not meet
/// unless their ranges do; the result of overlapping writes that run at once is any mixture.
///
/// Through [`Access::Direct`] and [`Access::DirectSync`] every position, length and buffer address
/// MUST be a multiple of [`ottla_model::limits::BLOCK_BYTES`] (see [`AlignedBuf`]), in reads too;
/// anything else is [`StorageError::Misaligned`], in every implementation and also where direct
/// access was refused by the file system, so that code which passes on one disk passes on all.
pub trait StorageFile: Send + Sync + fmt::Debug {
    /// Reads into the whole of `buf`, and says how many bytes it got: fewer only at the end of the
    /// file, 0 beyond it.
    fn read_at(&self, position: u64, buf: &mut [u8]) -> Result<usize>;

    /// Reads `bytes` bytes into memory of their own, fewer only at the end of the file. What is read in
    /// large stretches is read by this: a buffer need not be filled with zeros first.
    fn read_new(&self, position: u64, bytes: usize) -> Result<Vec<u8>> {
        let mut new = vec![0; bytes];
        let got = self.read_at(position, &mut new)?;
        new.truncate(got);
        Ok(new)
    }

    /// These bytes will be read soon: a hint, after which they may come without waiting for the disk.
    fn will_need(&self, _position: u64, _bytes: u64) {}

    /// Writes all of `bytes`. After an error any part of them may have been written. A hole left
    /// before `position` reads as zeros.
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()>;

    /// Writes all parts one after the other, as if they were one. A single system call where they
    /// are few; alignment, where asked for, applies to every part.
    fn write_vectored_at(&self, position: u64, parts: &[&[u8]]) -> Result<()>;

    /// Makes the bytes durable that were written so far, and the length as far as they need it
    /// (`fdatasync`).
    fn sync(&self) -> Result<()>;

    /// Makes bytes and length durable, however the length came about (`fsync`). The file's name is
    /// the directory's matter: [`Storage::sync_dir`].
    fn sync_with_metadata(&self) -> Result<()>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, bytes: u64) -> Result<()>;

    /// Reserves room for the first `bytes` bytes and makes the file at least so long; what is new
    /// reads as zeros. Where the file system cannot reserve, the file only gets longer
    /// ([`Reserved::No`]) and a later write may still find the disk full.
    fn allocate(&self, bytes: u64) -> Result<Reserved>;

    /// The length of the file in bytes.
    fn len(&self) -> Result<u64>;

    /// Whether the file is empty.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Held as long as the lock is wanted; dropping it gives the lock back.
pub trait StorageLock: Send + Sync + fmt::Debug {}

/// What [`Storage::open`] is to do, and how bytes are to travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenMode {
    /// Whether to read, write or make the file.
    pub intent: Intent,
    /// How bytes travel.
    pub access: Access,
}

/// Whether to read, write or make a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Read a file that is there. Writing through the handle is [`StorageError::ReadOnly`].
    Read,
    /// Read and write a file that is there.
    ReadWrite,
    /// Read and write; make the file when it is missing.
    Create,
    /// Make the file, which MUST NOT be there.
    CreateNew,
}

/// How bytes travel between a file's handle and the disk. Where the file system refuses direct
/// access the same promises are kept by buffered writes and `fdatasync`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Through the page cache.
    Buffered,
    /// Past the page cache (`O_DIRECT`), durable after [`StorageFile::sync`].
    Direct,
    /// Past the page cache, and durable when the write returns (`O_DIRECT | O_DSYNC`).
    DirectSync,
}

impl OpenMode {
    /// Read a file that is there.
    pub const READ: Self = Self { intent: Intent::Read, access: Access::Buffered };
    /// Read and write a file that is there.
    pub const READ_WRITE: Self = Self { intent: Intent::ReadWrite, access: Access::Buffered };
    /// Read and write; make the file when it is missing.
    pub const CREATE: Self = Self { intent: Intent::Create, access: Access::Buffered };
    /// Make the file, which must not be there.
    pub const CREATE_NEW: Self = Self { intent: Intent::CreateNew, access: Access::Buffered };

    /// The same, past the page cache.
    #[must_use]
    pub const fn direct(self) -> Self {
        Self { access: Access::Direct, ..self }
    }

    /// The same, past the page cache, each write durable when it returns.
    #[must_use]
    pub const fn direct_sync(self) -> Self {
        Self { access: Access::DirectSync, ..self }
    }
}

impl Access {
    /// Whether positions, lengths and buffers must be aligned.
    pub const fn is_direct(self) -> bool {
        match self {
            Self::Buffered => false,
            Self::Direct | Self::DirectSync => true,
        }
    }
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// Whether it is a directory; what is neither file nor directory is not listed.
    pub is_dir: bool,
    /// The length of a file; 0 for a directory.
    pub bytes: u64,
}

/// Whether [`StorageFile::allocate`] could promise room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reserved {
    /// Writing within the reserved length will not find the disk full.
    Yes,
    /// The file system cannot reserve; the file only got longer.
    No,
}

/// What a [`Storage`] is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorageKind {
    /// Whether a sync means anything: false on tmpfs, where acknowledgements must not say `fsync`.
    pub durable: bool,
    /// Whether direct access is really direct.
    pub direct: bool,
    /// Whether it lies across a network, which is not supported.
    pub network: bool,
    /// The file system's name, such as `ext4`.
    pub what: String,
}
