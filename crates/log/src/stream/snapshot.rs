//! What a checkpoint says of a stream.

use std::sync::Arc;

use super::Stream;
use super::state::{Life, StreamState};
use super::straight::Vouched;
use crate::format::{SegmentCheckpoint, StreamCheckpoint};
use crate::invariants;
use crate::segment::SegmentName;

/// A stream as of one moment, for a checkpoint.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Whose it is. By now another one may have its id.
    pub(crate) stream: Arc<Stream>,
    /// The stream's generation then: after a cut nothing of this is true of it.
    pub(crate) generation: u64,
    /// What the checkpoint is to say, once the files below are synced.
    pub(crate) checkpoint: StreamCheckpoint,
    /// The first round with an operation that is only in the journal. `None`: there is none yet.
    pub(crate) needs_round: Option<u64>,
    /// The segments whose files have to be synced first, each with how often it had been written.
    pub(crate) dirty: Vec<(SegmentName, u64)>,
    /// The last straight write, when recovery from this checkpoint need not read what it vouches for.
    pub(crate) settles: Option<Vouched>,
    /// Closed segments that are wholly written and have no index beside them yet.
    pub(crate) unfinished: Vec<SegmentName>,
}

impl StreamState {
    /// Takes down what the segments hold: everything before the first operation that is only in the
    /// journal. The caller MUST sync the dirty files before it relies on this.
    ///
    /// SUBTLE: what is not about appended bytes (the log's start, settings, which segments there
    /// are) is told as it is now, ahead of the cursor. Replay does these operations again, which
    /// changes nothing; and one that was not durable yet becomes so, which its caller asked for.
    /// Epochs are those of batches before the end told here; the tail's come back with its batches.
    pub(crate) fn snapshot(&mut self, stream: &Arc<Stream>) -> Snapshot {
        let first = self.tail.first_unwritten();
        let first_op = first.map(|piece| piece.op);
        let place = first_op.and_then(|op| self.ops.place_of(op));
        let cursor = place.unwrap_or(self.ops.placed_upto());
        let (segment, end, position) = match first {
            Some(piece) if piece.is_batch() => (piece.segment, piece.base, piece.position),
            // A block that is carried: before the carry the stream rested at its end.
            Some(piece) => (piece.segment, piece.base, piece.end()),
            None => (self.active().base, self.log_end, self.active().bytes),
        };
        let filled = match first {
            Some(piece) if !piece.is_batch() => position,
            _ => self.segment(segment).map_or(0, |segment| segment.written),
        };
        let segments = self.checkpointed_segments(segment, position);
        let mut epochs = self.epochs.clone();
        epochs.truncate(end);
        let checkpoint = StreamCheckpoint {
            stream: self.id,
            settings: self.settings.clone(),
            damaged: match &self.life {
                Life::Damaged { round, .. } => Some(*round),
                Life::Live | Life::Dropped => None,
            },
            log_start: self.log_start.min(end),
            cursor,
            end,
            filled,
            segments,
            epochs,
            producers: self.contained.producers.clone(),
            hard_state: self.hard_state.clone(),
        };
        assert!(invariants::offsets_are_ordered(&self.offsets()), "L11: offsets are in order");
        assert_eq!(self.contained.end, end, "producers are as of the end that is told");
        // What is unwritten and came with a straight write, or before it, is found with its help.
        let relies = |vouched: &Vouched| first_op.is_some_and(|op| op <= vouched.op);
        let settles = self.vouched.filter(|vouched| !relies(vouched));
        let (dirty, unfinished) = self.take_dirty();
        self.ops.give_room_back();
        self.tail.give_room_back();
        let needs_round = place.map(|cursor| cursor.sequence);
        let (stream, generation) = (Arc::clone(stream), self.generation);
        Snapshot { stream, generation, checkpoint, needs_round, dirty, settles, unfinished }
    }

    fn checkpointed_segments(
        &self,
        last: ottla_model::Offset,
        position: u64,
    ) -> Vec<SegmentCheckpoint> {
        let told = self.segments.iter().take_while(|segment| segment.base <= last);
        told.map(|segment| SegmentCheckpoint {
            base: segment.base,
            bytes: if segment.base == last { position } else { segment.bytes },
            largest: segment.largest,
            created_at: segment.created_at,
        })
        .collect()
    }

    fn take_dirty(&mut self) -> (Vec<(SegmentName, u64)>, Vec<SegmentName>) {
        let active = self.active().base;
        let mut dirty = Vec::new();
        let mut unfinished = Vec::new();
        for segment in &mut self.segments {
            let name = SegmentName { stream: self.id, base: segment.base };
            if segment.is_dirty() {
                dirty.push((name, segment.writes));
            }
            if segment.base != active && !segment.finished && segment.is_written() {
                segment.finished = true;
                unfinished.push(name);
            }
        }
        (dirty, unfinished)
    }

    /// These segments were synced, with all that had been written that often.
    pub(crate) fn note_synced(&mut self, synced: &[(SegmentName, u64)]) {
        for (name, writes) in synced {
            if let Some(segment) = self.segment_mut(name.base) {
                segment.synced = segment.synced.max(*writes);
            }
        }
    }
}
