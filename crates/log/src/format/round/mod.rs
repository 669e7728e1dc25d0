//! A journal round: everything that one journal write makes durable.
//!
//! A round begins at a multiple of 4 KiB and is a multiple of 4 KiB long:
//!
//! ```text
//!   0  128  header                            its own CRC
//! 128    .  streams, 20 bytes each            their own CRC: damage names the streams it hit
//!   .    .  payload: entries, end to end      their own CRC
//!   .    .  zeros up to the next 4 KiB        not covered: nobody reads them
//! ```
//!
//! Entries are operations in the order in which they took effect. All operations of one stream are
//! in one order, so "skip what lies before the cursor" replays each exactly once (L13).
//!
//! SUBTLE: the header holds the CRCs of the other two parts and is itself bound to this directory,
//! incarnation, sequence, file and position. So a torn write that leaves a new header beside the old
//! streams or payload of the file's former life fails a CRC, an old round that is whole fails the
//! comparison with the place it should be at, and a misdirected one too.

mod builder;
mod header;
mod operation;

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_model::{PartitionId, StreamId, TopicId};

pub use builder::RoundBuilder;
pub use header::{ROUND_HEADER_BYTES, RoundHeader, RoundStamp};
pub use operation::{ENTRY_HEADER_BYTES, Operation, Straight, digest_header};

use super::FormatError;
use super::reader::Reader;

const WHAT: &str = "journal round";

/// Bytes that a stream takes in a round's list.
pub const ROUND_STREAM_BYTES: usize = 20;

/// One round as it was read, checked whole.
#[derive(Clone, Debug)]
pub struct Round {
    /// Where and when it was written.
    pub header: RoundHeader,
    /// The streams that its entries name, each once.
    pub streams: Vec<StreamId>,
    payload: Bytes,
}

/// One operation of a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place in the round, from 0.
    pub index: u32,
    /// Whose operation it is.
    pub stream: StreamId,
    /// What to do.
    pub operation: Operation,
}

/// A round that is not whole, and what could still be read of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct BadRound {
    /// What is wrong.
    #[source]
    pub error: FormatError,
    /// The header, when it holds.
    pub header: Option<RoundHeader>,
    /// The streams, when their list holds. When it does not, the round may have held any stream's.
    pub streams: Option<Vec<StreamId>>,
}

impl Round {
    /// Reads the round at the start of `bytes`, which may go on beyond it. Bodies are shared with
    /// `bytes`, not copied.
    ///
    /// # Errors
    /// When any byte of it is missing or not as it was written.
    #[expect(clippy::result_large_err, reason = "once per journal, where it ends")]
    pub fn decode(bytes: &Bytes) -> Result<Self, BadRound> {
        let header = RoundHeader::decode(bytes).map_err(|error| BadRound {
            error,
            header: None,
            streams: None,
        })?;
        let streams = decode_streams(&header, bytes).map_err(|error| BadRound {
            error,
            header: Some(header),
            streams: None,
        })?;
        match decode_payload(&header, &streams, bytes) {
            Ok(payload) => Ok(Self { header, streams, payload }),
            Err(error) => Err(BadRound { error, header: Some(header), streams: Some(streams) }),
        }
    }

    /// The operations, in order.
    pub fn entries(&self) -> Entries<'_> {
        let Self { streams, payload, .. } = self;
        Entries { streams, payload, at: 0, index: 0, named: 0 }
    }
}

fn decode_streams(header: &RoundHeader, bytes: &[u8]) -> Result<Vec<StreamId>, FormatError> {
    let mut reader = Reader::new(WHAT, bytes);
    reader.take(ROUND_HEADER_BYTES)?;
    let list = reader.take(header.stream_count as usize * ROUND_STREAM_BYTES)?;
    check_crc("list of streams of a journal round", list, header.streams_crc)?;
    let mut reader = Reader::new(WHAT, list);
    let streams = (0..header.stream_count)
        .map(|_| {
            let topic = TopicId::from_bytes(reader.array()?);
            Ok(StreamId::new(topic, PartitionId(reader.u32()?)))
        })
        .collect::<Result<Vec<_>, FormatError>>()?;
    if streams.iter().collect::<BTreeSet<_>>().len() != streams.len() {
        return Err(reader.invalid("its list names a stream twice"));
    }
    reader.finish()?;
    Ok(streams)
}

fn decode_payload(
    header: &RoundHeader,
    streams: &[StreamId],
    bytes: &Bytes,
) -> Result<Bytes, FormatError> {
    let mut reader = Reader::new(WHAT, bytes);
    reader.take(header.payload_start())?;
    let payload = reader.take(header.payload_bytes as usize)?;
    check_crc(WHAT, payload, header.payload_crc)?;
    let payload = bytes.slice_ref(payload);
    let mut entries = Entries { streams, payload: &payload, at: 0, index: 0, named: 0 };
    while entries.advance()?.is_some() {}
    if entries.index != header.entry_count {
        return Err(reader.invalid("it holds another number of entries than its header says"));
    }
    if entries.named as usize != streams.len() {
        return Err(reader.invalid("its list names a stream of which there is no entry"));
    }
    Ok(payload)
}

fn check_crc(what: &'static str, bytes: &[u8], stored: u32) -> Result<(), FormatError> {
    let computed = crc32c::crc32c(bytes);
    if stored == computed { Ok(()) } else { Err(FormatError::Checksum { what, stored, computed }) }
}

/// The operations of a round, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    streams: &'a [StreamId],
    payload: &'a Bytes,
    at: usize,
    index: u32,
    /// How many streams were named so far: the list has them in the order of their first entry.
    named: u32,
}

impl Entries<'_> {
    fn advance(&mut self) -> Result<Option<Entry>, FormatError> {
        if self.at == self.payload.len() {
            return Ok(None);
        }
        let (place, operation, size) = operation::decode(self.payload, self.at)?;
        let stream = match self.streams.get(place as usize) {
            Some(stream) if place <= self.named => *stream,
            _ => return Err(FormatError::Invalid { what: WHAT, why: "an entry names no stream" }),
        };
        self.named = self.named.max(place + 1);
        let entry = Entry { index: self.index, stream, operation };
        self.at += size;
        self.index += 1;
        Ok(Some(entry))
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.advance().expect("`Round::decode` walked these very entries")
    }
}

#[cfg(test)]
mod tests;
