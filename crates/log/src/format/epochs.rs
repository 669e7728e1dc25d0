//! An epoch cache, as it lies in a checkpoint: a 32-bit count, then 12 bytes each, oldest first.
//!
//! ```text
//! 0  4  epoch
//! 4  8  its first offset
//! ```

use bytes::BufMut;
use ottla_model::{LeaderEpoch, Offset};

use super::FormatError;
use super::reader::Reader;
use crate::epochs::{EpochCache, EpochStart};

const ENTRY_BYTES: usize = 12;

pub(super) fn encode(epochs: &EpochCache, into: &mut Vec<u8>) {
    into.put_u32_le(u32::try_from(epochs.starts().len()).expect("fewer epochs than numbers"));
    for EpochStart { epoch, start } in epochs.starts() {
        into.put_i32_le(epoch.0);
        into.put_i64_le(start.0);
    }
}

pub(super) fn decode(from: &mut Reader<'_>) -> Result<EpochCache, FormatError> {
    let count = from.count(ENTRY_BYTES)?;
    let starts = (0..count)
        .map(|_| Ok(EpochStart { epoch: LeaderEpoch(from.i32()?), start: Offset(from.i64()?) }))
        .collect::<Result<Vec<_>, FormatError>>()?;
    EpochCache::from_starts(starts).ok_or(from.invalid("its leader epochs are not in order"))
}
