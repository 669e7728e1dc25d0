//! What a power cut leaves: the rules of durability, never kinder than ext4 and XFS are.
//!
//! - A pending write survives sector by sector (512 bytes). Within one sector writes reach the disk in
//!   their order, so that of several the first few survive; between sectors there is no order at all.
//! - A length that was set survives only in order with the file's other lengths, and bytes beyond it
//!   not without it. A file that a write lengthened may come back longer, with zeros in the hole.
//! - A change of names survives alone, whatever happened before or after it in time, unless an
//!   earlier change of the same name was lost.
//! - What a failed sync covered is *in doubt* for good: it may survive, no later sync sees to it.
//!
//! Invariant: `durable` plus `pending` in order is what a reader sees, except for what is in doubt.

use std::collections::BTreeSet;
use std::ops::Range;

use ottla_model::Rng;

use super::effect::Effect;
use super::image::{Image, NodeId};

/// The unit that a disk writes whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

/// What survives of the changes that were not yet durable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// Nothing.
    AllLost,
    /// Everything, the operation under way included.
    AllKept,
    /// Everything but the operation under way: the process was killed, the power stayed.
    Killed,
    /// Whatever this seed draws.
    Subset(u64),
}

impl Variant {
    /// The variants that an enumeration tries at the crash point of this number: the three fixed ones
    /// and `subsets` drawn ones.
    pub fn all(operation: usize, subsets: u64) -> impl Iterator<Item = Self> {
        let first = operation as u64 * subsets;
        [Self::AllLost, Self::AllKept, Self::Killed]
            .into_iter()
            .chain((first..first + subsets).map(Self::Subset))
    }
}

/// Durable content, and the changes that are not yet.
#[derive(Clone, Debug)]
pub struct Unsynced {
    durable: Image,
    pending: Vec<Pending>,
}

#[derive(Clone, Debug)]
struct Pending {
    effect: Effect,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A sync will make it durable.
    Waiting,
    /// Durable; it stays in the list only because something before it on the same bytes is in doubt.
    Durable,
    /// A sync over it failed: readers see it, and it may never reach the disk.
    InDoubt,
    /// It failed itself: readers do not see it, and it may reach the disk nevertheless.
    Failed,
}

impl Unsynced {
    /// A disk that holds this, all of it durable.
    pub fn new(durable: Image) -> Self {
        Self { durable, pending: Vec::new() }
    }

    /// Takes note of an effect that was carried out.
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Sync { node } => self.sync_bytes(*node),
            Effect::SyncMetadata { node } => self.settle_where(|e| bytes_of(e) == Some(*node)),
            Effect::SyncDir { dir } => self.sync_names(|e| touches_dir(e, *dir)),
            Effect::SyncAll => {
                self.settle_where(|e| bytes_of(e).is_some());
                self.sync_names(|_| true);
            }
            change => {
                if let Effect::Create { node, is_dir, .. } = change {
                    self.durable.ensure_node(*node, *is_dir);
                }
                self.pending.push(Pending { effect: change.clone(), state: State::Waiting });
                if let Effect::Write { node, through: true, .. } = change {
                    self.settle_last(*node);
                }
            }
        }
    }

    /// Takes note of an effect that failed: what it was to make durable, and what of it may have
    /// happened nevertheless, is in doubt from now on.
    pub fn apply_failed(&mut self, effect: &Effect) {
        match effect {
            Effect::Sync { node } | Effect::SyncMetadata { node } => {
                self.doubt(|e| bytes_of(e) == Some(*node));
            }
            Effect::SyncDir { dir } => self.doubt(|e| touches_dir(e, *dir)),
            Effect::SyncAll => self.doubt(|_| true),
            change => {
                let is_seen = matches!(change, Effect::Write { .. });
                let state = if is_seen { State::InDoubt } else { State::Failed };
                self.pending.push(Pending { effect: change.clone(), state });
            }
        }
    }

    /// What is durable, for damage done to it at rest.
    pub fn durable_mut(&mut self) -> &mut Image {
        &mut self.durable
    }

    /// How many changes are not yet durable.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn doubt(&mut self, which: impl Fn(&Effect) -> bool) {
        for pending in &mut self.pending {
            if pending.state == State::Waiting && which(&pending.effect) {
                pending.state = State::InDoubt;
            }
        }
    }
}

// Bytes and lengths.
impl Unsynced {
    /// `fdatasync`: all bytes, and the lengths that they need.
    fn sync_bytes(&mut self, node: NodeId) {
        let of_node = |p: &&Pending| p.state == State::Waiting && bytes_of(&p.effect) == Some(node);
        let mut shortest = u64::MAX;
        let mut needs_lengths = false;
        for pending in self.pending.iter().filter(of_node) {
            match &pending.effect {
                Effect::SetLen { len, .. } => shortest = shortest.min(*len),
                other => needs_lengths |= end_of(other).is_some_and(|end| end > shortest),
            }
        }
        self.settle_where(|effect| {
            bytes_of(effect) == Some(node) && (needs_lengths || end_of(effect).is_some())
        });
    }

    /// A write that returned durable: it, and the lengths that it needs.
    fn settle_last(&mut self, node: NodeId) {
        let last = self.pending.len() - 1;
        let end = end_of(&self.pending[last].effect).expect("only a write is settled alone");
        let cut_before = self.pending.iter().any(
            |p| matches!(p.effect, Effect::SetLen { node: of, len } if of == node && len < end),
        );
        if cut_before {
            self.settle_where(|effect| bytes_of(effect) == Some(node));
        } else {
            self.pending[last].state = State::Durable;
            self.compact();
        }
    }

    fn settle_where(&mut self, which: impl Fn(&Effect) -> bool) {
        for pending in &mut self.pending {
            if pending.state == State::Waiting && which(&pending.effect) {
                pending.state = State::Durable;
            }
        }
        self.compact();
    }

    /// Moves into the durable image what nothing before it in the list can still change.
    fn compact(&mut self) {
        let mut kept: Vec<Pending> = Vec::with_capacity(self.pending.len());
        for pending in self.pending.drain(..) {
            let free = pending.state == State::Durable
                && !kept.iter().any(|earlier| conflict(&earlier.effect, &pending.effect));
            if free {
                pending.effect.apply(&mut self.durable);
            } else {
                kept.push(pending);
            }
        }
        self.pending = kept;
    }
}

// Names.
impl Unsynced {
    /// Makes changes of names durable, with every earlier one that they build on. Earlier ones in
    /// doubt are overtaken.
    fn sync_names(&mut self, which: impl Fn(&Effect) -> bool) {
        let mut wanted = BTreeSet::new();
        let mut flushed = Vec::new();
        for index in (0..self.pending.len()).rev() {
            let Pending { effect, state } = &self.pending[index];
            let names = names_of(effect);
            let is_wanted = names.iter().any(|name| wanted.contains(name));
            if names.is_empty() || !(is_wanted || (*state == State::Waiting && which(effect))) {
                continue;
            }
            wanted.extend(names);
            let Pending { effect, state } = self.pending.remove(index);
            flushed.extend((state == State::Waiting).then_some(effect));
        }
        for effect in flushed.iter().rev() {
            effect.apply(&mut self.durable);
        }
    }
}

// After a crash.
impl Unsynced {
    /// The disk after a crash while `in_flight` was under way.
    pub fn after_crash(&self, in_flight: Option<&Effect>, variant: Variant) -> Image {
        let in_flight = in_flight.filter(|effect| !effect.is_sync());
        let mut image = self.durable.clone();
        match variant {
            Variant::AllLost => self.replay(&mut image, |state| state == State::Durable),
            Variant::Killed => self.replay(&mut image, |state| state != State::Failed),
            Variant::AllKept => {
                self.replay(&mut image, |state| state != State::Failed);
                in_flight.inspect(|effect| effect.apply(&mut image));
            }
            Variant::Subset(seed) => {
                let mut draw = Draw::new(image, seed);
                for Pending { effect, state } in &self.pending {
                    draw.offer(effect, *state == State::Durable);
                }
                in_flight.inspect(|effect| draw.offer(effect, false));
                image = draw.image;
            }
        }
        image
    }

    fn replay(&self, image: &mut Image, keep: impl Fn(State) -> bool) {
        self.pending.iter().filter(|p| keep(p.state)).for_each(|p| p.effect.apply(image));
    }
}

/// A drawn subset of the pending changes.
struct Draw {
    image: Image,
    rng: Rng,
    /// Of 8 changes of names, how many survive.
    names_of_8: u64,
    /// Of 8 sectors or writes, how many survive.
    bytes_of_8: u64,
    /// Whether a write survives whole or not at all; else sector by sector.
    whole: bool,
    lost_names: BTreeSet<(NodeId, String)>,
    lost_sectors: BTreeSet<(NodeId, u64)>,
    lost_lengths: BTreeSet<NodeId>,
}

impl Draw {
    fn new(image: Image, seed: u64) -> Self {
        let mut rng = Rng::from_number(seed);
        Self {
            image,
            names_of_8: [1, 4, 7][rng.below(3) as usize],
            bytes_of_8: [1, 4, 7][rng.below(3) as usize],
            whole: rng.chance(1, 2),
            rng,
            lost_names: BTreeSet::new(),
            lost_sectors: BTreeSet::new(),
            lost_lengths: BTreeSet::new(),
        }
    }

    fn offer(&mut self, effect: &Effect, durable: bool) {
        match effect {
            Effect::Write { node, position, bytes, .. } => {
                self.offer_write(*node, *position, bytes, durable);
            }
            Effect::SetLen { node, .. } | Effect::Allocate { node, .. } => {
                let survives = durable
                    || !self.lost_lengths.contains(node) && self.rng.chance(self.bytes_of_8, 8);
                if survives {
                    effect.apply(&mut self.image);
                } else {
                    self.lost_lengths.insert(*node);
                }
            }
            names => self.offer_names(names),
        }
    }

    fn offer_names(&mut self, effect: &Effect) {
        let names = names_of(effect);
        let builds_on_lost = names.iter().any(|name| self.lost_names.contains(name));
        if !builds_on_lost && self.rng.chance(self.names_of_8, 8) {
            effect.apply(&mut self.image);
        } else {
            self.lost_names.extend(names);
        }
    }

    fn offer_write(&mut self, node: NodeId, position: u64, bytes: &[u8], durable: bool) {
        let whole = self.rng.chance(self.bytes_of_8, 8);
        for sector in sectors(position, bytes.len() as u64) {
            let from = position.max(sector * SECTOR_BYTES);
            let to = (position + bytes.len() as u64).min((sector + 1) * SECTOR_BYTES);
            if durable || self.sector_survives(node, sector, from, whole) {
                self.lost_sectors.remove(&(node, sector));
                let piece = &bytes[(from - position) as usize..(to - position) as usize];
                self.image.content_mut(node).write(from, piece);
            } else {
                self.lost_sectors.insert((node, sector));
            }
        }
        self.offer_longer(node, position + bytes.len() as u64);
    }

    fn sector_survives(&mut self, node: NodeId, sector: u64, from: u64, whole: bool) -> bool {
        let drawn = if self.whole { whole } else { self.rng.chance(self.bytes_of_8, 8) };
        let beyond = from >= self.image.content(node).len();
        drawn
            && !self.lost_sectors.contains(&(node, sector))
            && !(beyond && self.lost_lengths.contains(&node))
    }

    /// The length may be on the disk before the bytes are: the tail is zeros then.
    fn offer_longer(&mut self, node: NodeId, end: u64) {
        let longer = end > self.image.content(node).len() && !self.lost_lengths.contains(&node);
        if longer && self.rng.chance(1, 4) {
            self.image.content_mut(node).set_len(end);
        }
    }
}

fn sectors(position: u64, bytes: u64) -> Range<u64> {
    if bytes == 0 {
        return 0..0;
    }
    position / SECTOR_BYTES..(position + bytes).div_ceil(SECTOR_BYTES)
}

/// The file whose bytes or length an effect changes.
fn bytes_of(effect: &Effect) -> Option<NodeId> {
    match effect {
        Effect::Write { node, .. }
        | Effect::SetLen { node, .. }
        | Effect::Allocate { node, .. } => Some(*node),
        _ => None,
    }
}

/// Where a write ends.
fn end_of(effect: &Effect) -> Option<u64> {
    match effect {
        Effect::Write { position, bytes, .. } => Some(position + bytes.len() as u64),
        _ => None,
    }
}

/// Whether `later` must stay behind `earlier` because both change the same bytes.
fn conflict(earlier: &Effect, later: &Effect) -> bool {
    if bytes_of(earlier).is_none() || bytes_of(earlier) != bytes_of(later) {
        return false;
    }
    match (earlier, later) {
        (
            Effect::Write { position: a, bytes: one, .. },
            Effect::Write { position: b, bytes: other, .. },
        ) => {
            let (one, other) = (sectors(*a, one.len() as u64), sectors(*b, other.len() as u64));
            one.start < other.end && other.start < one.end
        }
        (Effect::SetLen { len, .. }, write @ Effect::Write { .. }) => end_of(write) > Some(*len),
        (Effect::Allocate { .. }, Effect::Write { .. }) => false,
        _ => true,
    }
}

/// The names that an effect changes.
fn names_of(effect: &Effect) -> Vec<(NodeId, String)> {
    match effect {
        Effect::Create { dir, name, .. } | Effect::Remove { dir, name } => {
            vec![(*dir, name.clone())]
        }
        Effect::Rename { from_dir, from, to_dir, to, .. } => {
            vec![(*from_dir, from.clone()), (*to_dir, to.clone())]
        }
        _ => Vec::new(),
    }
}

fn touches_dir(effect: &Effect, dir: NodeId) -> bool {
    match effect {
        Effect::Create { dir: of, .. } | Effect::Remove { dir: of, .. } => *of == dir,
        Effect::Rename { from_dir, to_dir, .. } => *from_dir == dir || *to_dir == dir,
        _ => false,
    }
}
