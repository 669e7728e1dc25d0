//! Truncation: nothing at or above an offset is left.
//!
//! SUBTLE: the operation is journalled and takes effect in memory at once; files are not touched.
//! What is appended afterwards lies after the truncation in the journal, so it is never durable
//! without it. Bytes above the cut stay in their file until they are written over, which happens
//! only with bytes whose operation is durable. Closed segments above the cut are removed only after
//! a checkpoint that does not name them. When the cut lies in a file, the stream simply rests there:
//! the next append carries the partial block, as after any rest.
//!
//! A truncation waits for a fill under way, so that no old bytes are still on their way into a block
//! that a checkpoint then calls whole.
//!
//! What was written straight into a file is relied upon by recovery until a checkpoint contains it; and
//! so is what lies in a file below a cut, where recovery has to find its place again. A cut below
//! that makes the checkpoint first, and its caller waits for the disk.
//!
//! A relaxed stream's appends are not in the journal, so replay could not tell what came after the
//! truncation. There the file itself is cut, between a journal round and a checkpoint, while the
//! stream takes nothing: see `directory::surgery`.

use ottla_model::Offset;

use super::state::StreamState;
use super::{Stream, producer_batch};
use crate::error::StreamError;
use crate::format::names::SegmentFile;
use crate::format::{Operation, producers_file};
use crate::invariants;
use crate::planted::Planted;
use crate::producers::{ProducerLimits, ProducerTable};
use crate::segment::{Item, SegmentName, SegmentView, Use, WalkError};
use crate::storage::read_whole;

/// How often a truncation is planned anew because a fill moved things under it.
const PLAN_TRIES_MAX: usize = 16;

/// Largest producer snapshot that is read.
const SNAPSHOT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where to cut, and the generation of the stream that it was planned for; `None` when nothing lies at or
/// above the offset.
type Planned = Result<Option<(Cut, u64)>, StreamError>;

/// Where a log is cut, and what is true of the part that stays.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The segment that becomes the last.
    pub(crate) segment: Offset,
    /// Its new end.
    pub(crate) position: u64,
    /// The log's new end.
    pub(crate) end: Offset,
    /// The producers as of there, when they had to be read from files.
    pub(crate) producers: Option<ProducerTable>,
}

impl Stream {
    /// Cuts the log so that nothing at or above `to` is left, and answers the new end: `to`, or the
    /// base offset of the batch that `to` lies in.
    ///
    /// # Errors
    /// When `to` is below the log's start or lies in the batch that holds it, or the stream or
    /// directory takes nothing any more.
    pub fn truncate(&self, to: Offset) -> Result<Offset, StreamError> {
        self.shared.health.check()?;
        if !self.state.lock().is_fsync() {
            return self.truncate_relaxed(to);
        }
        let stale = self.shared.planted(Planted::ProducerSnapshotStale);
        for _ in 0..PLAN_TRIES_MAX {
            let Some((cut, generation)) = self.plan_cut(to)? else {
                return Ok(self.offsets().log_end);
            };
            let mut state = self.lock_unfilling();
            // A fill may have brought the cut below what files hold, of whose producers nothing was read.
            let lacks = cut.producers.is_none() && cut.end < state.contained.end;
            let too_low = cut.end < state.log_start;
            if generation != state.generation || (lacks && !stale) || too_low {
                continue;
            }
            if state.is_vouched_beyond(cut.segment, cut.position)
                && !self.shared.planted(Planted::StraightCutUnsettled)
            {
                drop(state);
                self.rely_on_no_straight()?;
                continue;
            }
            let end = cut.end;
            if !self.shared.planted(Planted::TruncateUnjournalled) {
                let op = state.ops.push(Operation::Truncate { to: end }, end);
                state.vouch_for_cut(op, &cut);
            }
            self.apply_cut(&mut state, cut);
            self.queue(&mut state);
            return Ok(end);
        }
        let why = "the segments were being filled; try again".to_owned();
        Err(StreamError::Storage { stream: self.id, why })
    }

    /// Where to cut. Reads files where it has to, without the lock.
    ///
    /// SUBTLE: files may go while they are read, as the start moves past them; then the plan is made anew.
    pub(super) fn plan_cut(&self, to: Offset) -> Planned {
        let seen = || {
            let state = self.state.lock();
            (state.generation, state.log_start)
        };
        let mut before = seen();
        for _ in 0..PLAN_TRIES_MAX {
            let planned = self.plan_cut_once(to);
            let after = seen();
            if planned.is_ok() || after == before {
                return planned;
            }
            before = after;
        }
        self.plan_cut_once(to)
    }

    fn plan_cut_once(&self, to: Offset) -> Planned {
        let (seen, known, view) = {
            let state = self.state.lock();
            state.check_live()?;
            if to >= state.log_end {
                return Ok(None);
            }
            if to < state.log_start {
                return Err(state.out_of_range(to));
            }
            let seen = (state.generation, state.contained.end);
            (seen, state.cut_in_memory(to), state.view_at(to))
        };
        let segment = view.name.base;
        let (segment, position, end) = match known {
            Some(known) => known,
            None => {
                let (position, end) =
                    self.locate(view, to).map_err(|error| self.walk_failed(&error))?;
                (segment, position, end)
            }
        };
        if end < self.offsets().log_start {
            // The batch that holds the start would have to be cut apart.
            return Err(self.state.lock().out_of_range(to));
        }
        let stale = self.shared.planted(Planted::ProducerSnapshotStale);
        let producers = if end < seen.1 && !stale {
            Some(self.producers_as_of(end).map_err(|error| self.walk_failed(&error))?)
        } else {
            None
        };
        Ok(Some((Cut { segment, position, end, producers }, seen.0)))
    }

    /// Takes the cut into the state, and lets go of the segments above it.
    pub(crate) fn apply_cut(&self, state: &mut StreamState, cut: Cut) {
        let before = state.unwritten_bytes;
        let cached = state.tail.cached_bytes();
        let gone = state.cut(cut, self.shared.planted(Planted::ProducerSnapshotStale));
        self.shared.budget.release(before - state.unwritten_bytes);
        self.shared.budget.uncache(cached - state.tail.cached_bytes());
        self.shared.files.forget(SegmentName { stream: self.id, base: state.active().base });
        let mut garbage = self.shared.files.garbage.lock();
        for base in gone {
            let name = SegmentName { stream: self.id, base };
            self.shared.files.forget(name);
            garbage.add(Item::Segment(name));
        }
    }

    /// The producers as of `end`, from the newest snapshot at or before it and a walk from there.
    pub(crate) fn producers_as_of(&self, end: Offset) -> Result<ProducerTable, WalkError> {
        let views = self.state.lock().views_below(end);
        let limits = self.shared.producer_limits();
        let mut table = ProducerTable::new(limits);
        let snapshot =
            views.iter().enumerate().rev().find_map(|(at, view)| {
                self.load_producers(view.name, limits).map(|table| (at, table))
            });
        let whole = views.first().is_none_or(|view| view.name.base == Offset::ZERO);
        let first = match snapshot {
            Some((at, found)) => {
                table = found;
                at
            }
            None => {
                if !whole {
                    table.mark_incomplete();
                }
                0
            }
        };
        for view in views.into_iter().skip(first) {
            let mut reader = view.open(&self.shared.files)?;
            reader.find(0, |_, header| {
                if header.next_offset() <= end {
                    table.record(&producer_batch(header), header.max_timestamp);
                }
                // Not a byte further: the file may have been cut there already.
                header.next_offset() >= end
            })?;
        }
        Ok(table)
    }

    fn load_producers(&self, name: SegmentName, limits: ProducerLimits) -> Option<ProducerTable> {
        let path = name.path(SegmentFile::Producers);
        let file = read_whole(self.shared.files.data(), &path, SNAPSHOT_BYTES_MAX).ok()??;
        let snapshot = producers_file::ProducerSnapshot::decode(&file, limits).ok()?;
        (snapshot.upto == name.base).then_some(snapshot.table)
    }

    fn walk_failed(&self, error: &WalkError) -> StreamError {
        StreamError::Storage { stream: self.id, why: error.to_string() }
    }
}

impl StreamState {
    pub(super) fn out_of_range(&self, offset: Offset) -> StreamError {
        let (start, end) = (self.log_start, self.log_end);
        StreamError::OutOfRange { stream: self.id, offset, start, end }
    }

    /// Where `to` lies, when its batch is in memory: segment, position, base offset.
    fn cut_in_memory(&self, to: Offset) -> Option<(Offset, u64, Offset)> {
        let base = self.segments[self.segment_at(to)].base;
        if base == to {
            return Some((base, 0, base));
        }
        let piece = self.tail.batches_from(to)?.next()?;
        Some((piece.segment, piece.position, piece.base))
    }

    /// The segments that hold anything below `end`, as far as their files and the block in memory go.
    fn views_below(&self, end: Offset) -> Vec<SegmentView> {
        // Segments below the start are on their way out, and their files may be gone by now.
        let first = self.segment_at(self.log_start);
        let below = self.segments.iter().filter(|segment| segment.base < end).count();
        (first..below).map(|at| self.view_of(at)).collect()
    }

    /// Takes a cut in; answers the segments that are gone.
    pub(crate) fn cut(&mut self, cut: Cut, stale_producers: bool) -> Vec<Offset> {
        let Cut { segment, position, end, producers } = cut;
        assert!(invariants::cut_is_within(&self.offsets(), end), "a cut lies within the log");
        self.generation += 1;
        self.unwritten_bytes -= self.tail.cut(segment, position);
        let mut gone = Vec::new();
        while self.active().base > segment {
            gone.push(self.segments.pop_back().expect("it is the last").base);
        }
        let rests = self.tail.first_unwritten().is_none();
        let active = self.active_mut();
        assert_eq!(active.base, segment, "a cut lies in a segment");
        active.bytes = position;
        active.written = if rests { position } else { active.written.min(position) };
        active.finished = false;
        active.index = None;
        self.log_end = end;
        self.durable_end = self.durable_end.min(end);
        self.flushed_end = self.flushed_end.min(end);
        self.epochs.truncate(end);
        self.ops.cut(end, self.tail.unwritten().last().map(|piece| piece.op));
        self.cut_producers(end, producers, stale_producers);
        gone
    }

    fn cut_producers(&mut self, end: Offset, read: Option<ProducerTable>, stale: bool) {
        if stale {
            self.contained.end = self.contained.end.min(end);
            return;
        }
        match read {
            Some(producers) => self.contained = super::state::Contained { end, producers },
            None => self.contained.end = self.contained.end.min(end),
        }
        let mut producers = self.contained.producers.clone();
        let from = self.contained.end;
        for piece in self.tail.iter().filter(|piece| piece.is_batch() && piece.base >= from) {
            let header = piece.header();
            let seen = self.producers.get(header.producer_id).map(|state| state.last_seen);
            producers.record(&producer_batch(&header), seen.unwrap_or(header.max_timestamp));
        }
        self.producers = producers;
    }
}

impl Stream {
    /// Cuts a relaxed stream where its file was, or is to be, cut: before the batch that `to` lies in,
    /// or where the file ends with `to`.
    pub(crate) fn recut(&self, to: Offset) -> Result<(), WalkError> {
        let (name, bytes) = {
            let state = self.state.lock();
            if to >= state.log_end || to < state.log_start {
                return Ok(());
            }
            let segment = &state.segments[state.segment_at(to)];
            (SegmentName { stream: self.id, base: segment.base }, segment.bytes)
        };
        let length = self.shared.files.open(name, Use::Read)?.len()?;
        let view = SegmentView {
            name,
            limit: length.min(bytes),
            end: Offset(i64::MAX),
            through: Use::Read,
            overlay: None,
        };
        let mut reader = view.open(&self.shared.files)?;
        let (mut position, mut end) = (0, name.base);
        while end < to {
            match reader.header(position)? {
                Some(header) if header.next_offset() <= to => {
                    position += header.size() as u64;
                    end = header.next_offset();
                }
                _ => break,
            }
        }
        let producers = Some(self.producers_as_of(end)?);
        let mut state = self.state.lock();
        self.apply_cut(&mut state, Cut { segment: name.base, position, end, producers });
        // The cut accounts for a file that ends with it, not for one that ends before.
        state.shortened = end < to;
        Ok(())
    }

    /// Cuts the stream at the last whole batch of its active segment that ends at or before `length`:
    /// its file has no more. Remembered, since somebody has to account for it.
    pub(crate) fn shorten_to(&self, length: u64) -> Result<(), WalkError> {
        let (base, log_end) = {
            let state = self.state.lock();
            (state.active().base, state.log_end)
        };
        let name = SegmentName { stream: self.id, base };
        let (mut position, mut end) = (0, base);
        if length > 0 {
            let view = SegmentView {
                name,
                limit: length,
                end: Offset(i64::MAX),
                through: Use::Read,
                overlay: None,
            };
            let mut reader = view.open(&self.shared.files)?;
            while let Ok(Some(header)) = reader.header(position) {
                position += header.size() as u64;
                end = header.next_offset();
            }
        }
        let end = end.min(log_end);
        let mut state = self.state.lock();
        let end = end.max(state.log_start);
        drop(state);
        let producers = Some(self.producers_as_of_file(end, position)?);
        state = self.state.lock();
        self.apply_cut(&mut state, Cut { segment: base, position, end, producers });
        state.shortened = true;
        Ok(())
    }

    /// The producers as of `end`, which lies at `position` of the active segment.
    fn producers_as_of_file(&self, end: Offset, position: u64) -> Result<ProducerTable, WalkError> {
        let written = {
            let mut state = self.state.lock();
            std::mem::replace(&mut state.active_mut().written, position)
        };
        let table = self.producers_as_of(end);
        self.state.lock().active_mut().written = written;
        table
    }
}
