//! The changes a program can ask of a disk, as data.

use std::fmt;

use bytes::Bytes;

use super::image::{Image, NodeId};

/// One change, or one request to make changes durable. Names are a directory and the last part.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A new file or directory and its name.
    Create {
        /// Where its name is.
        dir: NodeId,
        /// Its name.
        name: String,
        /// The node.
        node: NodeId,
        /// Whether it is a directory.
        is_dir: bool,
    },
    /// A node's name changes; what had the new name loses it.
    Rename {
        /// Where the old name is.
        from_dir: NodeId,
        /// The old name.
        from: String,
        /// Where the new name is.
        to_dir: NodeId,
        /// The new name.
        to: String,
        /// The node.
        node: NodeId,
    },
    /// A name goes.
    Remove {
        /// Where the name is.
        dir: NodeId,
        /// The name.
        name: String,
    },
    /// Bytes are written.
    Write {
        /// The file.
        node: NodeId,
        /// Where.
        position: u64,
        /// What.
        bytes: Bytes,
        /// Whether they are durable when the write returns.
        through: bool,
    },
    /// The length is set.
    SetLen {
        /// The file.
        node: NodeId,
        /// To how much.
        len: u64,
    },
    /// Room is reserved, and the length is at least this.
    Allocate {
        /// The file.
        node: NodeId,
        /// For how much.
        len: u64,
    },
    /// A file's bytes become durable.
    Sync {
        /// The file.
        node: NodeId,
    },
    /// A file's bytes and length become durable.
    SyncMetadata {
        /// The file.
        node: NodeId,
    },
    /// A directory's names become durable.
    SyncDir {
        /// The directory.
        dir: NodeId,
    },
    /// Everything becomes durable.
    SyncAll,
}

impl Effect {
    /// Makes the change visible. Requests for durability change nothing that a reader sees.
    pub fn apply(&self, image: &mut Image) {
        match self {
            Self::Create { dir, name, node, is_dir } => {
                image.ensure_node(*node, *is_dir);
                image.link(*dir, name, *node);
            }
            Self::Rename { from_dir, from, to_dir, to, node } => {
                image.unlink(*from_dir, from);
                image.link(*to_dir, to, *node);
            }
            Self::Remove { dir, name } => image.unlink(*dir, name),
            Self::Write { node, position, bytes, through: _ } => {
                image.content_mut(*node).write(*position, bytes);
            }
            Self::SetLen { node, len } => image.content_mut(*node).set_len(*len),
            Self::Allocate { node, len } => image.content_mut(*node).allocate(*len),
            Self::Sync { .. }
            | Self::SyncMetadata { .. }
            | Self::SyncDir { .. }
            | Self::SyncAll => {}
        }
    }

    /// Whether it asks for durability rather than for a change.
    pub const fn is_sync(&self) -> bool {
        matches!(
            self,
            Self::Sync { .. } | Self::SyncMetadata { .. } | Self::SyncDir { .. } | Self::SyncAll
        )
    }
}

/// For traces of a failed enumeration; the path stands before it.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { is_dir: false, .. } => f.write_str("create"),
            Self::Create { is_dir: true, .. } => f.write_str("create directory"),
            Self::Rename { to, .. } => write!(f, "rename to {to}"),
            Self::Remove { .. } => f.write_str("remove"),
            Self::Write { position, bytes, through, .. } => {
                write!(f, "write {}+{}", position, bytes.len())?;
                if *through { f.write_str(" through") } else { Ok(()) }
            }
            Self::SetLen { len, .. } => write!(f, "set length {len}"),
            Self::Allocate { len, .. } => write!(f, "allocate {len}"),
            Self::Sync { .. } => f.write_str("sync"),
            Self::SyncMetadata { .. } => f.write_str("sync with metadata"),
            Self::SyncDir { .. } => f.write_str("sync directory"),
            Self::SyncAll => f.write_str("sync all"),
        }
    }
}
