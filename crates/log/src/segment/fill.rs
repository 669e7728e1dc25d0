//! Writing a stretch of a stream's tail into its segment.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;

use super::files::{SegmentFiles, SegmentName, Use};
use crate::storage::{self, AlignedBuf, StorageFile};

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
    let file = open(files, plan)?;
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

fn open(files: &SegmentFiles, plan: &FillPlan) -> storage::Result<Arc<dyn StorageFile>> {
    let purpose = if plan.buffered { Use::Buffered } else { Use::Direct };
    if plan.make {
        files.make(plan.name, purpose, plan.producers.as_deref())
    } else {
        files.open(plan.name, purpose)
    }
}

/// Carries out the plan in parts of `bytes_max`, a multiple of a block, not synced.
/// Answers the file.
pub(crate) fn write_straight(
    files: &SegmentFiles,
    plan: &FillPlan,
    bytes_max: usize,
    scratch: &mut AlignedBuf,
) -> storage::Result<Arc<dyn StorageFile>> {
    let file = open(files, plan)?;
    let mut at = plan.from;
    scratch.clear();
    for part in &plan.parts {
        let mut part = &part[..];
        while !part.is_empty() {
            let (now, later) = part.split_at(part.len().min(bytes_max - scratch.len()));
            scratch.extend_from_slice(now);
            part = later;
            if scratch.len() == bytes_max {
                file.write_at(at, scratch)?;
                at += bytes_max as u64;
                scratch.clear();
            }
        }
    }
    assert_eq!(at + scratch.len() as u64, plan.upto, "the parts are the range");
    if !scratch.is_empty() {
        file.write_at(at, scratch)?;
    }
    Ok(file)
}
