//! Reading a segment: batch by batch through its headers, or in large stretches.
//!
//! A file is trusted only below the view's limit; the last partial block may be overlaid by the bytes
//! that are in memory, which are the truth while that block is being written again.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::Offset;
use ottla_model::limits::FETCH_AHEAD_BYTES;
use ottla_record::{BatchHeader, BatchView, HEADER_BYTES};

use super::files::{SegmentFiles, SegmentName, Use};
use crate::storage::{Recycled, StorageError, StorageFile, blocks_around};

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
    /// How the file is read. What was written past the page cache is read past it: taking it in costs
    /// more than reading it again.
    pub(crate) through: Use,
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
    recycled: Arc<Recycled>,
    /// The last stretch that was read for headers.
    window: (u64, Bytes),
    /// How much is read at a time for headers.
    stretch: u64,
}

impl SegmentView {
    /// Opens the segment.
    pub(crate) fn open(self, files: &SegmentFiles) -> Result<SegmentReader, WalkError> {
        let in_file = self.overlay.as_ref().map_or(self.limit, |(at, _)| *at);
        let file = if in_file > 0 { Some(files.open(self.name, self.through)?) } else { None };
        Ok(SegmentReader {
            recycled: Arc::clone(&files.recycled),
            view: self,
            file,
            window: (0, Bytes::new()),
            stretch: WALK_BYTES,
        })
    }
}

impl SegmentReader {
    /// What it reads.
    pub(crate) fn view(&self) -> &SegmentView {
        &self.view
    }

    /// Where the segment ends for this reader.
    pub(crate) fn limit(&self) -> u64 {
        self.view.limit
    }

    /// Reads as much at a time as a batch and what follows it are wanted, so that headers on the way to
    /// it cost no read of their own.
    pub(crate) fn in_stretches_of(&mut self, bytes: u64) {
        self.stretch = bytes.max(WALK_BYTES);
    }

    /// What comes after the stretch that ends at `position` will be read soon: asks for so much of it,
    /// [`FETCH_AHEAD_BYTES`] ahead. A reader in sequence thus asks for each byte once.
    pub(crate) fn read_ahead(&self, position: u64, bytes: u64) {
        let ahead = position + FETCH_AHEAD_BYTES;
        let upto = ahead.min(self.view.limit);
        let from = ahead.saturating_sub(bytes).max(position);
        if let Some(file) =
            self.file.as_ref().filter(|_| from < upto && self.view.through == Use::Read)
        {
            file.will_need(from, upto - from);
        }
    }

    /// The bytes `from..upto`, as far as the limit.
    pub(crate) fn range(&self, from: u64, upto: u64) -> Result<Bytes, WalkError> {
        let bytes = self.available(from, upto)?;
        let wanted = upto.min(self.view.limit).saturating_sub(from);
        if (bytes.len() as u64) < wanted {
            return Err(self.bad(from + bytes.len() as u64, "the file ends here".to_owned()));
        }
        Ok(bytes)
    }

    /// The same, as far as the file goes.
    fn available(&self, from: u64, upto: u64) -> Result<Bytes, WalkError> {
        let upto = upto.min(self.view.limit);
        let upto = upto.max(from);
        let overlaid = self.view.overlay.as_ref().map_or(upto, |(at, _)| (*at).clamp(from, upto));
        let in_file = usize::try_from(overlaid - from).expect("fits memory");
        let bytes = if in_file > 0 { self.in_file(from, in_file)? } else { Bytes::new() };
        match &self.view.overlay {
            Some((at, block)) if overlaid < upto && bytes.len() == in_file => {
                let over = block.slice((overlaid - at) as usize..(upto - at) as usize);
                Ok(if in_file == 0 { over } else { [bytes, over].concat().into() })
            }
            _ => Ok(bytes),
        }
    }

    /// What the file has.
    fn in_file(&self, from: u64, bytes: usize) -> Result<Bytes, WalkError> {
        let file = self.file.as_ref().expect("opened where the file is needed");
        if self.view.through != Use::Direct {
            return Ok(file.read_new(from, bytes)?.into());
        }
        let (start, end) = blocks_around(from, from + bytes as u64);
        let mut buffer = self.recycled.take((end - start) as usize);
        let got = file.read_at(start, &mut buffer)?;
        let before = (from - start) as usize;
        Ok(self.recycled.lend(buffer).slice(before.min(got)..(before + bytes).min(got)))
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
            self.window = (position, self.available(position, position + self.stretch)?);
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
        let bytes = match self.in_window(position, first.size(), wanted) {
            Some(bytes) => bytes,
            None => self.range(position, position + wanted)?,
        };
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

    /// What was read for headers, where that is most of what is wanted.
    fn in_window(&self, position: u64, least: usize, wanted: u64) -> Option<Bytes> {
        let (start, window) = &self.window;
        let from = usize::try_from(position.checked_sub(*start)?).ok()?;
        let upto = window.len().min(from + usize::try_from(wanted).ok()?);
        let most = upto.checked_sub(from)? as u64 >= (wanted / 2).max(least as u64);
        (most || position + (upto - from) as u64 == self.view.limit)
            .then(|| window.slice(from..upto))
    }

    /// What lies at `position` is no batch of this log.
    pub(crate) fn bad(&self, position: u64, what: String) -> WalkError {
        WalkError::Bad { segment: self.view.name.base, position, what }
    }
}
