//! A storage in memory that never loses anything: for tests of what stands above, and for the
//! simulator's ordinary days. It says that it is durable, since no power cut can be told to it.

use super::disk::{Disk, Effect, Image, ModelStorage};
use super::{Result, StorageKind};

/// Room that a memory storage says to have.
pub(super) const FREE_BYTES: u64 = 1 << 40;

/// A storage in memory. Clones are handles to the same tree.
pub type MemoryStorage = ModelStorage<MemoryDisk>;

/// The disk behind a [`MemoryStorage`].
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    image: Image,
}

impl MemoryStorage {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that begins with this content.
    pub fn from_image(image: Image) -> Self {
        Self::over(MemoryDisk { image })
    }

    /// Its content now; later changes do not show in it.
    pub fn image(&self) -> Image {
        self.with_disk(|disk| disk.image.clone())
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::over(MemoryDisk::default())
    }
}

impl Disk for MemoryDisk {
    fn image(&self) -> &Image {
        &self.image
    }

    fn apply(&mut self, _path: &str, effect: Effect) -> Result<()> {
        effect.apply(&mut self.image);
        Ok(())
    }

    fn free_bytes(&self) -> u64 {
        FREE_BYTES
    }

    fn kind(&self) -> StorageKind {
        StorageKind { durable: true, direct: true, network: false, what: "memory".to_owned() }
    }
}
