//! One stream put together: what its files hold, and over it what the journal says happened since.
//!
//! Invariant: `segments` is never empty, bases rise, and the last one is written to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_model::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use ottla_model::{Durability, Offset, StreamId};
use ottla_record::{BatchHeader, HEADER_BYTES};

use super::walk;
use crate::StreamSettings;
use crate::epochs::EpochCache;
use crate::format::names::{SegmentFile, segment_path};
use crate::format::{Cursor, Operation, Straight, StreamCheckpoint, digest_header};
use crate::producers::{ProducerLimits, ProducerTable};
use crate::storage::{OpenMode, Result, Storage, StorageFile};

/// A stream as a start would find it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) checkpoint: StreamCheckpoint,
    pub(super) settings: StreamSettings,
    pub(super) log_start: Offset,
    pub(super) end: Offset,
    pub(super) segments: Vec<Segment>,
    /// Below this offset nothing happened since the checkpoint: what that says of it still holds.
    pub(super) settled: Offset,
    /// A relaxed stream was cut after the checkpoint, and took nothing since.
    is_cut: bool,
    /// The journal does not fit from here on: what is wrong.
    pub(super) broken: Option<String>,
}

/// One segment: its file up to what the journal lays over it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    /// How much of it is in the file alone.
    pub(super) in_file: u64,
    /// How much the checkpoint says to be in the file, whether the journal has it as well or not.
    pub(super) filled: u64,
    /// What the journal lays over the file, by position; pieces do not overlap.
    overlay: BTreeMap<u64, Bytes>,
}

impl Content {
    /// The stream as of the checkpoint.
    pub(super) fn new(checkpoint: StreamCheckpoint) -> Self {
        let last = checkpoint.segments.len().saturating_sub(1);
        let mut segments: Vec<Segment> = checkpoint
            .segments
            .iter()
            .enumerate()
            .map(|(at, segment)| {
                let filled = if at == last { checkpoint.filled } else { segment.bytes };
                let in_file = filled.min(segment.bytes);
                Segment { bytes: segment.bytes, in_file, filled, ..Segment::new(segment.base) }
            })
            .collect();
        if segments.is_empty() {
            segments.push(Segment::new(checkpoint.end));
        }
        Self {
            settings: checkpoint.settings.clone(),
            log_start: checkpoint.log_start,
            end: checkpoint.end,
            segments,
            settled: checkpoint.end,
            is_cut: false,
            broken: implausible(&checkpoint),
            checkpoint,
        }
    }

    /// A stream that began after the checkpoint.
    pub(super) fn begun(stream: StreamId, settings: StreamSettings) -> Self {
        Self::new(StreamCheckpoint {
            stream,
            settings,
            damaged: None,
            log_start: Offset::ZERO,
            cursor: Cursor::default(),
            end: Offset::ZERO,
            filled: 0,
            segments: Vec::new(),
            epochs: EpochCache::default(),
            producers: ProducerTable::new(ProducerLimits::default()),
            hard_state: Bytes::new(),
        })
    }

    pub(super) fn id(&self) -> StreamId {
        self.checkpoint.stream
    }

    /// Whether its files, and not the journal, say where it ends.
    pub(super) fn is_open_ended(&self) -> bool {
        self.settings.durability == Durability::Relaxed && !self.is_cut
    }

    /// Bytes that only the journal holds.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes.saturating_sub(segment.in_file)).sum()
    }

    /// The segment that holds `offset`, or would.
    pub(super) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// Does what the journal says at `place`.
    pub(super) fn apply(&mut self, place: Cursor, operation: Operation, storage: &dyn Storage) {
        // What came after damage of an earlier start was never counted.
        let after_damage = self.checkpoint.damaged.is_some_and(|round| place.sequence >= round);
        if place < self.checkpoint.cursor || after_damage || self.broken.is_some() {
            return;
        }
        if let Err(what) = self.apply_new(operation, storage) {
            self.broken = Some(what);
        }
    }

    fn apply_new(
        &mut self,
        operation: Operation,
        storage: &dyn Storage,
    ) -> std::result::Result<(), String> {
        match operation {
            Operation::Append { head, rest } => self.append(&head, &rest),
            Operation::Roll { segment } => self.roll(segment),
            Operation::Carry { segment, position, next, bytes } => {
                self.carry(segment, position, next, bytes)
            }
            Operation::Straight(straight) => self.straight(straight, storage),
            Operation::Filled { .. } => {
                Err("an operation that this version does not know was found".to_owned())
            }
            Operation::Truncate { to } => self.truncate(to, storage),
            Operation::MoveStart { to } => {
                self.move_start(to);
                Ok(())
            }
            Operation::Alter { settings } => {
                // Another durability came with a checkpoint of its own, before the operation.
                let durability = self.settings.durability;
                self.settings = StreamSettings { durability, ..settings };
                Ok(())
            }
            Operation::Create { .. } | Operation::Drop | Operation::HardState { .. } => Ok(()),
        }
    }

    fn last(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a stream has a segment to write to")
    }

    fn append(&mut self, head: &Bytes, rest: &Bytes) -> std::result::Result<(), String> {
        let mut batch = BytesMut::with_capacity(head.len() + rest.len());
        batch.extend_from_slice(head);
        batch.extend_from_slice(rest);
        let header = BatchHeader::peek(&batch).map_err(|error| error.to_string())?;
        if header.base_offset != self.end {
            let (got, end) = (header.base_offset, self.end);
            return Err(format!("a batch at {got} follows the log end at {end}"));
        }
        let last = self.last();
        last.lay(last.bytes, batch.freeze());
        self.end = header.next_offset();
        Ok(())
    }

    fn roll(&mut self, base: Offset) -> std::result::Result<(), String> {
        if base != self.end {
            return Err(format!("a segment begins at {base} where the log ends at {}", self.end));
        }
        if self.last().base != base {
            self.segments.push(Segment::new(base));
        }
        Ok(())
    }

    fn carry(
        &mut self,
        base: Offset,
        position: u64,
        next: Offset,
        bytes: Bytes,
    ) -> std::result::Result<(), String> {
        let last = self.last();
        if base != last.base || position > last.bytes {
            return Err(format!("a block of segment {base} was carried that is not there"));
        }
        last.bytes = position;
        last.lay(position, bytes);
        self.end = next;
        Ok(())
    }

    /// Batches that went straight: with them, all that came before is in files.
    fn straight(
        &mut self,
        straight: Straight,
        storage: &dyn Storage,
    ) -> std::result::Result<(), String> {
        let Straight { segment: base, from, position, next, headers, rest } = straight;
        let last = self.last();
        if base != last.base || !(from..=position).contains(&last.bytes) {
            let (at, end) = (last.base, last.bytes);
            return Err(format!("batches went straight to {from} of {base}, not {end} of {at}"));
        }
        let known = std::mem::replace(&mut last.bytes, position);
        for segment in &mut self.segments {
            segment.overlay.clear();
            segment.in_file = segment.bytes;
            segment.filled = segment.bytes;
        }
        self.last().lay(position, rest);
        let before = std::mem::replace(&mut self.end, next);
        // Where there is no batch at all the walk says so, and to the byte.
        match self.digest_headers(from, storage) {
            Ok(found) if found != headers => {
                self.last().cut(known);
                self.end = before;
                Err(format!(
                    "the batches at {from} of segment {base} are not those that went there"
                ))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The digest of the headers in the last segment from `position` on.
    fn digest_headers(
        &self,
        mut position: u64,
        storage: &dyn Storage,
    ) -> std::result::Result<u32, String> {
        let reader = self.reader(self.segments.len() - 1, storage);
        let mut digest = 0;
        while position < reader.segment.bytes {
            let size = reader.header_at(position)?.size() as u64;
            let mut header = [0; HEADER_BYTES];
            reader.read(position, &mut header)?;
            digest = digest_header(digest, &header);
            position += size;
        }
        Ok(digest)
    }

    /// Cuts at the batch boundary that the offsets say; the files are walked for its position.
    pub(super) fn truncate(
        &mut self,
        to: Offset,
        storage: &dyn Storage,
    ) -> std::result::Result<(), String> {
        if self.is_open_ended() {
            // What it held is in its files, up to wherever they are whole.
            walk::find_end(self, storage);
            self.is_cut = true;
        }
        if to >= self.end {
            return Ok(());
        }
        let kept = self.segment_of(to);
        let (position, end) = self.boundary(kept, to, storage)?;
        self.segments.truncate(kept + 1);
        self.last().cut(position);
        self.end = end;
        self.settled = self.settled.min(end);
        self.log_start = self.log_start.min(end);
        Ok(())
    }

    /// Gives up everything: the stream is empty, and goes on at `at`.
    pub(super) fn clear(&mut self, at: Offset) {
        self.segments = vec![Segment::new(at)];
        (self.log_start, self.end, self.settled) = (at, at, self.settled.min(at));
    }

    /// The first batch boundary of a segment from which on all batches go: the one that holds `to`
    /// goes whole.
    fn boundary(
        &self,
        segment: usize,
        to: Offset,
        storage: &dyn Storage,
    ) -> std::result::Result<(u64, Offset), String> {
        let reader = self.reader(segment, storage);
        let (mut position, mut at) = (0, self.segments[segment].base);
        while at < to {
            let header = reader.header_at(position)?;
            if header.next_offset() > to {
                break;
            }
            position += header.size() as u64;
            at = header.next_offset();
        }
        Ok((position, at))
    }

    fn move_start(&mut self, to: Offset) {
        self.log_start = self.log_start.max(to);
        let first = self.segment_of(self.log_start.min(self.end));
        self.segments.drain(..first);
    }

    /// A relaxed stream may have rolled since the checkpoint: a file that begins at its end goes on.
    pub(super) fn follow_file(&mut self, storage: &dyn Storage) {
        let path = segment_path(self.id(), self.end, SegmentFile::Log);
        let is_new = self.segments.last().is_some_and(|last| last.base < self.end);
        if is_new && storage.open(&path, OpenMode::READ).is_ok() {
            self.segments.push(Segment::new(self.end));
        }
    }

    /// A reader of a segment's bytes, files and journal together.
    pub(super) fn reader<'a>(&'a self, segment: usize, storage: &dyn Storage) -> Reader<'a> {
        let segment = &self.segments[segment];
        let path = segment_path(self.id(), segment.base, SegmentFile::Log);
        let opened = storage.open(&path, OpenMode::READ);
        let file = opened.and_then(|file| Ok((file.len()?, file)));
        Reader { segment, path, file }
    }
}

/// What no checkpoint of ours says, whatever its checksum: numbers that files cannot have.
fn implausible(checkpoint: &StreamCheckpoint) -> Option<String> {
    let too_long = |bytes: u64| bytes > SEGMENT_BYTES_MAX + BATCH_BYTES_MAX;
    let segments = &checkpoint.segments;
    let refused = segments.iter().any(|segment| too_long(segment.bytes))
        || too_long(checkpoint.filled)
        || segments.windows(2).any(|pair| pair[0].base >= pair[1].base)
        || segments.last().is_some_and(|last| last.base > checkpoint.end);
    refused.then(|| "the checkpoint says of it what cannot be".to_owned())
}

impl Segment {
    fn new(base: Offset) -> Self {
        Self { base, bytes: 0, in_file: 0, filled: 0, overlay: BTreeMap::new() }
    }

    /// Lays bytes over the file, at the end or over it.
    fn lay(&mut self, position: u64, bytes: Bytes) {
        self.cut_overlay(position);
        self.bytes = position + bytes.len() as u64;
        self.in_file = self.in_file.min(self.bytes);
        if !bytes.is_empty() {
            self.overlay.insert(position, bytes);
        }
    }

    pub(super) fn cut(&mut self, position: u64) {
        self.cut_overlay(position);
        self.bytes = position;
        self.in_file = self.in_file.min(position);
        self.filled = self.filled.min(position);
    }

    fn cut_overlay(&mut self, position: u64) {
        self.overlay.split_off(&position);
        if let Some((start, bytes)) = self.overlay.iter_mut().next_back() {
            let kept = (position - start).min(bytes.len() as u64);
            bytes.truncate(kept as usize);
        }
    }

    /// What the journal lays over the file.
    pub(super) fn overlay(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        self.overlay.iter().map(|(position, bytes)| (*position, bytes))
    }
}

/// Reads a segment's bytes.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    segment: &'a Segment,
    pub(super) path: String,
    file: Result<(u64, Arc<dyn StorageFile>)>,
}

impl Reader<'_> {
    /// The file's own length; `None` where it cannot be opened.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        self.file.as_ref().ok().map(|(len, _)| *len)
    }

    /// Fills `buf` from `position` on.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(super) fn read(&self, position: u64, buf: &mut [u8]) -> std::result::Result<(), String> {
        let end = position + buf.len() as u64;
        let mut at = position;
        for (start, bytes) in self.pieces(position, end) {
            if start > at {
                self.read_file(
                    at,
                    &mut buf[(at - position) as usize..(start - position) as usize],
                )?;
            }
            let from = start.max(at);
            let to = (start + bytes.len() as u64).min(end);
            let piece = &bytes[(from - start) as usize..(to - start) as usize];
            buf[(from - position) as usize..(to - position) as usize].copy_from_slice(piece);
            at = to;
        }
        if at < end { self.read_file(at, &mut buf[(at - position) as usize..]) } else { Ok(()) }
    }

    fn pieces(&self, position: u64, end: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let before = self.segment.overlay.range(..position).next_back();
        let before = before.filter(|(start, bytes)| *start + bytes.len() as u64 > position);
        let within = self.segment.overlay.range(position..end);
        before.into_iter().chain(within).map(|(start, bytes)| (*start, bytes))
    }

    fn read_file(&self, position: u64, buf: &mut [u8]) -> std::result::Result<(), String> {
        let (len, file) = self.file.as_ref().map_err(ToString::to_string)?;
        let got = file.read_at(position, buf).map_err(|error| error.to_string())?;
        if got == buf.len() {
            return Ok(());
        }
        Err(format!("the file ends at {len}, and should go on to {}", self.segment.bytes))
    }

    /// The header of the batch at `position`, which lies wholly in the segment.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn header_at(&self, position: u64) -> std::result::Result<BatchHeader, String> {
        let left = self.segment.bytes.saturating_sub(position);
        if left < HEADER_BYTES as u64 {
            return Err(format!("{left} bytes are left, which is less than a batch"));
        }
        let mut header = [0; HEADER_BYTES];
        self.read(position, &mut header)?;
        let header = BatchHeader::peek(&header).map_err(|error| error.to_string())?;
        if header.size() as u64 > left {
            return Err(format!("a batch of {} bytes, of which {left} are there", header.size()));
        }
        Ok(header)
    }
}
