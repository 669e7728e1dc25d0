//! The checkpoint: for each stream how far its segments are durable, and where in the journal replay
//! begins. One file for the directory, replaced whole (L10); the one before is kept beside it.
//!
//! Body, inside the shell of small files (mark `OTTLCHKP`, version 1):
//!
//! ```text
//!  0  16  directory id
//! 16   8  incarnation that wrote it
//! 24   8  written at, milliseconds since 1970
//! 32   8  replay: sequence of the first round that is needed
//! 40   4  replay: the journal file at whose start it lies
//! 44   1  1 when the directory was closed in order
//! 45   3  reserved, zero
//! 48   8  sequence of the next round
//! 56   4  length of the boot id
//! 60   .  boot id, text
//!  .   4  number of streams
//!  .   .  streams by rising id
//! ```
//!
//! A stream:
//!
//! ```text
//!   0  16  topic id
//!  16   4  partition
//!  20   1  1 when the stream is known to be damaged
//!  21   3  reserved, zero
//!  24  40  settings
//!  64   8  the round that is damaged, zero when none is
//!  72   8  log start offset
//!  80   8  cursor: sequence of the round with the first operation that is not contained in this
//!  88   4  cursor: place of that operation in the round
//!  92   4  reserved, zero
//!  96   8  log end offset before that operation
//! 104   8  how far the last segment is durable, in bytes
//! 112   4  number of segments
//! 116   .  segments, oldest first, 32 bytes each:
//!           0  8  base offset
//!           8  8  length in bytes; of the last one: the position of the log end
//!          16  8  largest timestamp; the smallest number when it holds no record
//!          24  8  begun at, milliseconds since 1970
//!   .   .  epoch cache
//!   .   .  producers
//!   .   4  length of the hard state
//!   .   .  hard state
//! ```

use bytes::{BufMut, Bytes};
use ottla_model::{DirectoryId, Offset, PartitionId, StreamId, Timestamp, TopicId};

use super::reader::Reader;
use super::sealed::Kind;
use super::{FormatError, epochs, producers_file, settings};
use crate::epochs::EpochCache;
use crate::producers::{ProducerLimits, ProducerTable};
use crate::settings::StreamSettings;

const KIND: Kind = Kind { what: "checkpoint", mark: b"OTTLCHKP", version: 1 };

const SEGMENT_BYTES: usize = 32;
/// Bytes of a stream that has nothing: a lower bound for counts.
const STREAM_BYTES_MIN: usize = 116;

/// What one directory knows to be durable, apart from its journal.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The directory.
    pub directory: DirectoryId,
    /// The run that wrote it.
    pub incarnation: u64,
    /// When. Informs people only.
    pub written_at: Timestamp,
    /// Where replay begins: at or before the smallest of the streams' cursors.
    pub replay: JournalPlace,
    /// The sequence of the next round.
    pub next_sequence: u64,
    /// Whether the directory was closed in order after it: nothing is to be replayed.
    pub clean: bool,
    /// The boot of the machine during which it was written. Relaxed streams of another boot may have lost
    /// their tail.
    pub boot_id: String,
    /// The streams, by rising id.
    pub streams: Vec<StreamCheckpoint>,
}

/// The start of a journal file, and the round that lies there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalPlace {
    /// The sequence of the file's first round.
    pub sequence: u64,
    /// The file.
    pub file: u32,
}

/// An operation's place in the journal. Ordered as they took effect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Cursor {
    /// The round's sequence.
    pub sequence: u64,
    /// The operation's place in it.
    pub entry: u32,
}

/// What is durable of one stream.
#[derive(Clone, Debug)]
pub struct StreamCheckpoint {
    /// The stream.
    pub stream: StreamId,
    /// Its settings.
    pub settings: StreamSettings,
    /// The round of which acknowledged bytes are known to be lost: the stream must not lead, nor be
    /// silently cut.
    pub damaged: Option<u64>,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// The first operation that is not contained in this checkpoint; replay skips those before.
    pub cursor: Cursor,
    /// The log end before that operation. `segments`, `epochs` and `producers` are as of then.
    pub end: Offset,
    /// How far the last segment is durable. May lie beyond the position of `end`, when the operation
    /// at the cursor is partly filled.
    pub filled: u64,
    /// The segments, oldest first. The last is written to; its `bytes` are the position of `end`.
    pub segments: Vec<SegmentCheckpoint>,
    /// The leader epochs.
    pub epochs: EpochCache,
    /// The producers.
    pub producers: ProducerTable,
    /// The replica's vote, opaque; empty when there was none.
    pub hard_state: Bytes,
}

/// What is durable of one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentCheckpoint {
    /// Its base offset, which is its name.
    pub base: Offset,
    /// Its length; of the last one: the position of the log end.
    pub bytes: u64,
    /// The largest timestamp among them; [`crate::index::BEFORE_ALL`] when it holds no record.
    pub largest: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl Checkpoint {
    /// The whole file.
    ///
    /// # Panics
    /// When the streams are not in order, or their parts contradict each other.
    pub fn encode(&self) -> Vec<u8> {
        if let Err(why) = self.check() {
            panic!("a checkpoint was to be written in which {why}");
        }
        KIND.seal(|body| {
            self.encode_head(body);
            put_count(self.streams.len(), body);
            for stream in &self.streams {
                stream.encode(body);
            }
        })
    }

    fn encode_head(&self, body: &mut Vec<u8>) {
        let Self {
            directory,
            incarnation,
            written_at,
            replay,
            next_sequence,
            clean,
            boot_id,
            streams: _,
        } = self;
        body.put_slice(&directory.to_bytes());
        body.put_u64_le(*incarnation);
        body.put_i64_le(written_at.0);
        body.put_u64_le(replay.sequence);
        body.put_u32_le(replay.file);
        body.put_u8(u8::from(*clean));
        body.put_bytes(0, 3);
        body.put_u64_le(*next_sequence);
        put_count(boot_id.len(), body);
        body.put_slice(boot_id.as_bytes());
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Whatever makes it anything but a checkpoint of a known version, wholly written.
    pub fn decode(file: &[u8], limits: ProducerLimits) -> Result<Self, FormatError> {
        let mut body = KIND.open(file)?;
        let mut checkpoint = Self::decode_head(&mut body)?;
        let streams = body.count(STREAM_BYTES_MIN)?;
        for _ in 0..streams {
            checkpoint.streams.push(StreamCheckpoint::decode(&mut body, limits)?);
        }
        checkpoint.check().map_err(|why| body.invalid(why))?;
        body.finish()?;
        Ok(checkpoint)
    }

    fn decode_head(body: &mut Reader<'_>) -> Result<Self, FormatError> {
        let directory = DirectoryId::from_bytes(body.array()?);
        let incarnation = body.u64()?;
        let written_at = Timestamp(body.i64()?);
        let sequence = body.u64()?;
        let replay = JournalPlace { sequence, file: body.u32()? };
        let clean = flag(body)?;
        body.reserved(3)?;
        Ok(Self {
            directory,
            incarnation,
            written_at,
            replay,
            next_sequence: body.u64()?,
            clean,
            boot_id: text(body)?,
            streams: Vec::new(),
        })
    }

    /// What must hold between the fields: asserted before writing, asked after reading.
    fn check(&self) -> Result<(), &'static str> {
        if self.replay.sequence > self.next_sequence {
            return Err("replay begins after the last round");
        }
        if !self.streams.windows(2).all(|pair| pair[0].stream < pair[1].stream) {
            return Err("the streams are not in order");
        }
        self.streams.iter().try_for_each(|stream| {
            if stream.cursor.sequence < self.replay.sequence {
                return Err("a stream's cursor lies before the place where replay begins");
            }
            stream.check()
        })
    }
}

impl StreamCheckpoint {
    fn encode(&self, body: &mut Vec<u8>) {
        let Self {
            stream,
            settings,
            damaged,
            log_start,
            cursor,
            end,
            filled,
            segments,
            epochs,
            producers,
            hard_state,
        } = self;
        body.put_slice(&stream.topic.to_bytes());
        body.put_u32_le(stream.partition.0);
        body.put_u8(u8::from(damaged.is_some()));
        body.put_bytes(0, 3);
        settings::encode(settings, body);
        body.put_u64_le(damaged.unwrap_or(0));
        body.put_i64_le(log_start.0);
        body.put_u64_le(cursor.sequence);
        body.put_u32_le(cursor.entry);
        body.put_u32_le(0);
        body.put_i64_le(end.0);
        body.put_u64_le(*filled);
        put_count(segments.len(), body);
        segments.iter().for_each(|segment| segment.encode(body));
        epochs::encode(epochs, body);
        producers_file::encode_table(producers, body);
        put_count(hard_state.len(), body);
        body.put_slice(hard_state);
    }

    fn decode(body: &mut Reader<'_>, limits: ProducerLimits) -> Result<Self, FormatError> {
        let topic = TopicId::from_bytes(body.array()?);
        let stream = StreamId::new(topic, PartitionId(body.u32()?));
        let is_damaged = flag(body)?;
        body.reserved(3)?;
        let settings = settings::decode(body)?;
        let damaged = body.optional(is_damaged)?;
        let log_start = Offset(body.i64()?);
        let cursor = Cursor { sequence: body.u64()?, entry: body.u32()? };
        body.reserved(4)?;
        let end = Offset(body.i64()?);
        let filled = body.u64()?;
        let count = body.count(SEGMENT_BYTES)?;
        let segments =
            (0..count).map(|_| SegmentCheckpoint::decode(body)).collect::<Result<_, _>>()?;
        let epochs = epochs::decode(body)?;
        let producers = producers_file::decode_table(body, end, limits)?;
        let hard_state_bytes = body.count(1)?;
        let hard_state = Bytes::copy_from_slice(body.take(hard_state_bytes)?);
        Ok(Self {
            stream,
            settings,
            damaged,
            log_start,
            cursor,
            end,
            filled,
            segments,
            epochs,
            producers,
            hard_state,
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        if !self.segments.windows(2).all(|pair| pair[0].base < pair[1].base) {
            return Err("a stream's segments are not in order");
        }
        let first = self.segments.first().map_or(Offset::ZERO, |segment| segment.base);
        if first < Offset::ZERO || self.log_start < Offset::ZERO || self.end < self.log_start {
            return Err("a stream's offsets are negative or not in order");
        }
        if self.segments.last().is_some_and(|active| active.base > self.end) {
            return Err("a stream's last segment begins beyond its end");
        }
        if self.epochs.latest().is_some_and(|latest| latest.start > self.end) {
            return Err("a stream's last leader epoch begins beyond its end");
        }
        Ok(())
    }
}

impl SegmentCheckpoint {
    fn encode(&self, body: &mut Vec<u8>) {
        let Self { base, bytes, largest, created_at } = self;
        body.put_i64_le(base.0);
        body.put_u64_le(*bytes);
        body.put_i64_le(largest.0);
        body.put_i64_le(created_at.0);
    }

    fn decode(body: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            base: Offset(body.i64()?),
            bytes: body.u64()?,
            largest: Timestamp(body.i64()?),
            created_at: Timestamp(body.i64()?),
        })
    }
}

fn put_count(count: usize, body: &mut Vec<u8>) {
    body.put_u32_le(u32::try_from(count).expect("fewer things than 32 bits count"));
}

fn flag(body: &mut Reader<'_>) -> Result<bool, FormatError> {
    match body.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(body.invalid("a flag is neither 0 nor 1")),
    }
}

fn text(body: &mut Reader<'_>) -> Result<String, FormatError> {
    let length = body.count(1)?;
    let bytes = body.take(length)?;
    let text = std::str::from_utf8(bytes).map_err(|_| body.invalid("a text is no UTF-8"))?;
    Ok(text.to_owned())
}
