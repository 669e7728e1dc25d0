//! What must hold of a replica, as functions without state, shared by its own assertions, the tests
//! and the simulator's checkers.

use ottla_model::Offset;

use crate::offsets::Offsets;

/// L11, T7, R8 in part: what is kept is below what is visible, and that below what there is.
pub fn offsets_are_ordered(offsets: &Offsets) -> bool {
    offsets.log_start <= offsets.last_stable()
        && offsets.last_stable() <= offsets.high_watermark
        && offsets.high_watermark <= offsets.log_end
        && offsets.counted_end <= offsets.log_end
}

/// L11 and R9: neither the start nor the high watermark ever goes back while a leader leads.
pub fn offsets_only_advance(before: &Offsets, after: &Offsets) -> bool {
    before.log_start <= after.log_start && before.high_watermark <= after.high_watermark
}

/// R8: where the high watermark may be, given the counted ends of the in-sync replicas.
pub fn committed_end(counted_ends: &[Offset], min_insync: u32) -> Option<Offset> {
    let is_enough = counted_ends.len() as u64 >= u64::from(min_insync);
    counted_ends.iter().min().copied().filter(|_| is_enough)
}
