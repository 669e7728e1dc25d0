//! The records of one batch, one after the other, without a copy or an allocation.
//!
//! A walk ends with an error at the first malformed record, and checks after the last one that the
//! bytes end there too.

use std::iter::FusedIterator;

use ottla_model::limits::RECORD_HEADERS_MAX;
use ottla_model::{Offset, Timestamp};

use crate::attributes::TimestampType;
use crate::error::{BatchError, RecordFault};
use crate::header::BatchHeader;
use crate::reader::Reader;

/// One record, as slices of the batch (or of the scratch it was decompressed into).
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp; that of the batch when the leader sets timestamps.
    pub timestamp: Timestamp,
    /// Its key, if it has one. An empty key is a key.
    pub key: Option<&'a [u8]>,
    /// Its value; a record without one is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: Headers<'a>,
}

impl<'a> RecordView<'a> {
    /// Its headers in their order, duplicates included.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }
}

/// One header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordHeader<'a> {
    /// Its key: UTF-8 by convention, which nobody checks.
    pub key: &'a [u8],
    /// Its value, if it has one.
    pub value: Option<&'a [u8]>,
}

impl<'a> RecordHeader<'a> {
    /// A header of this key and value.
    pub fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The key as text, with U+FFFD where it is not UTF-8.
    pub fn key_text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// What a record without headers has.
pub const NO_HEADERS: [RecordHeader<'static>; 0] = [];

/// The headers of one record. Made only from bytes that were walked, so it cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Headers<'a> {
    /// The encoded headers that are left, for whoever keeps a record longer than a borrow.
    pub fn bytes(&self) -> &'a [u8] {
        self.reader.rest
    }

    /// The headers again, of what [`bytes`](Self::bytes) and `len` gave.
    ///
    /// # Panics
    /// The iteration does, when these are not the bytes of so many headers.
    pub fn of_walked(bytes: &'a [u8], count: u32) -> Self {
        Self { reader: Reader::new(bytes), left: count }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.left = self.left.checked_sub(1)?;
        Some(read_header(&mut self.reader).expect("the walk has read every header once"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The iterator over a batch's records.
#[derive(Clone, Debug)]
pub struct RecordWalk<'a> {
    reader: Reader<'a>,
    base_offset: i64,
    base_timestamp: i64,
    /// The timestamp of every record, when the leader has set it.
    append_time: Option<Timestamp>,
    count: u32,
    index: u32,
    ended: bool,
}

impl<'a> RecordWalk<'a> {
    /// Walks the (decompressed) records of the batch with this header.
    pub(crate) fn new(header: &BatchHeader, records: &'a [u8]) -> Self {
        let append_time = match header.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Self {
            reader: Reader::new(records),
            base_offset: header.base_offset.0,
            base_timestamp: header.base_timestamp.0,
            append_time,
            count: u32::try_from(header.record_count).unwrap_or(0),
            index: 0,
            ended: false,
        }
    }

    /// Reads every record and looks at its deltas, which is all that validation wants: one tight loop,
    /// without the views in between.
    pub(crate) fn check_all(
        mut self,
        mut check: impl FnMut(&RawRecord<'a>) -> Result<(), RecordFault>,
    ) -> Result<(), BatchError> {
        for index in 0..self.count {
            RawRecord::read(&mut self.reader)
                .and_then(|record| check(&record))
                .map_err(|fault| BatchError::Record { index, fault })?;
        }
        self.extra().map_or(Ok(()), Err)
    }

    fn extra(&self) -> Option<BatchError> {
        let extra = self.reader.left();
        (extra > 0).then_some(BatchError::RecordsExtra { extra, count: self.count })
    }

    fn view(&self, raw: RawRecord<'a>) -> RecordView<'a> {
        let created = Timestamp(self.base_timestamp.wrapping_add(raw.timestamp_delta));
        RecordView {
            offset: Offset(self.base_offset.wrapping_add(i64::from(raw.offset_delta))),
            timestamp: self.append_time.unwrap_or(created),
            key: raw.key,
            value: raw.value,
            headers: raw.headers,
        }
    }
}

impl<'a> Iterator for RecordWalk<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.index == self.count {
            self.ended = true;
            return self.extra().map(Err);
        }
        let index = self.index;
        self.index += 1;
        match RawRecord::read(&mut self.reader) {
            Ok(raw) => Some(Ok(self.view(raw))),
            Err(fault) => {
                self.ended = true;
                Some(Err(BatchError::Record { index, fault }))
            }
        }
    }
}

impl FusedIterator for RecordWalk<'_> {}

/// A record as it is stored: deltas, not sums.
pub(crate) struct RawRecord<'a> {
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Headers<'a>,
}

impl<'a> RawRecord<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, RecordFault> {
        let mut body = Reader::new(reader.sized()?);
        // The record's own attributes have no meaning yet; Kafka reads past them too.
        body.byte()?;
        let timestamp_delta = body.varlong()?;
        let offset_delta = body.varint()?;
        let key = body.nullable()?;
        let value = body.nullable()?;
        let headers = read_headers(body)?;
        Ok(Self { timestamp_delta, offset_delta, key, value, headers })
    }
}

#[inline]
fn read_headers(mut body: Reader<'_>) -> Result<Headers<'_>, RecordFault> {
    let count = body.varint()?;
    let headers = Headers { reader: body, left: count as u32 };
    if count != 0 {
        body = skip_headers(body, count)?;
    }
    match body.left() {
        0 => Ok(headers),
        extra => Err(RecordFault::Extra { extra }),
    }
}

/// Reads every header once, so that nobody after it can meet a bad one.
fn skip_headers(mut body: Reader<'_>, count: i32) -> Result<Reader<'_>, RecordFault> {
    let fits = u32::try_from(count)
        .is_ok_and(|count| count <= RECORD_HEADERS_MAX && count as usize <= body.left() / 2);
    if !fits {
        return Err(RecordFault::Headers { count, left: body.left() });
    }
    for _ in 0..count {
        read_header(&mut body)?;
    }
    Ok(body)
}

fn read_header<'a>(reader: &mut Reader<'a>) -> Result<RecordHeader<'a>, RecordFault> {
    let key = reader.sized()?;
    let value = reader.nullable()?;
    Ok(RecordHeader { key, value })
}
