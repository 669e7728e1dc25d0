//! A storage that notes every change, and builds the disk as a crash at any of them would leave it.
//!
//! ```text
//!   let storage = RecordingStorage::new();
//!   run the workload, noting storage.position() whenever something was acknowledged
//!   for point in storage.script().crash_points() {         // one per operation, and one at the end
//!       for variant in Variant::all(point.operation(), 8) {
//!           recover from point.storage(variant); what was acknowledged at a position
//!           <= point.operation() must be there
//!       }
//!   }
//! ```
//!
//! A crash point lies *within* an operation: all before it returned, it was asked for, and it may have
//! happened, in part or not at all. Everything is a function of the script and the variant, so a
//! failure is repeated by its two numbers. Images share the bytes that they have in common.
//!
//! What happens after a failed operation depends on who asked for it, so that is not an image but
//! another run: [`RecordingStorage::fail_at`] makes the operation of a number fail.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::disk::unsynced::{Unsynced, Variant};
use super::disk::{Disk, Effect, Image, ModelStorage};
use super::memory::{FREE_BYTES, MemoryStorage};
use super::{Operation, Result, StorageError, StorageKind};

/// A storage that records. Clones are handles to the same one.
pub type RecordingStorage = ModelStorage<RecordingDisk>;

/// The disk behind a [`RecordingStorage`].
#[derive(Debug)]
pub struct RecordingDisk {
    image: Image,
    script: Script,
    faults: BTreeMap<usize, Fault>,
}

/// How an operation is made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// An I/O error. Half of a write is there nevertheless, and what a sync was to cover is in doubt.
    Io,
    /// The disk is full. Half of a write is there nevertheless.
    Full,
}

/// What was asked of a recording storage, from its beginning.
#[derive(Clone, Debug, Default)]
pub struct Script {
    start: Image,
    operations: Vec<Recorded>,
}

#[derive(Clone, Debug)]
struct Recorded {
    path: Arc<str>,
    effect: Effect,
    failed: bool,
}

/// The disk in the middle of one operation.
#[derive(Clone, Debug)]
pub struct CrashPoint {
    operation: usize,
    unsynced: Unsynced,
    in_flight: Option<Recorded>,
}

impl RecordingStorage {
    /// An empty one.
    pub fn new() -> Self {
        Self::on(Image::default())
    }

    /// One that begins with this content, all of it durable: for crashes while recovering from one.
    pub fn on(start: Image) -> Self {
        let script = Script { start: start.clone(), operations: Vec::new() };
        Self::over(RecordingDisk { image: start, script, faults: BTreeMap::new() })
    }

    /// How many operations there were so far. What was acknowledged at a position must survive every
    /// crash at that operation or a later one.
    pub fn position(&self) -> usize {
        self.with_disk(|disk| disk.script.operations.len())
    }

    /// Makes the operation of this number fail when it comes.
    pub fn fail_at(&self, operation: usize, fault: Fault) {
        self.with_disk(|disk| disk.faults.insert(operation, fault));
    }

    /// What was asked so far.
    pub fn script(&self) -> Script {
        self.with_disk(|disk| disk.script.clone())
    }
}

impl Default for RecordingStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// One line per operation, for the report of a failure.
    pub fn trace(&self) -> Vec<String> {
        self.operations.iter().enumerate().map(|(number, o)| o.describe(number)).collect()
    }

    /// A crash within each operation in turn, and one after the last.
    pub fn crash_points(&self) -> impl Iterator<Item = CrashPoint> {
        let mut unsynced = Unsynced::new(self.start.clone());
        (0..=self.operations.len()).map(move |operation| {
            let in_flight = self.operations.get(operation).cloned();
            let point = CrashPoint { operation, unsynced: unsynced.clone(), in_flight };
            if let Some(recorded) = self.operations.get(operation) {
                recorded.apply(&mut unsynced);
            }
            point
        })
    }

    /// The crash within the operation of this number, again.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn crash_point(&self, operation: usize) -> CrashPoint {
        self.crash_points().nth(operation).expect("the number is one of this script's")
    }
}

impl CrashPoint {
    /// The number of the operation that was under way; one past the last when none was.
    pub fn operation(&self) -> usize {
        self.operation
    }

    /// What was under way.
    pub fn describe(&self) -> String {
        match &self.in_flight {
            Some(recorded) => recorded.describe(self.operation),
            None => format!("{}: after everything", self.operation),
        }
    }

    /// The disk as this crash leaves it.
    pub fn image(&self, variant: Variant) -> Image {
        let in_flight = self.in_flight.as_ref().map(|recorded| &recorded.effect);
        self.unsynced.after_crash(in_flight, variant)
    }

    /// The same, as a storage to recover from.
    pub fn storage(&self, variant: Variant) -> MemoryStorage {
        MemoryStorage::from_image(self.image(variant))
    }
}

impl Recorded {
    fn apply(&self, unsynced: &mut Unsynced) {
        if self.failed {
            unsynced.apply_failed(&self.effect);
        } else {
            unsynced.apply(&self.effect);
        }
    }

    fn describe(&self, number: usize) -> String {
        let failed = if self.failed { ", which fails" } else { "" };
        format!("{number}: {} {}{failed}", self.path, self.effect)
    }
}

impl Disk for RecordingDisk {
    fn image(&self) -> &Image {
        &self.image
    }

    fn apply(&mut self, path: &str, effect: Effect) -> Result<()> {
        let fault = self.faults.remove(&self.script.operations.len());
        let effect = if fault.is_some() { failed_part(effect) } else { effect };
        let error = fault.map(|fault| fault.error(path, &effect));
        if error.is_none() || matches!(effect, Effect::Write { .. }) {
            effect.apply(&mut self.image);
        }
        self.script.operations.push(Recorded {
            path: path.into(),
            effect,
            failed: error.is_some(),
        });
        error.map_or(Ok(()), Err)
    }

    fn free_bytes(&self) -> u64 {
        FREE_BYTES
    }

    fn kind(&self) -> StorageKind {
        StorageKind { durable: true, direct: true, network: false, what: "recording".to_owned() }
    }
}

/// What a failed operation may have done: half of a write, nothing else that is seen.
pub(super) fn failed_part(effect: Effect) -> Effect {
    match effect {
        Effect::Write { node, position, bytes, .. } => {
            let bytes = bytes.slice(..bytes.len() / 2);
            Effect::Write { node, position, bytes, through: false }
        }
        other => other,
    }
}

impl Fault {
    pub(super) fn error(self, path: &str, effect: &Effect) -> StorageError {
        let (operation, path) = (operation_of(effect), path.to_owned());
        match self {
            Self::Full => StorageError::Full { operation, path },
            Self::Io => {
                let source = Arc::new(io::Error::other("the test's disk failed"));
                StorageError::Io { operation, path, source }
            }
        }
    }
}

fn operation_of(effect: &Effect) -> Operation {
    match effect {
        Effect::Create { is_dir: false, .. } => Operation::Open,
        Effect::Create { is_dir: true, .. } => Operation::CreateDir,
        Effect::Rename { .. } => Operation::Rename,
        Effect::Remove { .. } => Operation::Remove,
        Effect::Write { .. } => Operation::Write,
        Effect::SetLen { .. } => Operation::SetLen,
        Effect::Allocate { .. } => Operation::Allocate,
        Effect::Sync { .. }
        | Effect::SyncMetadata { .. }
        | Effect::SyncDir { .. }
        | Effect::SyncAll => Operation::Sync,
    }
}
