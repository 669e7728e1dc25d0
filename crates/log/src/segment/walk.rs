//! Reading a segment: batch by batch through its headers, or in large stretches.
//!
//! A file is trusted only below the view's limit; the last partial block may be overlaid by the bytes
//! that are in memory, which are the truth while that block is being written again.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::Offset;
use ottla_record::{BatchHeader, BatchView, HEADER_BYTES};

use super::files::{SegmentFiles, SegmentName, Use};
use crate::storage::{StorageError, StorageFile};

/// How much is read at a time while headers are looked for.
const WALK_BYTES: u64 = 64 * 1024;

/// What a segment's bytes are, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentView {
    pub(crate) name: SegmentName,
    /// Nothing from here on is looked at.
    pub(crate) limit: u64,
    /// No batch below the limit reaches beyond this offset.
    pub(crate) end: Offset,
    /// Bytes that stand for the file's from this position on.
    pub(crate) overlay: Option<(u64, Bytes)>,
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    /// The disk could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What lies there is no batch of this log.
    #[error("at position {position} of segment {segment}: {what}")]
    Bad {
        /// The segment's base offset.
        segment: Offset,
        /// Where.
        position: u64,
        /// What was found.
        what: String,
    },
}

/// A segment, open for reading.
pub(crate) struct SegmentReader {
    view: SegmentView,
    file: Option<Arc<dyn StorageFile>>,
    /// The last stretch that was read for headers.
    window: (u64, Vec<u8>),
}

impl SegmentView {
    /// Opens the segment.
    pub(crate) fn open(self, files: &SegmentFiles) -> Result<SegmentReader, WalkError> {
        let in_file = self.overlay.as_ref().map_or(self.limit, |(at, _)| *at);
        let file = if in_file > 0 { Some(files.open(self.name, Use::Read)?) } else { None };
        Ok(SegmentReader { view: self, file, window: (0, Vec::new()) })
    }
}

impl SegmentReader {
    /// Where the segment ends for this reader.
    pub(crate) fn limit(&self) -> u64 {
        self.view.limit
    }

    /// The bytes `from..upto`, as far as the limit.
    pub(crate) fn range(&self, from: u64, upto: u64) -> Result<Vec<u8>, WalkError> {
        let bytes = self.available(from, upto)?;
        let wanted = upto.min(self.view.limit).saturating_sub(from);
        if (bytes.len() as u64) < wanted {
            return Err(self.bad(from + bytes.len() as u64, "the file ends here".to_owned()));
        }
        Ok(bytes)
    }

    /// The same, as far as the file goes.
    fn available(&self, from: u64, upto: u64) -> Result<Vec<u8>, WalkError> {
        let upto = upto.min(self.view.limit);
        let mut bytes = vec![0; usize::try_from(upto.saturating_sub(from)).expect("fits memory")];
        let overlaid = self.view.overlay.as_ref().map_or(upto, |(at, _)| (*at).clamp(from, upto));
        let (in_file, over) = bytes.split_at_mut((overlaid - from) as usize);
        if !in_file.is_empty() {
            let file = self.file.as_ref().expect("opened where the file is needed");
            let got = file.read_at(from, in_file)?;
            if got < in_file.len() {
                bytes.truncate(got);
                return Ok(bytes);
            }
        }
        if let Some((at, bytes)) = self.view.overlay.as_ref().filter(|_| !over.is_empty()) {
            let start = (overlaid - at) as usize;
            over.copy_from_slice(&bytes[start..start + over.len()]);
        }
        Ok(bytes)
    }

    /// The header of the batch at `position`; `None` at the limit. The batch lies wholly below it.
    pub(crate) fn header(&mut self, position: u64) -> Result<Option<BatchHeader>, WalkError> {
        if position == self.view.limit {
            return Ok(None);
        }
        let header_end = position + HEADER_BYTES as u64;
        if header_end > self.view.limit {
            return Err(self.bad(position, "no batch is so short".to_owned()));
        }
        let (start, bytes) = &self.window;
        if position < *start || header_end > start + bytes.len() as u64 {
            self.window = (position, self.available(position, position + WALK_BYTES)?);
        }
        let (start, bytes) = &self.window;
        if header_end > start + bytes.len() as u64 {
            return Err(self.bad(start + bytes.len() as u64, "the file ends here".to_owned()));
        }
        let header = BatchHeader::peek(&bytes[(position - start) as usize..])
            .map_err(|error| self.bad(position, error.to_string()))?;
        if position + header.size() as u64 > self.view.limit {
            return Err(self.bad(position, "the batch passes the end of the segment".to_owned()));
        }
        let offsets = header.base_offset..header.next_offset();
        if offsets.is_empty() || offsets.start < self.view.name.base || offsets.end > self.view.end
        {
            return Err(self.bad(position, "its offsets cannot be".to_owned()));
        }
        Ok(Some(header))
    }

    /// The first batch from `position` on for which `is_it` holds, and where it is.
    pub(crate) fn find(
        &mut self,
        mut position: u64,
        mut is_it: impl FnMut(u64, &BatchHeader) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, WalkError> {
        while let Some(header) = self.header(position)? {
            if is_it(position, &header) {
                return Ok(Some((position, header)));
            }
            position += header.size() as u64;
        }
        Ok(None)
    }

    /// Whole batches from `position` on, each with its CRC checked, until `bytes_max` or a batch that
    /// passes `upto`; the first comes whatever its size. Answers the bytes and the offset after them.
    ///
    /// SUBTLE: that the first one passes `upto` is believed only when its CRC holds. A reader that is
    /// told there is nothing yet comes again, and would do so for ever.
    pub(crate) fn batches(
        &mut self,
        position: u64,
        upto: Offset,
        bytes_max: u64,
    ) -> Result<(Bytes, Option<Offset>), WalkError> {
        let Some(first) = self.header(position)? else { return Ok((Bytes::new(), None)) };
        let wanted = bytes_max.max(first.size() as u64);
        let bytes = Bytes::from(self.range(position, position + wanted)?);
        let mut at = 0;
        let mut expected = first.base_offset;
        while at < bytes.len() {
            let Ok(batch) = BatchView::parse(&bytes[at..]) else {
                if bytes.len() - at >= HEADER_BYTES {
                    // A batch that is cut off is no error; one that is none is.
                    let peeked = BatchHeader::peek(&bytes[at..]);
                    peeked.map_err(|error| self.bad(position + at as u64, error.to_string()))?;
                }
                break;
            };
            let header = batch.header();
            if at > 0 && header.next_offset() > upto {
                break;
            }
            if header.base_offset != expected {
                let what = format!("offset {} where {expected} belongs", header.base_offset);
                return Err(self.bad(position + at as u64, what));
            }
            batch
                .verify_crc()
                .map_err(|error| self.bad(position + at as u64, error.to_string()))?;
            if header.next_offset() > upto {
                break;
            }
            expected = header.next_offset();
            at += header.size();
        }
        Ok((bytes.slice(..at), (at > 0).then_some(expected)))
    }

    /// What lies at `position` is no batch of this log.
    pub(crate) fn bad(&self, position: u64, what: String) -> WalkError {
        WalkError::Bad { segment: self.view.name.base, position, what }
    }
}
