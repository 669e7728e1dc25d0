//! The checkpoint: for each stream how far its segments are durable, and where in the journal replay
//! begins. One file for the directory, replaced whole (L10); the one before is kept beside it.
//!
//! Body, inside the shell of small files (mark `OTTLCHKP`, version 1):
//!
//! ```text
//!  0  16  directory id
//! 16   8  number: how many checkpoints came before
//! 24   8  incarnation that wrote it
//! 32   8  written at, milliseconds since 1970
//! 40   8  replay: sequence of the first round that is needed
//! 48   8  replay: that round's position in its journal file
//! 56   4  replay: that journal file
//! 60   1  1 when the directory was closed in order
//! 61   3  reserved, zero
//! 64   8  sequence of the next round
//! 72   4  length of the boot id
//! 76   .  boot id, text
//!  .   4  number of journal files
//!  .   .  journal files in the order of the circle, 16 bytes each: number (4), zero (4), length (8)
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
//!  64   8  log start offset
//!  72   8  cursor: sequence of the first round with an operation whose effect is not durable
//!  80   4  cursor: place of that operation in the round
//!  84   4  reserved, zero
//!  88   8  position in the active segment at which that operation begins
//!  96   8  log end offset before that operation
//! 104  32  active segment, like the closed ones below; its length is how far it is filled
//! 136   4  number of closed segments
//! 140   .  closed segments, oldest first, 32 bytes each:
//!           0  8  base offset
//!           8  8  length in bytes
//!          16  8  largest timestamp; the smallest number when it holds no record
//!          24  8  opened at, milliseconds since 1970
//!   .   .  epoch cache
//!   .   8  offset up to which the producers took in the log
//!   .   .  producers
//!   .   4  length of the hard state
//!   .   .  hard state
//! ```

use bytes::{BufMut, Bytes};
use ottla_model::{DirectoryId, Offset, PartitionId, StreamId, Timestamp, TopicId};

use super::bytes::Reader;
use super::sealed::Kind;
use super::{FormatError, epochs, producers_file, settings};
use crate::epochs::EpochCache;
use crate::producers::{ProducerLimits, ProducerTable};
use crate::settings::StreamSettings;

const KIND: Kind = Kind { what: "checkpoint", mark: b"OTTLCHKP", version: 1 };

const JOURNAL_FILE_BYTES: usize = 16;
const SEGMENT_BYTES: usize = 32;
/// Bytes of a stream that has nothing: a lower bound for counts.
const STREAM_BYTES_MIN: usize = 140;

/// What one directory knows to be durable, apart from its journal.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The directory.
    pub directory: DirectoryId,
    /// How many checkpoints came before.
    pub number: u64,
    /// The run that wrote it.
    pub incarnation: u64,
    /// When. Informs people only.
    pub written_at: Timestamp,
    /// Where replay begins: the smallest of the streams' cursors, or the end of the journal.
    pub replay: JournalPlace,
    /// The sequence of the next round.
    pub next_sequence: u64,
    /// Whether the directory was closed in order after it: nothing is to be replayed.
    pub clean: bool,
    /// The boot of the machine during which it was written. Relaxed streams of another boot may have lost
    /// their tail.
    pub boot_id: String,
    /// The journal's files, in the order of the circle.
    pub journal_files: Vec<JournalFile>,
    /// The streams, by rising id.
    pub streams: Vec<StreamCheckpoint>,
}

/// A round's place in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalPlace {
    /// The round's sequence.
    pub sequence: u64,
    /// The file that holds it.
    pub file: u32,
    /// Its position there.
    pub position: u64,
}

/// A file of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalFile {
    /// Its number, which is its name.
    pub number: u32,
    /// Its length.
    pub bytes: u64,
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
    /// Whether acknowledged bytes are known to be lost: it must not lead, nor be silently cut.
    pub damaged: bool,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// The first operation whose effect is not durable in the segments; replay skips those before.
    pub cursor: Cursor,
    /// The position in the active segment at which that operation begins.
    pub cursor_position: u64,
    /// The log end before that operation.
    pub cursor_offset: Offset,
    /// The segment that is written to. Its `bytes` are how far it is filled; its file need not exist
    /// while that is 0.
    pub active: SegmentCheckpoint,
    /// The closed segments, oldest first.
    pub closed: Vec<SegmentCheckpoint>,
    /// The leader epochs of everything before `cursor_offset`.
    pub epochs: EpochCache,
    /// The offset up to which `producers` took in the log.
    pub producers_upto: Offset,
    /// The producers as of then.
    pub producers: ProducerTable,
    /// The replica's vote, opaque; empty when there was none.
    pub hard_state: Bytes,
}

/// What is durable of one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentCheckpoint {
    /// Its base offset, which is its name.
    pub base: Offset,
    /// How many of its bytes are durable; all of them when it is closed.
    pub bytes: u64,
    /// The largest timestamp among them; [`crate::index::BEFORE_ALL`] when it holds no record.
    pub largest: Timestamp,
    /// When it was begun.
    pub opened_at: Timestamp,
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
            put_count(self.journal_files.len(), body);
            for JournalFile { number, bytes } in &self.journal_files {
                body.put_u32_le(*number);
                body.put_u32_le(0);
                body.put_u64_le(*bytes);
            }
            put_count(self.streams.len(), body);
            for stream in &self.streams {
                stream.encode(body);
            }
        })
    }

    fn encode_head(&self, body: &mut Vec<u8>) {
        let Self {
            directory,
            number,
            incarnation,
            written_at,
            replay,
            next_sequence,
            clean,
            boot_id,
            journal_files: _,
            streams: _,
        } = self;
        body.put_slice(&directory.to_bytes());
        body.put_u64_le(*number);
        body.put_u64_le(*incarnation);
        body.put_i64_le(written_at.0);
        body.put_u64_le(replay.sequence);
        body.put_u64_le(replay.position);
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
        let files = body.count(JOURNAL_FILE_BYTES)?;
        for _ in 0..files {
            let number = body.u32()?;
            body.reserved(4)?;
            checkpoint.journal_files.push(JournalFile { number, bytes: body.u64()? });
        }
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
        let number = body.u64()?;
        let incarnation = body.u64()?;
        let written_at = Timestamp(body.i64()?);
        let sequence = body.u64()?;
        let position = body.u64()?;
        let replay = JournalPlace { sequence, file: body.u32()?, position };
        let clean = flag(body)?;
        body.reserved(3)?;
        Ok(Self {
            directory,
            number,
            incarnation,
            written_at,
            replay,
            next_sequence: body.u64()?,
            clean,
            boot_id: text(body)?,
            journal_files: Vec::new(),
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
            cursor_position,
            cursor_offset,
            active,
            closed,
            epochs,
            producers_upto,
            producers,
            hard_state,
        } = self;
        body.put_slice(&stream.topic.to_bytes());
        body.put_u32_le(stream.partition.0);
        body.put_u8(u8::from(*damaged));
        body.put_bytes(0, 3);
        settings::encode(settings, body);
        body.put_i64_le(log_start.0);
        body.put_u64_le(cursor.sequence);
        body.put_u32_le(cursor.entry);
        body.put_u32_le(0);
        body.put_u64_le(*cursor_position);
        body.put_i64_le(cursor_offset.0);
        active.encode(body);
        put_count(closed.len(), body);
        closed.iter().for_each(|segment| segment.encode(body));
        epochs::encode(epochs, body);
        body.put_i64_le(producers_upto.0);
        producers_file::encode_table(producers, body);
        put_count(hard_state.len(), body);
        body.put_slice(hard_state);
    }

    fn decode(body: &mut Reader<'_>, limits: ProducerLimits) -> Result<Self, FormatError> {
        let topic = TopicId::from_bytes(body.array()?);
        let stream = StreamId::new(topic, PartitionId(body.u32()?));
        let damaged = flag(body)?;
        body.reserved(3)?;
        let settings = settings::decode(body)?;
        let log_start = Offset(body.i64()?);
        let cursor = Cursor { sequence: body.u64()?, entry: body.u32()? };
        body.reserved(4)?;
        let cursor_position = body.u64()?;
        let cursor_offset = Offset(body.i64()?);
        let active = SegmentCheckpoint::decode(body)?;
        let closed_count = body.count(SEGMENT_BYTES)?;
        let closed =
            (0..closed_count).map(|_| SegmentCheckpoint::decode(body)).collect::<Result<_, _>>()?;
        let epochs = epochs::decode(body)?;
        let producers_upto = Offset(body.i64()?);
        let producers = producers_file::decode_table(body, producers_upto, limits)?;
        let hard_state_bytes = body.count(1)?;
        let hard_state = Bytes::copy_from_slice(body.take(hard_state_bytes)?);
        Ok(Self {
            stream,
            settings,
            damaged,
            log_start,
            cursor,
            cursor_position,
            cursor_offset,
            active,
            closed,
            epochs,
            producers_upto,
            producers,
            hard_state,
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        let bases = || self.closed.iter().chain([&self.active]).map(|segment| segment.base);
        if bases().zip(bases().skip(1)).any(|(one, next)| one >= next) {
            return Err("a stream's segments are not in order");
        }
        if bases().any(|base| base < Offset::ZERO) || self.log_start < Offset::ZERO {
            return Err("a stream has a negative offset");
        }
        if self.closed.iter().any(|segment| segment.bytes == 0) {
            return Err("a closed segment is empty");
        }
        Ok(())
    }
}

impl SegmentCheckpoint {
    fn encode(&self, body: &mut Vec<u8>) {
        let Self { base, bytes, largest, opened_at } = self;
        body.put_i64_le(base.0);
        body.put_u64_le(*bytes);
        body.put_i64_le(largest.0);
        body.put_i64_le(opened_at.0);
    }

    fn decode(body: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            base: Offset(body.i64()?),
            bytes: body.u64()?,
            largest: Timestamp(body.i64()?),
            opened_at: Timestamp(body.i64()?),
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
