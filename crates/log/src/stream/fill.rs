//! Moving the tail into segments: what to write next, and what holds once it is written.
//!
//! SUBTLE: what may happen while a fill is under way, and why it does no harm:
//! - *append*: the fill wrote a range that ends before. If it ended within a block (it was to bring
//!   the stream to rest), that block will be written again with the new batch in it, so only the
//!   blocks before it count as written: the block's bytes are still unwritten, and in the journal.
//! - *roll*: the range may now be the end of a closed segment, whose last block is never written
//!   again; then the end counts. Not so when something was appended before the roll: the segment is
//!   closed, and its last block is yet to be written with that in it.
//! - *truncation*: the generation differs, and the result is void. What was written lies beyond
//!   `written`, where nobody looks, and is written over by the next fill, which begins only after
//!   this one ended (`filling`). It cannot lie before: `written` only shrinks to the cut, and a block
//!   below the cut that was written again holds the same bytes up to it.
//! - *appends that go straight*: one write at a time (`filling`); and none between a straight write and
//!   the round that makes it count, since it would write the same blocks again.
//! - *a moved start, retention*: only closed segments that are wholly written go.
//! - *drop*: the result is void. The directory is removed only when no fill is under way.

use bytes::Bytes;
use ottla_model::Offset;
use ottla_model::limits::BLOCK_BYTES;

use super::producer_batch;
use super::state::{Life, StreamState};
use crate::segment::{FillPlan, Segment, SegmentName, block_start};

/// How far a fill goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FillTo {
    /// Whole blocks only; the rest of less than a block waits for more.
    Blocks,
    /// Everything, the last block padded: the stream then rests.
    Rest,
}

/// What came of bytes of the tail that are in a file now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Advance {
    /// How many there are.
    pub(crate) written: u64,
    /// How many of them stay in memory: batches do, a carried block goes.
    pub(crate) cached: u64,
}

impl StreamState {
    /// Plans a fill of at most about `bytes_max`, and marks it as under way. `None` when there is
    /// nothing to write.
    pub(crate) fn plan_fill(&mut self, to: FillTo, bytes_max: u64) -> Option<FillPlan> {
        let Stretch { base, from, upto } = self.stretch(to, bytes_max)?;
        let pieces = self.tail.unwritten().take_while(|piece| piece.position < upto);
        let pieces = pieces.take_while(|piece| piece.segment == base);
        let parts: Vec<Bytes> = pieces.flat_map(|piece| piece.range(from, upto)).collect();
        let segment = self.segment(base).expect("it was there");
        let plan = FillPlan {
            name: SegmentName { stream: self.id, base },
            generation: self.generation,
            from,
            upto,
            parts,
            make: !segment.made,
            producers: segment.producers.clone(),
            buffered: !self.is_fsync(),
        };
        self.filling = true;
        Some(plan)
    }

    /// How many bytes a fill of whole blocks would write now.
    pub(crate) fn fillable(&self, bytes_max: u64) -> u64 {
        self.stretch(FillTo::Blocks, bytes_max).map_or(0, |stretch| stretch.upto - stretch.from)
    }

    /// What a fill would write.
    fn stretch(&self, to: FillTo, bytes_max: u64) -> Option<Stretch> {
        let is_gap = || self.hole().is_some() || self.goes_on_within_a_block().is_some();
        let is_whole = self.life == Life::Live || !is_gap();
        if self.filling || self.landed.is_some() || self.life == Life::Dropped || !is_whole {
            return None;
        }
        let base = self.tail.first_unwritten()?.segment;
        let buffered = !self.is_fsync();
        let segment = self.segment(base)?;
        let (from, closed) = (segment.written, base != self.active().base);
        // A large fill is done in parts; only the last may end within a block.
        let bound = from + bytes_max.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES);
        let (mut end, mut batch_end) = (None, None);
        for piece in self.tail.unwritten() {
            let follows = piece.segment == base && self.may_be_written(piece.op);
            if !follows || end.is_some_and(|end| end >= bound) {
                break;
            }
            end = Some(piece.end());
            batch_end = batch_end.filter(|_| piece.end() > bound).or(end);
        }
        let (end, batch_end) = (end?, batch_end?);
        let everything = end == segment.bytes && (closed || buffered || to == FillTo::Rest);
        let exact = if everything { end } else { block_start(end) };
        let upto = if buffered { batch_end } else { exact.min(bound) };
        (from < upto).then_some(Stretch { base, from, upto })
    }

    /// The planned bytes are in the file, or they could not be written. Answers what that did to the
    /// tail.
    pub(crate) fn end_fill(&mut self, plan: &FillPlan, written: bool) -> Advance {
        self.filling = false;
        if let Some(segment) = self.segment_mut(plan.name.base).filter(|_| written) {
            // True whatever happened since: the file is there, and has unsynced bytes.
            segment.made = true;
            segment.writes += 1;
            segment.producers = None;
        }
        if !written || plan.generation != self.generation || self.life == Life::Dropped {
            return Advance::default();
        }
        let segment = self.segment_mut(plan.name.base).expect("only truncations remove it");
        let all = plan.upto == segment.bytes;
        let whole = plan.buffered || all || plan.upto.is_multiple_of(BLOCK_BYTES);
        segment.written = if whole { plan.upto } else { block_start(plan.upto) };
        let upto = segment.written;
        self.advance_contained(plan.name.base, upto)
    }

    /// Takes in that `segment` is in its file up to `upto`. Answers what that did to the tail.
    pub(super) fn advance_contained(&mut self, segment: Offset, upto: u64) -> Advance {
        let mut advance = Advance::default();
        for piece in self.tail.mark_written(segment, upto) {
            advance.written += piece.len();
            if piece.is_batch() {
                advance.cached += piece.len();
                let header = piece.header();
                self.contained.end = piece.next;
                if header.is_idempotent() {
                    // When it was last seen is told by the table as of the log's end, if at all.
                    let seen = self.producers.get(header.producer_id).map(|state| state.last_seen);
                    let seen = seen.unwrap_or(header.max_timestamp);
                    self.contained.producers.record(&producer_batch(&header), seen);
                }
            }
        }
        self.unwritten_bytes -= advance.written;
        match self.tail.first_unwritten().map(|piece| piece.op) {
            Some(op) => self.ops.forget_before(op),
            None => self.ops.forget_places(),
        }
        advance
    }

    pub(super) fn segment(&self, base: Offset) -> Option<&Segment> {
        let at = self.segments.binary_search_by_key(&base, |segment| segment.base).ok()?;
        self.segments.get(at)
    }
}

/// A range of a segment that can be filled.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// The segment.
    base: Offset,
    from: u64,
    upto: u64,
}

#[cfg(test)]
mod tests {
    use ottla_model::{LeaderEpoch, PartitionId, StreamId, Timestamp, TopicId};
    use ottla_record::{BatchBuilder, BatchOptions, BatchRules, NO_HEADERS};

    use super::*;
    use crate::format::Cursor;
    use crate::producers::ProducerLimits;
    use crate::settings::StreamSettings;

    /// Appends a batch whose operation is durable at once.
    fn append(state: &mut StreamState, entry: u32) {
        let mut builder = BatchBuilder::new();
        builder.push(Timestamp(1), None, Some(&[7; 900]), NO_HEADERS);
        let rules = BatchRules::for_client(1 << 20);
        let bytes = builder.finish(&BatchOptions::default());
        let checked = ottla_record::validate(bytes, &rules).expect("valid");
        let batch = checked.stamp(state.log_end, LeaderEpoch(0), None);
        let op = state.ops.replayed(Cursor { sequence: 1, entry });
        let [head, rest] = batch.chunks().map(Bytes::clone);
        state.install(batch.header(), head, rest, op, Timestamp(1));
    }

    /// regression: a fill to rest was under way; a batch came, and then a roll. The end of the fill
    /// counted as the segment's, within a block, and the next fill began there.
    #[test]
    fn a_fill_that_ends_before_a_closed_segments_end_counts_whole_blocks_only() {
        let id = StreamId::new(TopicId::from_bytes([1; 16]), PartitionId(0));
        let limits = ProducerLimits::default();
        let settings = StreamSettings::default();
        let mut state = StreamState::begin(id, settings, limits, 1024, Cursor::default());
        (0..6).for_each(|entry| append(&mut state, entry));
        let plan = state.plan_fill(FillTo::Rest, 1 << 20).expect("there is something");
        assert!(!plan.upto.is_multiple_of(BLOCK_BYTES));
        append(&mut state, 6);
        let base = state.log_end;
        state.begin_segment(base);
        append(&mut state, 7);
        state.end_fill(&plan, true);
        let next = state.plan_fill(FillTo::Blocks, 1 << 20).expect("the closed segment's end");
        assert_eq!(next.from, block_start(plan.upto));
        assert_eq!(next.upto, state.segments[0].bytes);
    }
}
