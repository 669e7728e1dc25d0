//! Reading: from the tail without any I/O, from segments otherwise.
//!
//! SUBTLE: a cold read takes down, under the lock, what the segment's bytes are (how much of the file
//! counts, and the block in memory that overlays its end), and reads without the lock. Meanwhile:
//! - *retention* may remove the file: open handles go on working; an open that comes too late finds
//!   nothing, looks at the log's start again and answers that the offset is out of range;
//! - *fills* write beyond what counts, or the same bytes again;
//! - *truncation* may put other bytes there. What comes of that fails a check or is bounded by
//!   `upto`; after a failure the generation tells, and the read begins anew.

use bytes::Bytes;
use ottla_model::Offset;
use ottla_record::BatchHeader;

use super::state::{Life, StreamState};
use super::{ReadOutcome, ReadRequest, Slice, Stream};
use crate::error::ReadError;
use crate::segment::{SegmentName, SegmentReader, SegmentView, Use, WalkError};
use crate::storage::StorageError;

/// How often a read begins anew because the log was cut under it.
const READ_TRIES_MAX: usize = 8;

impl Stream {
    /// Reads whole batches.
    ///
    /// # Errors
    /// When there is no such offset, or the bytes are not what was written.
    pub fn read(&self, request: ReadRequest) -> Result<ReadOutcome, ReadError> {
        for _ in 0..READ_TRIES_MAX {
            let (view, generation) = {
                let state = self.state.lock();
                state.check_readable(request.from)?;
                if let Some(slice) = state.read_tail(&request) {
                    self.shared.counters.reads_tail.add(1);
                    return Ok(ReadOutcome::Slice(slice));
                }
                if request.tail_only {
                    return Ok(ReadOutcome::Cold);
                }
                (state.view_at(request.from), state.generation)
            };
            self.shared.counters.reads_cold.add(1);
            match self.read_cold(&request, view) {
                Ok(slice) => return Ok(ReadOutcome::Slice(slice)),
                Err(error) => self.judge_read_error(request.from, generation, &error)?,
            }
        }
        let why = "the log was cut again and again while it was read".to_owned();
        Err(ReadError::Storage { stream: self.id, why })
    }

    fn read_cold(&self, request: &ReadRequest, view: SegmentView) -> Result<Slice, WalkError> {
        let from = request.from;
        let mut reader = view.open(&self.shared.files)?;
        reader.in_stretches_of(request.bytes_max);
        let (position, header) = self.find_batch(&mut reader, from)?;
        let (bytes, next) = reader.batches(position, request.upto, request.bytes_max)?;
        reader.read_ahead(position + bytes.len() as u64, bytes.len() as u64);
        Ok(match next {
            Some(next) => Slice { chunks: vec![bytes], start: header.base_offset, next },
            None => Slice { chunks: Vec::new(), start: from, next: from },
        })
    }

    /// Whether a failed read is to begin anew (`Ok`), or what it was.
    pub(super) fn judge_read_error(
        &self,
        from: Offset,
        generation: u64,
        error: &WalkError,
    ) -> Result<(), ReadError> {
        let state = self.state.lock();
        state.check_readable(from)?;
        if state.generation != generation {
            return Ok(());
        }
        let what = error.to_string();
        match error {
            WalkError::Storage(StorageError::NotFound { .. }) | WalkError::Bad { .. } => {
                Err(ReadError::Damaged { stream: self.id, offset: from, what })
            }
            WalkError::Storage(_) => Err(ReadError::Storage { stream: self.id, why: what }),
        }
    }

    /// Where the batch begins that holds `offset`: its position, and its base offset.
    pub(super) fn locate(
        &self,
        view: SegmentView,
        offset: Offset,
    ) -> Result<(u64, Offset), WalkError> {
        let mut reader = view.clone().open(&self.shared.files)?;
        match self.find_batch(&mut reader, offset) {
            Ok((position, header)) => Ok((position, header.base_offset)),
            Err(WalkError::Storage(error)) => Err(error.into()),
            // Where batches end at `offset` it is known, whatever follows. A crash may have left what was
            // written there after the very cut that is done again now.
            Err(error) => match self.end_of_batches(view, offset)? {
                (position, end) if end == offset => Ok((position, end)),
                _ => Err(error),
            },
        }
    }

    /// Up to where batches follow one another that end at or before `offset`.
    fn end_of_batches(
        &self,
        view: SegmentView,
        offset: Offset,
    ) -> Result<(u64, Offset), WalkError> {
        let mut end = (0, view.name.base);
        let walked = view.open(&self.shared.files)?.find(0, |position, header| {
            let beyond = header.next_offset() > offset;
            if !beyond {
                end = (position + header.size() as u64, header.next_offset());
            }
            beyond
        });
        match walked {
            Err(WalkError::Storage(error)) => Err(error.into()),
            _ => Ok(end),
        }
    }

    /// The batch that holds `offset`. Where the index leads nowhere the segment is walked from its
    /// start before anything is called damaged: an index is a hint.
    fn find_batch(
        &self,
        reader: &mut SegmentReader,
        offset: Offset,
    ) -> Result<(u64, BatchHeader), WalkError> {
        let name = reader.view().name;
        let start = self.look_up(name, reader.view(), |index| index.position_for_offset(offset))?;
        let holds = |_: u64, header: &BatchHeader| header.next_offset() > offset;
        let is_it = |header: &BatchHeader| header.base_offset <= offset;
        match reader.find(u64::from(start), holds) {
            Ok(Some((position, header))) if is_it(&header) => return Ok((position, header)),
            Err(WalkError::Storage(error)) => return Err(error.into()),
            _ => {}
        }
        match reader.find(0, holds)? {
            Some((position, header)) if is_it(&header) => Ok((position, header)),
            _ => Err(missing(name, reader.limit(), offset)),
        }
    }

    /// The bytes `from..upto` of a segment, out of its file.
    pub(super) fn read_file_range(
        &self,
        base: Offset,
        from: u64,
        upto: u64,
    ) -> Result<Bytes, WalkError> {
        let name = SegmentName { stream: self.id, base };
        let (end, through) = (Offset(i64::MAX), Use::Direct);
        let view = SegmentView { name, limit: upto, end, through, overlay: None };
        let reader = view.open(&self.shared.files)?;
        reader.range(from, upto)
    }
}

fn missing(name: SegmentName, position: u64, offset: Offset) -> WalkError {
    WalkError::Bad { segment: name.base, position, what: format!("offset {offset} is not there") }
}

impl StreamState {
    pub(super) fn check_readable(&self, from: Offset) -> Result<(), ReadError> {
        if self.life == Life::Dropped {
            return Err(ReadError::Gone { stream: self.id });
        }
        if from < self.log_start || from > self.log_end {
            return Err(ReadError::OutOfRange {
                stream: self.id,
                offset: from,
                start: self.log_start,
                end: self.log_end,
            });
        }
        Ok(())
    }

    /// What the tail answers; `None` when a file is needed.
    fn read_tail(&self, request: &ReadRequest) -> Option<Slice> {
        let upto = request.upto.min(self.log_end);
        let nothing = Slice { chunks: Vec::new(), start: request.from, next: request.from };
        if request.from >= upto {
            return Some(nothing);
        }
        let batches = self.tail.batches_from(request.from)?;
        let mut slice = nothing;
        let mut bytes = 0;
        for piece in batches.take_while(|piece| piece.next <= upto) {
            if bytes > 0 && bytes + piece.len() > request.bytes_max {
                break;
            }
            if bytes == 0 {
                slice.start = piece.base;
            }
            bytes += piece.len();
            slice.next = piece.next;
            let parts = [&piece.head, &piece.rest];
            slice.chunks.extend(parts.into_iter().filter(|part| !part.is_empty()).cloned());
        }
        Some(slice)
    }

    /// The segment that holds `offset`, as far as its file and the block in memory go.
    pub(super) fn view_at(&self, offset: Offset) -> SegmentView {
        self.view_of(self.segment_at(offset))
    }

    /// The segment at this place, as far as its file and the block in memory go.
    pub(super) fn view_of(&self, at: usize) -> SegmentView {
        let segment = &self.segments[at];
        let name = SegmentName { stream: self.id, base: segment.base };
        let mut unwritten = self.tail.unwritten().filter(|piece| piece.segment == segment.base);
        let first = unwritten.next();
        let through = if self.is_fsync() { Use::Direct } else { Use::Read };
        match first {
            Some(piece) if !piece.is_batch() => {
                let overlay = Some((piece.position, piece.rest.clone()));
                SegmentView { name, limit: piece.end(), end: piece.base, through, overlay }
            }
            // The batch that lies across the file's end is whole in memory.
            Some(piece) => {
                SegmentView { name, limit: piece.position, end: piece.base, through, overlay: None }
            }
            None => {
                let end = self.segments.get(at + 1).map_or(self.log_end, |next| next.base);
                let limit = segment.written.min(segment.bytes);
                SegmentView { name, limit, end, through, overlay: None }
            }
        }
    }
}
