//! Why a server does not start or stop well: one sentence that says what to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ottla_log::OpenError;
use ottla_log::storage::StorageError;

/// A server did not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// The data or journal directory cannot be used.
    #[error("cannot use {}: {why}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for `{door}`: {why}")]
    Listen {
        /// The setting.
        door: &'static str,
        /// Its address.
        address: SocketAddr,
        /// Why, and what to do.
        why: String,
    },
    /// The cluster's metadata cannot be loaded.
    #[error("cannot load the cluster's metadata: {0}")]
    Metadata(String),
    /// The operating system refused something that everything needs.
    #[error("cannot {what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log was not closed cleanly. Nothing that was acknowledged is lost.
    #[error("the log was not closed cleanly, and recovers at the next start: {0}")]
    Unclean(String),
}

impl StartError {
    /// What the system said when `what` was wanted.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    pub(crate) fn open(path: &Path, error: OpenError) -> Self {
        let why = match error {
            OpenError::Storage(error) => storage_advice(&error),
            other => other.to_string(),
        };
        Self::Directory { path: path.to_owned(), why }
    }

    pub(crate) fn storage(path: &Path, error: &StorageError) -> Self {
        Self::Directory { path: path.to_owned(), why: storage_advice(error) }
    }

    pub(crate) fn listen(door: &'static str, address: SocketAddr, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("the port is in use; stop who uses it, or choose another with --{door}")
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("this user may not; choose a port above 1023 with --{door}")
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have that address; choose one with --{door}")
            }
            _ => error.to_string(),
        };
        Self::Listen { door, address, why: advice }
    }
}

fn storage_advice(error: &StorageError) -> String {
    match error {
        // An empty path is the directory itself; other paths lie in it.
        StorageError::NotFound { path } if path.is_empty() => {
            "it is not there and cannot be made; make what it lies in, or choose another with \
             --data-dir"
                .to_owned()
        }
        StorageError::Exists { path } if path.is_empty() => {
            "a file has its name; move that away, or choose another with --data-dir".to_owned()
        }
        StorageError::Io { operation, path, source } if path.is_empty() => format!(
            "cannot {operation} it: {source}; look at the disk, or choose another with --data-dir"
        ),
        StorageError::ReadOnly { .. } => {
            "it is read-only; mount it writable, or choose another with --data-dir".to_owned()
        }
        StorageError::Denied { .. } => {
            "this user may not write there; change its owner, or choose \
             another with --data-dir"
                .to_owned()
        }
        StorageError::Full { .. } => {
            "the disk is full; free space, or choose another with --data-dir".to_owned()
        }
        other => other.to_string(),
    }
}
