//! The entries of a round: operations on streams.
//!
//! Each is a header of 12 bytes and a body:
//!
//! ```text
//!  0   1  kind
//!  1   3  reserved, zero
//!  4   4  stream: place in the round's list
//!  8   4  length of the body in bytes
//! 12   .  body
//! ```
//!
//! Kinds are stable for ever. 0 is never used, so that zeros are no entry. An unknown kind is an error and never skipped: an operation that is not understood cannot
//! be known to be harmless.

use bytes::{BufMut, Bytes};
use ottla_model::Offset;
use ottla_model::limits::{BATCH_BYTES_MAX, BLOCK_BYTES, SEGMENT_BYTES_MAX};
use ottla_record::{HEAD_BYTES, HEADER_BYTES};

use super::WHAT;
use crate::format::FormatError;
use crate::format::reader::Reader;
use crate::format::settings::{self, SETTINGS_BYTES};
use crate::settings::StreamSettings;

/// Bytes before an entry's body.
pub const ENTRY_HEADER_BYTES: usize = 12;

/// Something that happens to a stream. Effects are durable once the round is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// One batch, at the end of the log.
    Append {
        /// Its first bytes, as the leader wrote them: 16, as they are read back, or the whole header.
        head: Bytes,
        /// Everything after, as the producer sent it.
        rest: Bytes,
    },
    /// Everything from here on is gone.
    Truncate {
        /// The new end.
        to: Offset,
    },
    /// Everything before is gone.
    MoveStart {
        /// The new start.
        to: Offset,
    },
    /// The stream is gone.
    Drop,
    /// The replica's vote: opaque to the log, the last one counts.
    HardState {
        /// What the owner stored.
        state: Bytes,
    },
    /// Reserved: never written, and refused. [`Straight`] says what it was to say, and enough of it.
    Filled {
        /// The segment's base offset.
        segment: Offset,
        /// Up to where it is durable, a multiple of 4 KiB or its exact end.
        position: u64,
        /// The offset after the last batch that began before `position`.
        next: Offset,
    },
    /// The segment before is closed; what is appended from here on goes into this one.
    Roll {
        /// Its base offset, which is the log end.
        segment: Offset,
    },
    /// Bytes of a segment's partial last block, carried along so that older rounds can be reused.
    Carry {
        /// The segment's base offset.
        segment: Offset,
        /// Where in the segment `bytes` belong, a multiple of 4 KiB.
        position: u64,
        /// The log end after them.
        next: Offset,
        /// The bytes, raw: they may begin within a batch, and end with one.
        bytes: Bytes,
    },
    /// The stream begins.
    Create {
        /// Its settings.
        settings: StreamSettings,
    },
    /// The stream's settings change.
    Alter {
        /// The new ones, whole.
        settings: StreamSettings,
    },
    /// Batches at the end of the log, which lie in their segment already.
    Straight(Straight),
}

/// Batches that went past the journal. When this is written, all bytes of the stream before `position`
/// are in files and durable; what is less than a block rides along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Straight {
    /// The segment's base offset.
    pub segment: Offset,
    /// Where in the segment the first of the batches begins.
    pub from: u64,
    /// Up to where the file holds them: a multiple of 4 KiB.
    pub position: u64,
    /// The log end after them.
    pub next: Offset,
    /// The digest of their headers, one after the other ([`digest_header`]): a batch's own checksum does
    /// not cover all of it.
    pub headers: u32,
    /// Their last bytes, from `position` on: less than a block.
    pub rest: Bytes,
}

/// Takes the header of the next batch, its first 61 bytes, into a digest that begins with 0.
pub fn digest_header(digest: u32, header: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(digest, header)
}

/// The stable codes of the kinds.
mod kind {
    pub(super) const APPEND: u8 = 1;
    pub(super) const TRUNCATE: u8 = 2;
    pub(super) const MOVE_START: u8 = 3;
    pub(super) const DROP: u8 = 4;
    pub(super) const HARD_STATE: u8 = 5;
    pub(super) const FILLED: u8 = 6;
    pub(super) const CARRY: u8 = 7;
    pub(super) const CREATE: u8 = 8;
    pub(super) const ALTER: u8 = 9;
    pub(super) const ROLL: u8 = 10;
    pub(super) const STRAIGHT: u8 = 11;
}

impl Operation {
    /// Bytes that the operation takes in a round.
    pub fn entry_bytes(&self) -> usize {
        ENTRY_HEADER_BYTES + self.body_bytes()
    }

    fn body_bytes(&self) -> usize {
        match self {
            Self::Append { head, rest } => head.len() + rest.len(),
            Self::Truncate { .. } | Self::MoveStart { .. } | Self::Roll { .. } => 8,
            Self::Drop => 0,
            Self::HardState { state } => state.len(),
            Self::Filled { .. } => 24,
            Self::Carry { bytes, .. } => 24 + bytes.len(),
            Self::Straight(straight) => 40 + straight.rest.len(),
            Self::Create { .. } | Self::Alter { .. } => SETTINGS_BYTES,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Append { .. } => kind::APPEND,
            Self::Truncate { .. } => kind::TRUNCATE,
            Self::MoveStart { .. } => kind::MOVE_START,
            Self::Drop => kind::DROP,
            Self::HardState { .. } => kind::HARD_STATE,
            Self::Filled { .. } => kind::FILLED,
            Self::Carry { .. } => kind::CARRY,
            Self::Create { .. } => kind::CREATE,
            Self::Alter { .. } => kind::ALTER,
            Self::Roll { .. } => kind::ROLL,
            Self::Straight(_) => kind::STRAIGHT,
        }
    }
}

/// Writes one entry.
pub(super) fn encode(operation: &Operation, stream: u32, into: &mut impl BufMut) {
    let body_bytes =
        u32::try_from(operation.body_bytes()).expect("`push` keeps rounds under 4 GiB");
    into.put_u8(operation.kind());
    into.put_bytes(0, 3);
    into.put_u32_le(stream);
    into.put_u32_le(body_bytes);
    match operation {
        Operation::Append { head, rest } => {
            into.put_slice(head);
            into.put_slice(rest);
        }
        Operation::Truncate { to } | Operation::MoveStart { to } => into.put_i64_le(to.0),
        Operation::Roll { segment } => into.put_i64_le(segment.0),
        Operation::Drop => {}
        Operation::HardState { state } => into.put_slice(state),
        Operation::Filled { segment, position, next } => {
            into.put_i64_le(segment.0);
            into.put_u64_le(*position);
            into.put_i64_le(next.0);
        }
        Operation::Carry { segment, position, next, bytes } => {
            into.put_i64_le(segment.0);
            into.put_u64_le(*position);
            into.put_i64_le(next.0);
            into.put_slice(bytes);
        }
        Operation::Create { settings } | Operation::Alter { settings } => {
            settings::encode(settings, into);
        }
        Operation::Straight(Straight { segment, from, position, next, headers, rest }) => {
            into.put_i64_le(segment.0);
            into.put_u64_le(*from);
            into.put_u64_le(*position);
            into.put_i64_le(next.0);
            into.put_u32_le(*headers);
            into.put_bytes(0, 4);
            into.put_slice(rest);
        }
    }
}

/// Reads the entry at `at`: the place of its stream in the list, the operation, the entry's length.
pub(super) fn decode(payload: &Bytes, at: usize) -> Result<(u32, Operation, usize), FormatError> {
    let mut reader = Reader::new(WHAT, &payload[at..]);
    let kind = reader.u8()?;
    reader.reserved(3)?;
    let stream = reader.u32()?;
    let body_bytes = reader.u32()? as usize;
    let body = payload.slice_ref(reader.take(body_bytes)?);
    let operation = decode_body(kind, &body)?;
    Ok((stream, operation, ENTRY_HEADER_BYTES + body_bytes))
}

fn decode_body(kind: u8, body: &Bytes) -> Result<Operation, FormatError> {
    let mut reader = Reader::new(WHAT, body);
    let operation = match kind {
        kind::APPEND => return decode_append(body),
        kind::TRUNCATE => Operation::Truncate { to: Offset(reader.i64()?) },
        kind::MOVE_START => Operation::MoveStart { to: Offset(reader.i64()?) },
        kind::DROP => Operation::Drop,
        kind::HARD_STATE => return Ok(Operation::HardState { state: body.clone() }),
        kind::STRAIGHT => return decode_straight(body),
        kind::FILLED => Operation::Filled {
            segment: Offset(reader.i64()?),
            position: reader.u64()?,
            next: Offset(reader.i64()?),
        },
        kind::CARRY => Operation::Carry {
            segment: Offset(reader.i64()?),
            position: reader.u64()?,
            next: Offset(reader.i64()?),
            bytes: body.slice_ref(reader.rest()),
        },
        kind::CREATE => Operation::Create { settings: settings::decode(&mut reader)? },
        kind::ROLL => Operation::Roll { segment: Offset(reader.i64()?) },
        kind::ALTER => Operation::Alter { settings: settings::decode(&mut reader)? },
        _ => return Err(reader.invalid("an entry is of an unknown kind")),
    };
    reader.finish()?;
    Ok(operation)
}

fn decode_append(body: &Bytes) -> Result<Operation, FormatError> {
    if body.len() < HEADER_BYTES {
        return Err(FormatError::Invalid { what: WHAT, why: "an entry is too short for a batch" });
    }
    Ok(Operation::Append { head: body.slice(..HEAD_BYTES), rest: body.slice(HEAD_BYTES..) })
}

fn decode_straight(body: &Bytes) -> Result<Operation, FormatError> {
    let mut reader = Reader::new(WHAT, body);
    let straight = Straight {
        segment: Offset(reader.i64()?),
        from: reader.u64()?,
        position: reader.u64()?,
        next: Offset(reader.i64()?),
        headers: reader.u32()?,
        rest: {
            reader.reserved(4)?;
            body.slice_ref(reader.rest())
        },
    };
    let Straight { from, position, rest, .. } = &straight;
    if from >= position || !position.is_multiple_of(BLOCK_BYTES) {
        return Err(reader.invalid("batches went straight to where no whole block is"));
    }
    if *position > SEGMENT_BYTES_MAX + BATCH_BYTES_MAX {
        return Err(reader.invalid("batches went straight to beyond any segment"));
    }
    if rest.len() as u64 >= BLOCK_BYTES {
        return Err(reader.invalid("the rest of what went straight is no less than a block"));
    }
    Ok(Operation::Straight(straight))
}
