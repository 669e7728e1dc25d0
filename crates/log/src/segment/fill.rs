//! Writing a stretch of a stream's tail into its segment.

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;

use super::files::{SegmentFiles, SegmentName, Use};
use crate::storage::{self, AlignedBuf};

/// What one fill writes. Planned under the stream's lock, carried out without it.
#[derive(Debug)]
pub(crate) struct FillPlan {
    /// Where to.
    pub(crate) name: SegmentName,
    /// The stream's generation when this was planned: another one makes the result void.
    pub(crate) generation: u64,
    /// The first byte; for direct writes the start of a block.
    pub(crate) from: u64,
    /// The end; for direct writes the end of a block, or of everything there is.
    pub(crate) upto: u64,
    /// The bytes, one after the other.
    pub(crate) parts: Vec<Bytes>,
    /// Whether the file has to be made first.
    pub(crate) make: bool,
    /// The producers as of the segment's base offset, for a file that is made.
    pub(crate) producers: Option<Bytes>,
    /// Whether to write through the page cache, byte for byte.
    pub(crate) buffered: bool,
}

/// Carries out the plan. Not synced: a checkpoint does that before it relies on it.
pub(crate) fn write_fill(
    files: &SegmentFiles,
    plan: &FillPlan,
    scratch: &mut AlignedBuf,
) -> storage::Result<()> {
    let purpose = if plan.buffered { Use::Buffered } else { Use::Direct };
    let file = if plan.make {
        files.make(plan.name, purpose, plan.producers.as_deref())?
    } else {
        files.open(plan.name, purpose)?
    };
    if plan.buffered {
        let parts: Vec<&[u8]> = plan.parts.iter().map(|part| &**part).collect();
        return file.write_vectored_at(plan.from, &parts);
    }
    assert!(plan.from.is_multiple_of(BLOCK_BYTES), "direct writes begin at blocks");
    scratch.clear();
    plan.parts.iter().for_each(|part| scratch.extend_from_slice(part));
    assert_eq!(scratch.len() as u64, plan.upto - plan.from, "the parts are the range");
    scratch.pad_to_block();
    file.write_at(plan.from, scratch)
}
