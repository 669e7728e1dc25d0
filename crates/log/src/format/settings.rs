//! A stream's settings, as they lie in journal entries and checkpoints: 40 bytes.
//!
//! ```text
//!  0   1  durability: 0 relaxed, 1 fsync
//!  1   1  bit 0: retention bytes are bounded; bit 1: retention time is bounded
//!  2   6  reserved, zero
//!  8   8  segment bytes
//! 16   8  segment age, milliseconds
//! 24   8  retention bytes, zero when not bounded
//! 32   8  retention time in milliseconds, zero when not bounded
//! ```

use bytes::BufMut;
use ottla_model::Durability;

use super::FormatError;
use super::reader::Reader;
use crate::settings::StreamSettings;

/// Bytes that settings take.
pub const SETTINGS_BYTES: usize = 40;

const RETENTION_BYTES: u8 = 1 << 0;
const RETENTION_MS: u8 = 1 << 1;

pub(super) fn encode(settings: &StreamSettings, into: &mut impl BufMut) {
    let StreamSettings { durability, segment_bytes, segment_ms, retention_bytes, retention_ms } =
        settings;
    into.put_u8(durability_code(*durability));
    let bytes_flag = retention_bytes.map_or(0, |_| RETENTION_BYTES);
    into.put_u8(bytes_flag | retention_ms.map_or(0, |_| RETENTION_MS));
    into.put_bytes(0, 6);
    into.put_u64_le(*segment_bytes);
    into.put_u64_le(*segment_ms);
    into.put_u64_le(retention_bytes.unwrap_or(0));
    into.put_u64_le(retention_ms.unwrap_or(0));
}

pub(super) fn decode(from: &mut Reader<'_>) -> Result<StreamSettings, FormatError> {
    let durability = match from.u8()? {
        0 => Durability::Relaxed,
        1 => Durability::Fsync,
        _ => return Err(from.invalid("unknown durability")),
    };
    let flags = from.u8()?;
    if flags & !(RETENTION_BYTES | RETENTION_MS) != 0 {
        return Err(from.invalid("unknown flag in a stream's settings"));
    }
    from.reserved(6)?;
    Ok(StreamSettings {
        durability,
        segment_bytes: from.u64()?,
        segment_ms: from.u64()?,
        retention_bytes: from.optional(flags & RETENTION_BYTES != 0)?,
        retention_ms: from.optional(flags & RETENTION_MS != 0)?,
    })
}

const fn durability_code(durability: Durability) -> u8 {
    match durability {
        Durability::Relaxed => 0,
        Durability::Fsync => 1,
    }
}
