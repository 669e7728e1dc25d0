//! The pure model of a disk with a volatile cache: what a program sees, and what a power cut leaves.
//!
//! ```text
//!   call ──> front ──> Effect ──> Image (what every reader sees at once)
//!                           └───> Unsynced (durable Image + effects not yet durable) ──> Image after a crash
//! ```
//!
//! [`content`] holds one file's bytes in shared pages, [`image`] a tree of files, [`effect`] the
//! changes of one, [`unsynced`] the rules of durability, `front` turns any [`Disk`] into a `Storage`.

pub mod content;
pub mod effect;
mod front;
pub mod image;
pub mod unsynced;

use std::fmt;

pub use self::content::Content;
pub use self::effect::Effect;
pub use self::front::ModelStorage;
pub use self::image::{Image, NodeId};
pub use self::unsynced::{Unsynced, Variant};
use super::{Result, StorageKind};

/// What stands behind a modelled storage: it sees every effect, and may refuse it.
pub trait Disk: Send + fmt::Debug + 'static {
    /// What a reader sees now.
    fn image(&self) -> &Image;

    /// Does what was asked, or fails and says so. `path` is for the message.
    ///
    /// # Errors
    /// Whatever the disk is made to fail with.
    fn apply(&mut self, path: &str, effect: Effect) -> Result<()>;

    /// Fills `buf` from a file, and says how many bytes there were.
    ///
    /// # Errors
    /// Whatever the disk is made to fail with.
    fn read(&mut self, path: &str, node: NodeId, position: u64, buf: &mut [u8]) -> Result<usize> {
        let _ = path;
        Ok(self.image().content(node).read(position, buf))
    }

    /// Bytes that can still be written.
    fn free_bytes(&self) -> u64;

    /// What it says to be.
    fn kind(&self) -> StorageKind;
}
