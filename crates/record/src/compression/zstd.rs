//! Zstandard, one shot: straight into the output, without a window of its own.
//!
//! Most writers do not say how large the content is, so that the room is a guess that grows by four
//! until it suffices. All failed tries together cost a third of the last one.

use std::fmt;

use zstd::zstd_safe::{self, DCtx};

use super::output::{Fault, Output};

/// The least room of a first try.
const ROOM_BYTES_MIN: usize = 64 * 1024;

/// The most that compressed bytes can become: a block of 4 bytes is 128 KiB of the same byte.
const EXPANSION_MAX: usize = 32 * 1024;

/// The library's stable number for "destination too small".
const TOO_SMALL: usize = 70_usize.wrapping_neg();

/// The largest window that a reader which streams takes without being told, Java's among them.
const WINDOW_LOG_MAX: u8 = 27;

/// A decompression context, made when it is needed first.
#[derive(Default)]
pub(super) struct DecompressContext(Option<DCtx<'static>>);

impl fmt::Debug for DecompressContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecompressContext")
    }
}

pub(super) fn decompress(
    payload: &[u8],
    out: &mut Output,
    context: &mut DecompressContext,
) -> Result<(), Fault> {
    check_window(payload)?;
    let context = context.0.get_or_insert_with(DCtx::create);
    let could_be = payload.len().saturating_mul(EXPANSION_MAX);
    let mut room = first_room(payload).max(out.at_hand()).min(could_be);
    loop {
        match context.decompress(out.spare(room), payload) {
            Ok(size) => {
                out.advance(size);
                return Ok(());
            }
            Err(TOO_SMALL) if room >= out.left() => return Err(Fault::OverBudget),
            Err(TOO_SMALL) if room < could_be => room = room.saturating_mul(4).min(could_be),
            Err(code) => return Err(Fault::malformed(zstd_safe::get_error_name(code))),
        }
    }
}

/// What the frame says, if it does, or a usual ratio.
fn first_room(payload: &[u8]) -> usize {
    let said = zstd_safe::get_frame_content_size(payload).ok().flatten();
    let said = said.and_then(|size| usize::try_from(size).ok());
    said.unwrap_or_else(|| payload.len().saturating_mul(4)).max(ROOM_BYTES_MIN)
}

/// The window of the first frame: byte 5 when the frame is not a single segment (RFC 8878, 3.1.1.1).
fn check_window(payload: &[u8]) -> Result<(), Fault> {
    let [_, _, _, _, descriptor, window, ..] = *payload else { return Ok(()) };
    let single_segment = descriptor & 0b0010_0000 != 0;
    let (exponent, mantissa) = (10 + (window >> 3), window & 0b111);
    let too_large = exponent > WINDOW_LOG_MAX || (exponent == WINDOW_LOG_MAX && mantissa > 0);
    if !single_segment && too_large {
        return Err(Fault::malformed("its window is over 128 MiB, which Java readers refuse"));
    }
    Ok(())
}
