//! The producers of a log as of an offset: a file beside a segment, and a part of a checkpoint.
//!
//! The file is in the shell of small files (mark `OTTLPROD`, version 1):
//!
//! ```text
//!  0   8  offset up to which the log was taken in
//!  8   .  table
//! ```
//!
//! A table:
//!
//! ```text
//!  0   8  the largest producer id that may have been forgotten, -1 none
//!  8   4  number of producers
//! 12   .  producers, by rising id
//! ```
//!
//! A producer:
//!
//! ```text
//!  0   8  producer id
//!  8   2  epoch
//! 10   1  number of batches, 0 to 5
//! 11   1  reserved, zero
//! 12   8  last seen, milliseconds since 1970
//! 20   8  offset of its last record
//! 28   .  batches, oldest first, 32 bytes each:
//!          0  4  first sequence
//!          4  4  last sequence
//!          8  8  base offset
//!         16  8  last offset
//!         24  8  largest timestamp
//! ```

use bytes::BufMut;
use ottla_model::limits::PRODUCER_IN_FLIGHT_MAX;
use ottla_model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::FormatError;
use super::reader::Reader;
use super::sealed::Kind;
use crate::producers::{BatchMark, ProducerLimits, ProducerState, ProducerTable};

const KIND: Kind = Kind { what: "producer snapshot", mark: b"OTTLPROD", version: 1 };
const PRODUCER_BYTES: usize = 28;

/// A table and the offset up to which it took in the log.
#[derive(Clone, Debug)]
pub struct ProducerSnapshot {
    /// The first offset that is not in the table.
    pub upto: Offset,
    /// The table.
    pub table: ProducerTable,
}

impl ProducerSnapshot {
    /// The whole file.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.upto, &self.table)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Whatever makes it anything but a snapshot of a known version, wholly written.
    pub fn decode(file: &[u8], limits: ProducerLimits) -> Result<Self, FormatError> {
        let mut body = KIND.open(file)?;
        let upto = Offset(body.i64()?);
        let table = decode_table(&mut body, upto, limits)?;
        body.finish()?;
        Ok(Self { upto, table })
    }
}

/// The whole file of a borrowed table.
pub fn encode(upto: Offset, table: &ProducerTable) -> Vec<u8> {
    KIND.seal(|body| {
        body.put_i64_le(upto.0);
        encode_table(table, body);
    })
}

pub(super) fn encode_table(table: &ProducerTable, into: &mut Vec<u8>) {
    into.put_i64_le(table.forgotten_max().0);
    into.put_u32_le(u32::try_from(table.len()).expect("tables have a named limit"));
    for (producer, state) in table.iter() {
        into.put_i64_le(producer.0);
        into.put_i16_le(state.epoch.0);
        into.put_u8(state.batches().len() as u8);
        into.put_u8(0);
        into.put_i64_le(state.last_seen.0);
        into.put_i64_le(state.last_offset.0);
        for BatchMark { first, last, base_offset, last_offset, timestamp } in state.batches() {
            into.put_i32_le(first.0);
            into.put_i32_le(last.0);
            into.put_i64_le(base_offset.0);
            into.put_i64_le(last_offset.0);
            into.put_i64_le(timestamp.0);
        }
    }
}

/// Reads a table of a log that was taken in up to `upto`. Which bounds it lived under is not stored:
/// it is cut to `limits`.
pub(super) fn decode_table(
    from: &mut Reader<'_>,
    upto: Offset,
    limits: ProducerLimits,
) -> Result<ProducerTable, FormatError> {
    let forgotten_max = ProducerId(from.i64()?);
    if forgotten_max < ProducerId::NONE {
        return Err(from.invalid("it forgot a producer that cannot be"));
    }
    let count = from.count(PRODUCER_BYTES)?;
    let mut previous = ProducerId::NONE;
    let mut states = Vec::with_capacity(count);
    for _ in 0..count {
        let (producer, state) = decode_producer(from)?;
        if producer <= previous {
            return Err(from.invalid("its producers are not in order"));
        }
        if state.last_offset >= upto {
            return Err(from.invalid("a producer's last record lies beyond its end"));
        }
        previous = producer;
        states.push((producer, state));
    }
    let unbounded = ProducerLimits { producers_max: usize::MAX, ..limits };
    let table = ProducerTable::from_states(unbounded, forgotten_max, states)
        .ok_or(from.invalid("two producers wrote its same record"))?;
    Ok(table.with_limits(limits))
}

fn decode_producer(from: &mut Reader<'_>) -> Result<(ProducerId, ProducerState), FormatError> {
    let producer = ProducerId(from.i64()?);
    let epoch = ProducerEpoch(from.i16()?);
    let batch_count = usize::from(from.u8()?);
    from.reserved(1)?;
    if epoch.0 < 0 || batch_count > PRODUCER_IN_FLIGHT_MAX {
        return Err(from.invalid("a producer has no epoch or too many batches"));
    }
    let mut state = ProducerState {
        epoch,
        last_seen: Timestamp(from.i64()?),
        last_offset: Offset(from.i64()?),
        batches: Default::default(),
    };
    for _ in 0..batch_count {
        state.batches.push(decode_batch(from)?);
    }
    if !state.is_consistent() {
        return Err(from.invalid("a producer's batches do not follow one another"));
    }
    Ok((producer, state))
}

fn decode_batch(from: &mut Reader<'_>) -> Result<BatchMark, FormatError> {
    Ok(BatchMark {
        first: Sequence(from.i32()?),
        last: Sequence(from.i32()?),
        base_offset: Offset(from.i64()?),
        last_offset: Offset(from.i64()?),
        timestamp: Timestamp(from.i64()?),
    })
}
