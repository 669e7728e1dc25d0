//! Walking every batch of a stream: L2 (offsets), L3 (checksums), L6 and L7 (what is derived).

use ottla_model::limits::BATCH_BYTES_MAX;
use ottla_model::{Offset, Timestamp};
use ottla_record::{BatchHeader, BatchView, HEADER_BYTES};

use super::content::{Content, Reader};
use crate::epochs::EpochStart;
use crate::index::SparseIndex;
use crate::producers::{ProducerBatch, ProducerTable};
use crate::storage::Storage;

/// How much is read at a time where batches are small.
const WINDOW_BYTES: u64 = 1024 * 1024;

/// What a walk counted and found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Where batches are missing or bad, one place a segment.
    pub(super) bad: Vec<Bad>,
    /// The torn end of a relaxed stream.
    pub(super) torn: Option<Bad>,
    /// The first batch whose epoch the checkpoint does not know.
    pub(super) strange_epoch: Option<Offset>,
}

/// A place where a batch should be.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) path: String,
    pub(super) position: u64,
    /// The offset that should be there.
    pub(super) offset: Offset,
    pub(super) what: String,
}

/// What is rebuilt on the way, for whoever compares it.
pub(super) trait Rebuild {
    /// A segment begins; the table is as of its base.
    fn begin(&mut self, segment: Offset);
    /// A batch of it.
    fn batch(&mut self, header: &BatchHeader, position: u64);
    /// It ended, intact or not.
    fn end(&mut self, intact: bool);
}

/// Walks all segments. Beyond what a relaxed stream's checkpoint knows its files say where it ends.
pub(super) fn walk(
    content: &mut Content,
    storage: &dyn Storage,
    rebuild: &mut impl Rebuild,
) -> Walked {
    let mut walked = Walked::default();
    let mut at = 0;
    while at < content.segments.len() {
        let is_last = at + 1 == content.segments.len();
        if content.is_open_ended() && is_last {
            walk_relaxed(content, storage, rebuild, &mut walked);
        } else {
            let upto = content.segments.get(at + 1).map_or(content.end, |next| next.base);
            walk_known(content, at, upto, storage, rebuild, &mut walked);
        }
        at += 1;
    }
    if content.end < content.log_start {
        // A relaxed stream's start is in the journal, and what it was moved past may be lost.
        content.clear(content.log_start);
    }
    walked
}

/// Follows the files of a relaxed stream to where they end.
pub(super) fn find_end(content: &mut Content, storage: &dyn Storage) {
    let mut before = 0;
    while before < content.segments.len() {
        before = content.segments.len();
        walk_relaxed(content, storage, &mut (), &mut Walked::default());
    }
}

/// Nothing is rebuilt.
impl Rebuild for () {
    fn begin(&mut self, _segment: Offset) {}
    fn batch(&mut self, _header: &BatchHeader, _position: u64) {}
    fn end(&mut self, _intact: bool) {}
}

/// A segment whose length and end are known: anything else in it is damage.
fn walk_known(
    content: &Content,
    at: usize,
    upto: Offset,
    storage: &dyn Storage,
    rebuild: &mut impl Rebuild,
    walked: &mut Walked,
) {
    let segment = &content.segments[at];
    rebuild.begin(segment.base);
    let reader = content.reader(at, storage);
    let mut batches = Batches::new(&reader, segment.base, segment.bytes);
    let stopped = batches.run(|header, position| {
        walked.take(content, header);
        rebuild.batch(header, position);
        Ok(())
    });
    let (position, offset) = (batches.position, batches.next);
    let what = match stopped {
        Err(what) => Some(what),
        Ok(()) if offset != upto => Some(format!("it ends at offset {offset} instead of {upto}")),
        // The journal still has what is missing, which recovery does not rely on.
        Ok(()) => segment
            .filled
            .checked_sub(reader.file_bytes().unwrap_or(0))
            .filter(|n| *n > 0)
            .map(|missing| format!("its file lacks {missing} of {} bytes", segment.filled)),
    };
    rebuild.end(what.is_none());
    let path = reader.path;
    walked.bad.extend(what.map(|what| Bad { path, position, offset, what }));
}

/// The last segment of a relaxed stream: it ends where its batches end.
fn walk_relaxed(
    content: &mut Content,
    storage: &dyn Storage,
    rebuild: &mut impl Rebuild,
    walked: &mut Walked,
) {
    let at = content.segments.len() - 1;
    let (base, known) = (content.segments[at].base, content.segments[at].bytes);
    let bytes = content.reader(at, storage).file_bytes().unwrap_or(0).max(known);
    content.segments[at].bytes = bytes;
    rebuild.begin(base);
    let reader = content.reader(at, storage);
    let mut batches = Batches::new(&reader, base, bytes);
    // As recovery has them: no batch counts whose epoch is older than that before.
    let mut epochs = content.checkpoint.epochs.clone();
    epochs.truncate(content.end);
    let mut follow = |header: &BatchHeader| {
        let assigned = epochs.assign(header.leader_epoch, header.base_offset);
        assigned.map_err(|_| "a batch whose leader epoch is older than that before".to_owned())
    };
    let mut stopped = batches.run(|header, position| {
        if position >= known {
            follow(header)?;
        }
        walked.take(content, header);
        rebuild.batch(header, position);
        Ok(())
    });
    let mut bad = Vec::new();
    if batches.position < known {
        // What the checkpoint knows of is there as far as it goes, bad or not; the tail begins behind.
        let (position, offset) = (batches.position, batches.next);
        let path = batches.reader.path.clone();
        let what = std::mem::replace(&mut stopped, Ok(())).err().unwrap_or_default();
        bad.push(Bad { path, position, offset, what });
        (batches.position, batches.next) = (known, content.end);
        stopped = batches.run(|header, _| {
            follow(header)?;
            walked.take(content, header);
            Ok(())
        });
    }
    let (position, offset, path) = (batches.position, batches.next, reader.path);
    rebuild.end(bad.is_empty());
    walked.bad.append(&mut bad);
    walked.torn = stopped.err().map(|what| Bad { path, position, offset, what });
    content.checkpoint.epochs = epochs;
    content.segments[at].cut(position);
    content.segments[at].in_file = position;
    content.end = offset;
    content.settled = content.settled.min(offset);
    content.follow_file(storage);
}

impl Walked {
    fn take(&mut self, content: &Content, header: &BatchHeader) {
        self.batches += 1;
        self.records += u64::try_from(header.record_count).unwrap_or(0);
        self.bytes += header.size() as u64;
        let epochs = &content.checkpoint.epochs;
        let settled = header.base_offset < content.settled
            && header.base_offset >= content.log_start
            && !epochs.starts().is_empty();
        if settled && epochs.epoch_at(header.base_offset) != Some(header.leader_epoch) {
            self.strange_epoch.get_or_insert(header.base_offset);
        }
    }
}

/// The batches of one segment, one after the other.
struct Batches<'a> {
    reader: &'a Reader<'a>,
    bytes: u64,
    position: u64,
    next: Offset,
    window: (u64, Vec<u8>),
}

impl<'a> Batches<'a> {
    fn new(reader: &'a Reader<'a>, base: Offset, bytes: u64) -> Self {
        Self { reader, bytes, position: 0, next: base, window: (0, Vec::new()) }
    }

    /// Hands out batches until the end, or until one is not as it should be.
    fn run(
        &mut self,
        mut visit: impl FnMut(&BatchHeader, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        while self.position < self.bytes {
            let header = self.check()?;
            visit(&header, self.position)?;
            self.position += header.size() as u64;
            self.next = header.next_offset();
        }
        Ok(())
    }

    fn check(&mut self) -> Result<BatchHeader, String> {
        let expected = self.next;
        let header = self.reader.header_at(self.position)?;
        if header.base_offset != expected {
            return Err(format!("a batch at {} where {expected} belongs", header.base_offset));
        }
        if header.next_offset() <= expected || header.size() < HEADER_BYTES {
            return Err("a batch without records".to_owned());
        }
        if header.size() as u64 > BATCH_BYTES_MAX {
            return Err(format!("a batch of {} bytes is over the limit", header.size()));
        }
        let bytes = self.fetch(header.size() as u64)?;
        let view = BatchView::parse(bytes).map_err(|error| error.to_string())?;
        view.verify_crc().map_err(|error| error.to_string())?;
        Ok(header)
    }

    /// The bytes at the position, through a window.
    fn fetch(&mut self, bytes: u64) -> Result<&[u8], String> {
        let held = self.window.0 + self.window.1.len() as u64;
        if self.position < self.window.0 || self.position + bytes > held {
            let size = bytes.max(WINDOW_BYTES).min(self.bytes - self.position);
            let mut window = vec![0; size as usize];
            // A window may reach into what is missing though the batch does not.
            if self.reader.read(self.position, &mut window).is_err() {
                window.truncate(bytes as usize);
                self.reader.read(self.position, &mut window)?;
            }
            self.window = (self.position, window);
        }
        let from = (self.position - self.window.0) as usize;
        Ok(&self.window.1[from..from + bytes as usize])
    }
}

/// Rebuilds the index of each segment and the producers as of each, and remembers both.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) segments: Vec<RebuiltSegment>,
    pub(super) producers: ProducerTable,
    /// The producers as of this offset, once it was passed.
    pub(super) upto: Offset,
    pub(super) producers_upto: Option<ProducerTable>,
    /// Batches of producers at or after `upto`, and when they were seen.
    pub(super) late: Vec<(ProducerBatch, Timestamp)>,
    /// Where epochs begin, by the batches alone.
    pub(super) epochs: Vec<EpochStart>,
    interval_bytes: Vec<u32>,
    next: Offset,
}

/// What one segment's files beside should hold.
#[derive(Debug)]
pub(super) struct RebuiltSegment {
    pub(super) base: Offset,
    pub(super) index: SparseIndex,
    pub(super) producers: ProducerTable,
    pub(super) intact: bool,
}

impl Rebuilt {
    /// `interval_bytes`: of each segment's index file, in order; `producers`: as of the first base.
    pub(super) fn new(
        producers: ProducerTable,
        upto: Offset,
        mut interval_bytes: Vec<u32>,
    ) -> Self {
        interval_bytes.reverse();
        Self {
            segments: Vec::new(),
            producers,
            upto,
            producers_upto: None,
            late: Vec::new(),
            epochs: Vec::new(),
            interval_bytes,
            next: Offset::ZERO,
        }
    }

    fn pass(&mut self) {
        if self.next >= self.upto && self.producers_upto.is_none() {
            self.producers_upto = Some(self.producers.clone());
        }
    }
}

impl Rebuild for Rebuilt {
    fn begin(&mut self, base: Offset) {
        let interval = self.interval_bytes.pop().unwrap_or(u32::MAX).max(1);
        let index = SparseIndex::new(base, interval);
        let producers = self.producers.clone();
        self.segments.push(RebuiltSegment { base, index, producers, intact: false });
        self.next = base;
        self.pass();
    }

    fn batch(&mut self, header: &BatchHeader, position: u64) {
        if header.is_idempotent() {
            let batch = ProducerBatch::from(header);
            self.producers.record(&batch, header.max_timestamp);
            if header.base_offset >= self.upto {
                self.late.push((batch, header.max_timestamp));
            }
        }
        if self.epochs.last().is_none_or(|last| last.epoch != header.leader_epoch) {
            self.epochs.push(EpochStart { epoch: header.leader_epoch, start: header.base_offset });
        }
        let segment = self.segments.last_mut().expect("a batch lies in a segment");
        let (Ok(position), Ok(size)) = (u32::try_from(position), u32::try_from(header.size()))
        else {
            return;
        };
        if position.checked_add(size).is_some() {
            segment.index.observe(header.base_offset, position, size, header.max_timestamp);
        }
        self.next = header.next_offset();
        self.pass();
    }

    fn end(&mut self, intact: bool) {
        self.segments.last_mut().expect("a segment began").intact = intact;
    }
}
