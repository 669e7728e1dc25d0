//! What can go wrong with a disk, and what each failure means for the log.

use std::fmt;
use std::io;
use std::sync::Arc;

use ottla_model::{Answers, Fault, Outcome, Retry};

/// A disk did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no file or directory of this name.
    #[error("`{path}` is not there")]
    NotFound {
        /// What was looked for, relative to the storage.
        path: String,
    },
    /// The name is taken.
    #[error("`{path}` is there already")]
    Exists {
        /// The name.
        path: String,
    },
    /// No room is left, or a quota is used up.
    #[error("cannot {operation} `{path}`: the disk is full")]
    Full {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: String,
    },
    /// Somebody else holds the lock.
    #[error("`{path}` is locked{}", holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default())]
    Busy {
        /// The lock file.
        path: String,
        /// Who says to hold it, such as `process 4711`.
        holder: Option<String>,
    },
    /// The handle, the file or the file system may not be written.
    #[error("cannot {operation} `{path}`: it is read-only")]
    ReadOnly {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: String,
    },
    /// This user may not.
    #[error("cannot {operation} `{path}`: permission denied")]
    Denied {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: String,
    },
    /// Direct access was asked for something that is no whole, aligned blocks: a defect of the caller.
    #[error(
        "cannot {operation} `{path}` at {position}, {bytes} bytes: direct access takes whole aligned blocks"
    )]
    Misaligned {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: String,
        /// The position asked for.
        position: u64,
        /// The length asked for.
        bytes: u64,
    },
    /// The path is empty, absolute, or has a part such as `..`: a defect of the caller.
    #[error("`{path}` is no path inside this directory")]
    BadPath {
        /// The path.
        path: String,
    },
    /// Anything else the system said, an I/O error of the device first of all.
    #[error("cannot {operation} `{path}`: {source}")]
    Io {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

/// What was being done when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// `open`.
    Open,
    /// `list`.
    List,
    /// `create_dir`.
    CreateDir,
    /// `rename`.
    Rename,
    /// `remove_file` or `remove_dir`.
    Remove,
    /// `read_at`.
    Read,
    /// `write_at` or `write_vectored_at`.
    Write,
    /// `sync`, `sync_with_metadata`, `sync_dir` or `sync_all`.
    Sync,
    /// `set_len`.
    SetLen,
    /// `allocate`.
    Allocate,
    /// `len`, `free_bytes`.
    Inspect,
    /// `lock`.
    Lock,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::List => "list",
            Self::CreateDir => "create directory",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::SetLen => "set the length of",
            Self::Allocate => "reserve room for",
            Self::Inspect => "inspect",
            Self::Lock => "lock",
        })
    }
}

impl StorageError {
    /// What the system said, sorted.
    pub fn from_io(operation: Operation, path: &str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { operation, path }
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { operation, path },
            io::ErrorKind::PermissionDenied => Self::Denied { operation, path },
            _ => Self::Io { operation, path, source: Arc::new(source) },
        }
    }

    /// Whether the disk had no room: the state before it is intact, and asking later may work.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the file or directory was not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether nothing written after this may be believed (invariant L8): a write or a sync failed
    /// for another reason than a full disk. The directory must go offline. A sync that finds the disk
    /// full is fatal too: bytes that were accepted could not be stored.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Busy { .. }
            | Self::Misaligned { .. }
            | Self::BadPath { .. } => false,
            Self::Full { operation, .. } => matches!(operation, Operation::Sync),
            Self::ReadOnly { operation, .. }
            | Self::Denied { operation, .. }
            | Self::Io { operation, .. } => operation.changes_the_disk(),
        }
    }
}

impl Operation {
    /// Whether the disk may have changed, or was meant to, when this failed.
    const fn changes_the_disk(self) -> bool {
        match self {
            Self::CreateDir
            | Self::Rename
            | Self::Remove
            | Self::Write
            | Self::Sync
            | Self::SetLen
            | Self::Allocate => true,
            Self::Open | Self::List | Self::Read | Self::Inspect | Self::Lock => false,
        }
    }
}

impl Answers for StorageError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Busy { .. }
            | Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::Misaligned { .. }
            | Self::BadPath { .. } => Outcome::DidNotHappen,
            Self::Full { operation, .. } | Self::Io { operation, .. } => {
                if operation.changes_the_disk() { Outcome::Unknown } else { Outcome::DidNotHappen }
            }
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Full { .. } | Self::Busy { .. } => Retry::Later,
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::Misaligned { .. }
            | Self::BadPath { .. }
            | Self::Io { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Misaligned { .. }
            | Self::BadPath { .. } => Fault::Caller,
            Self::Full { .. }
            | Self::Busy { .. }
            | Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::Io { .. } => Fault::Cluster,
        }
    }
}
