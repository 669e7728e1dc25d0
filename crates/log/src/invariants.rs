//! What must always hold (L1 to L13), as functions: the engine's assertions, the crash enumeration and
//! whoever else looks at a log share them.
//!
//! Here are those that can be asked of values. The others hold over time, and are checked where time
//! passes: L1, L4, L5, L8, L9 and L13 by the enumeration in `tests/crash/`, against a model of what was
//! acknowledged; L3 in every read from a file; L10 by `storage::replace_whole`, the only way in which
//! a small file is ever replaced.

use ottla_model::{LeaderEpoch, Offset};

use crate::epochs::EpochCache;
use crate::format::Cursor;
use crate::stream::StreamOffsets;

/// L2: a batch begins where the log ends, and holds at least one record.
pub fn batch_follows(log_end: Offset, base: Offset, next: Offset) -> bool {
    base == log_end && next > base
}

/// L7: the epoch of a batch is not below that of the batch before it.
pub fn epoch_follows(latest: Option<LeaderEpoch>, epoch: LeaderEpoch) -> bool {
    latest.is_none_or(|latest| latest <= epoch)
}

/// L7: epochs and their start offsets are strictly monotone, and lie within the log.
pub fn epochs_are_ordered(epochs: &EpochCache, start: Offset, end: Offset) -> bool {
    let starts = epochs.starts();
    starts.windows(2).all(|pair| pair[0].epoch < pair[1].epoch && pair[0].start < pair[1].start)
        && starts.iter().all(|entry| start <= entry.start && entry.start <= end)
}

/// L11 and the meaning of the words: the start does not pass the end, nothing counts that is not
/// there, and a start that cannot be taken back is not ahead of the one that is told.
pub fn offsets_are_ordered(offsets: &StreamOffsets) -> bool {
    let StreamOffsets { log_start, durable_start, log_end, durable_end, flushed_end } = *offsets;
    log_start <= log_end
        && durable_start <= log_start
        && durable_end <= log_end
        && flushed_end <= log_end
}

/// A cut stays within the log.
pub fn cut_is_within(offsets: &StreamOffsets, end: Offset) -> bool {
    offsets.log_start <= end && end <= offsets.log_end
}

/// L13: an operation is replayed exactly once, if those before the cursor are contained.
pub fn is_contained(cursor: Cursor, place: Cursor) -> bool {
    place < cursor
}

/// L13: a block may be written over only with bytes whose operation is durable in the journal, so
/// that no acknowledged byte has its only copy in a block that is being written.
pub fn may_be_filled(operation: u64, durable_upto: u64) -> bool {
    operation < durable_upto
}

/// L9: what is acknowledged can be filled: free space exceeds what waits, and a reserve.
pub fn room_is_left(free: u64, waiting: u64, reserve: u64) -> bool {
    free >= waiting.saturating_add(reserve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(numbers: [i64; 5]) -> StreamOffsets {
        let [log_start, durable_start, durable_end, flushed_end, log_end] = numbers.map(Offset);
        StreamOffsets { log_start, durable_start, log_end, durable_end, flushed_end }
    }

    #[test]
    fn what_is_out_of_order_is_seen() {
        assert!(offsets_are_ordered(&offsets([3, 2, 5, 4, 9])));
        for wrong in [[10, 2, 5, 4, 9], [3, 4, 5, 4, 9], [3, 2, 10, 4, 9], [3, 2, 5, 10, 9]] {
            assert!(!offsets_are_ordered(&offsets(wrong)), "{wrong:?}");
        }
        assert!(batch_follows(Offset(3), Offset(3), Offset(4)));
        assert!(!batch_follows(Offset(3), Offset(3), Offset(3)));
        assert!(!batch_follows(Offset(3), Offset(4), Offset(5)));
        assert!(epoch_follows(Some(LeaderEpoch(2)), LeaderEpoch(2)));
        assert!(!epoch_follows(Some(LeaderEpoch(2)), LeaderEpoch(1)));
        assert!(!room_is_left(99, 50, 50));
    }
}
