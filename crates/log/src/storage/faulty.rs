//! A storage that fails as disks do, drawn from a seed: what the simulator and the fault tests run on.
//!
//! Failures come in two ways: by [`Odds`], call by call, and by command, [`FaultyStorage::power_cut`]
//! and the rest. The same seed and the same calls give the same failures. The disk below is the model
//! of [`super::disk`], so what a power cut leaves is as hard here as in `recording`.
//!
//! After [`FaultyStorage::power_cut`] or [`FaultyStorage::kill`] the old handles still work, on a disk
//! that nobody will read again; the new process works on the image.

use std::io;
use std::sync::Arc;

use ottla_model::Rng;

use super::disk::unsynced::{Unsynced, Variant};
use super::disk::{Disk, Effect, Image, ModelStorage, NodeId};
use super::memory::FREE_BYTES;
use super::recording::{Fault, failed_part};
use super::{Operation, Result, StorageError, StorageKind};

/// A storage that fails. Clones are handles to the same one.
pub type FaultyStorage = ModelStorage<FaultyDisk>;

/// How likely each failure is, in so many of 10,000 calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Odds {
    /// A write fails with an I/O error; half of it is there nevertheless.
    pub write_fails: u64,
    /// A sync fails; what it was to cover is in doubt for good, and the next sync answers `Ok`.
    pub sync_fails: u64,
    /// Making, renaming or removing a name fails.
    pub name_fails: u64,
    /// A read fails with an I/O error.
    pub read_fails: u64,
    /// A read brings one flipped bit; the disk itself is sound.
    pub read_flips: u64,
}

/// The disk behind a [`FaultyStorage`].
#[derive(Debug)]
pub struct FaultyDisk {
    image: Image,
    unsynced: Unsynced,
    rng: Rng,
    odds: Odds,
    capacity: Option<u64>,
    failures: u64,
}

impl FaultyStorage {
    /// An empty one that does not fail until it is told to.
    pub fn new(rng: Rng) -> Self {
        Self::on(Image::default(), rng)
    }

    /// One that begins with this content, all of it durable.
    pub fn on(image: Image, rng: Rng) -> Self {
        let unsynced = Unsynced::new(image.clone());
        let (odds, capacity, failures) = (Odds::default(), None, 0);
        Self::over(FaultyDisk { image, unsynced, rng, odds, capacity, failures })
    }

    /// From now on it fails this often.
    pub fn set_odds(&self, odds: Odds) {
        self.with_disk(|disk| disk.odds = odds);
    }

    /// From now on it has this much room in all, used or free; `None` is room without end.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.with_disk(|disk| disk.capacity = bytes);
    }

    /// How many calls it made fail, or answered wrongly.
    pub fn failures(&self) -> u64 {
        self.with_disk(|disk| disk.failures)
    }

    /// The power goes: the disk as it comes back, with whatever was drawn to survive.
    pub fn power_cut(&self) -> Image {
        self.with_disk(FaultyDisk::power_cut)
    }

    /// The process goes, and the power stays: everything that was written is there.
    pub fn kill(&self) -> Image {
        self.with_disk(|disk| disk.image.clone())
    }

    /// Flips one bit of a file for good, as a disk that rots does; which one, and where. Nothing
    /// happens to an empty file.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn rot(&self, path: &str) -> Result<Option<u64>> {
        self.with_disk(|disk| {
            let node = disk.image.lookup_file(path, Operation::Inspect)?;
            let len = disk.image.content(node).len();
            if len == 0 {
                return Ok(None);
            }
            let position = disk.rng.below(len);
            let bit = 1 << disk.rng.below(8);
            flip(&mut disk.image, node, position, bit);
            flip(disk.unsynced.durable_mut(), node, position, bit);
            Ok(Some(position))
        })
    }
}

fn flip(image: &mut Image, node: NodeId, position: u64, bit: u8) {
    let content = image.content_mut(node);
    let mut byte = [0];
    if content.read(position, &mut byte) == 1 {
        content.write(position, &[byte[0] ^ bit]);
    }
}

impl FaultyDisk {
    /// As [`FaultyStorage::power_cut`].
    pub fn power_cut(&mut self) -> Image {
        let variant = match self.rng.below(8) {
            0 => Variant::AllLost,
            1 => Variant::AllKept,
            _ => Variant::Subset(self.rng.next_u64()),
        };
        self.unsynced.after_crash(None, variant)
    }

    fn draws(&mut self, odds: u64) -> bool {
        let happens = odds > 0 && self.rng.chance(odds, 10_000);
        self.failures += u64::from(happens);
        happens
    }

    /// The fault that this effect meets, if any.
    fn draw_fault(&mut self, effect: &Effect) -> Option<Fault> {
        if self.is_over_capacity(effect) {
            return Some(Fault::Full);
        }
        let odds = match effect {
            Effect::Write { .. } | Effect::SetLen { .. } | Effect::Allocate { .. } => {
                self.odds.write_fails
            }
            Effect::Create { .. } | Effect::Rename { .. } | Effect::Remove { .. } => {
                self.odds.name_fails
            }
            Effect::Sync { .. }
            | Effect::SyncMetadata { .. }
            | Effect::SyncDir { .. }
            | Effect::SyncAll => self.odds.sync_fails,
        };
        self.draws(odds).then_some(Fault::Io)
    }

    /// Whether an effect would need more than is free. What was written or reserved before is kept.
    fn is_over_capacity(&self, effect: &Effect) -> bool {
        let Some(capacity) = self.capacity else { return false };
        let needed = match effect {
            Effect::Write { node, position, bytes, .. } => {
                self.image.content(*node).bytes_needed(*position, bytes.len() as u64)
            }
            Effect::Allocate { node, len } => self.image.content(*node).bytes_needed(0, *len),
            _ => 0,
        };
        needed > 0 && self.used() + needed > capacity
    }

    fn used(&self) -> u64 {
        self.image.files().iter().map(|(_, node)| self.image.content(*node).bytes_stored()).sum()
    }
}

impl Disk for FaultyDisk {
    fn image(&self) -> &Image {
        &self.image
    }

    fn apply(&mut self, path: &str, effect: Effect) -> Result<()> {
        let Some(fault) = self.draw_fault(&effect) else {
            effect.apply(&mut self.image);
            self.unsynced.apply(&effect);
            return Ok(());
        };
        let error = fault.error(path, &effect);
        // A full disk takes nothing, a failing one half.
        if fault == Fault::Io {
            let part = failed_part(effect);
            if matches!(part, Effect::Write { .. }) {
                part.apply(&mut self.image);
            }
            self.unsynced.apply_failed(&part);
        }
        Err(error)
    }

    fn read(&mut self, path: &str, node: NodeId, position: u64, buf: &mut [u8]) -> Result<usize> {
        if self.draws(self.odds.read_fails) {
            let source = Arc::new(io::Error::other("the test's disk cannot read this"));
            return Err(StorageError::Io { operation: Operation::Read, path: path.into(), source });
        }
        let got = self.image.content(node).read(position, buf);
        if got > 0 && self.draws(self.odds.read_flips) {
            buf[self.rng.below(got as u64) as usize] ^= 1 << self.rng.below(8);
        }
        Ok(got)
    }

    fn free_bytes(&self) -> u64 {
        self.capacity.map_or(FREE_BYTES, |capacity| capacity.saturating_sub(self.used()))
    }

    fn kind(&self) -> StorageKind {
        StorageKind { durable: true, direct: true, network: false, what: "faulty".to_owned() }
    }
}
