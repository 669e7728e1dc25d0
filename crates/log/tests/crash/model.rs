//! What was asked of each stream, in order, and what a crash may leave of it.
//!
//! A stream's history is a list of operations. A crash leaves the state after some prefix of it: no
//! shorter than what was acknowledged before the crash, no longer than what had been asked for.

use std::rc::Rc;

use ottla_log::{StreamOffsets, StreamSettings};
use ottla_model::{Durability, Offset};

use crate::batch::Batch;

/// One thing that was asked of a stream, and took effect.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(StreamSettings),
    Append(Rc<Batch>),
    Truncate(Offset),
    MoveStart(Offset),
    Alter(StreamSettings),
    Drop,
}

/// An operation, and what was known of it. Times are positions in the disk's script: how many
/// operations it was asked for before.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) op: Op,
    /// The position when it was asked for.
    pub(crate) at: usize,
    /// The position when it was known to count as safe.
    pub(crate) acked: Option<usize>,
    /// The position when it was known to be on stable storage.
    pub(crate) flushed: Option<usize>,
}

impl Issued {
    /// Whether it was known to survive such a fall before the disk's operation `count`.
    fn is_known(&self, count: usize, fall: Fall) -> bool {
        let known = match fall {
            Fall::Kill => self.acked,
            Fall::PowerCut => self.flushed,
        };
        known.is_some_and(|known| known <= count)
    }
}

/// One stream at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// `None` while there is no such stream.
    pub(crate) settings: Option<StreamSettings>,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    /// Everything that was not truncated, what lies before the start included; with the place of
    /// each in the history.
    pub(crate) batches: Vec<(usize, Rc<Batch>)>,
}

impl State {
    fn apply(&mut self, at: usize, op: &Op) {
        match op {
            Op::Create(settings) => {
                *self = Self { settings: Some(settings.clone()), ..Self::default() };
            }
            Op::Alter(settings) => self.settings = Some(settings.clone()),
            Op::Append(batch) => {
                assert_eq!(batch.base(), self.end, "the script appends at the end");
                self.end = batch.next();
                self.batches.push((at, Rc::clone(batch)));
            }
            Op::Truncate(to) => {
                self.batches.retain(|(_, batch)| batch.base() < *to);
                self.end = *to;
            }
            Op::MoveStart(to) => self.start = *to,
            Op::Drop => *self = Self::default(),
        }
    }

    /// The batches that can still be read, when the log ends at `end`.
    pub(crate) fn readable(&self, end: Offset) -> impl Iterator<Item = &Rc<Batch>> {
        let readable = move |batch: &&Rc<Batch>| batch.next() > self.start && batch.next() <= end;
        self.batches.iter().map(|(_, batch)| batch).filter(readable)
    }
}

/// The history of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) ops: Vec<Issued>,
    pub(crate) now: State,
}

/// What the power left on: whether the kernel's memory survived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fall {
    /// The process was killed.
    Kill,
    /// The power was cut.
    PowerCut,
}

impl History {
    pub(crate) fn issue(&mut self, op: Op, at: usize) {
        self.now.apply(self.ops.len(), &op);
        self.ops.push(Issued { op, at, acked: None, flushed: None });
    }

    /// The ends that the stream says at `count`. They speak of what is in the log now.
    pub(crate) fn observe(&mut self, offsets: StreamOffsets, count: usize) {
        for (at, batch) in &self.now.batches {
            let issued = &mut self.ops[*at];
            if batch.next() <= offsets.durable_end {
                issued.acked.get_or_insert(count);
            }
            if batch.next() <= offsets.flushed_end {
                issued.flushed.get_or_insert(count);
            }
        }
    }

    /// Nothing is under way any more: what is no append has taken effect for good.
    pub(crate) fn settle(&mut self, count: usize) {
        for issued in self.ops.iter_mut().filter(|issued| !matches!(issued.op, Op::Append(_))) {
            issued.acked.get_or_insert(count);
            issued.flushed.get_or_insert(count);
        }
    }

    /// The states after each prefix, the empty one first.
    pub(crate) fn states(&self) -> Vec<State> {
        let mut state = State::default();
        let mut states = vec![state.clone()];
        for (at, issued) in self.ops.iter().enumerate() {
            state.apply(at, &issued.op);
            states.push(state.clone());
        }
        states
    }

    /// Whether the stream ever was one whose appends are not journalled.
    pub(crate) fn was_relaxed(&self) -> bool {
        self.ops.iter().any(|issued| match &issued.op {
            Op::Create(settings) | Op::Alter(settings) => {
                settings.durability == Durability::Relaxed
            }
            Op::Append(_) | Op::Truncate(_) | Op::MoveStart(_) | Op::Drop => false,
        })
    }

    /// The shortest and longest prefix that a crash after `count` operations of the disk may leave.
    pub(crate) fn prefixes(&self, count: usize, fall: Fall) -> std::ops::RangeInclusive<usize> {
        let relaxed = self.was_relaxed();
        let counts = |issued: &Issued| {
            let appended = matches!(issued.op, Op::Append(_));
            issued.acked.is_some_and(|acked| acked <= count) && !(relaxed && appended)
        };
        let known = self.ops.iter().rposition(counts).map_or(0, |at| at + 1);
        let lower = known.max(if relaxed { self.born_before(count, fall) } else { 0 });
        let upper = self.ops.iter().take_while(|issued| issued.at <= count).count();
        lower..=upper.max(lower)
    }

    /// The prefix that made the stream in whose life the last append survived: without it, where
    /// would that be?
    fn born_before(&self, count: usize, fall: Fall) -> usize {
        let survived =
            |issued: &Issued| matches!(issued.op, Op::Append(_)) && issued.is_known(count, fall);
        let made = |issued: &Issued| matches!(issued.op, Op::Create(_));
        let last = self.ops.iter().rposition(survived);
        last.and_then(|last| self.ops[..last].iter().rposition(made)).map_or(0, |at| at + 1)
    }

    /// Up to where the appends of `state` must have survived.
    pub(crate) fn floor(&self, state: &State, count: usize, fall: Fall) -> Offset {
        let survived = |at: usize| self.ops[at].is_known(count, fall);
        let kept = state.batches.iter().rev().find(|(at, _)| survived(*at));
        kept.map_or(Offset::ZERO, |(_, batch)| batch.next())
    }
}
