//! What a stream holds, as its only driver knows it, and what may be left of that after a crash.

use ottla_log::{ReadError, ReadOutcome, ReadRequest, Stream, StreamOffsets};
use ottla_model::{Durability, Offset, Timestamp};
use ottla_record::{BatchBuilder, BatchOptions, BatchRules, BatchView, NO_HEADERS, StampedBatch};

/// One batch: its first offset, how many records, and the number that each of them holds. No number is
/// ever used twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) base: i64,
    pub(crate) count: i32,
    pub(crate) number: u64,
}

impl Entry {
    pub(crate) fn end(&self) -> i64 {
        self.base + i64::from(self.count)
    }
}

/// What a stream holds.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) durability: Durability,
    /// Where the log began when it was last asked; moves by itself, with retention.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) entries: Vec<Entry>,
    /// What it held before cuts that need not be durable yet.
    pub(crate) before_cuts: Vec<Vec<Entry>>,
    /// The end after the last of them: once more than that is durable, so is the cut.
    cut_at: i64,
}

impl Model {
    pub(crate) fn new(durability: Durability) -> Self {
        let (entries, before_cuts) = (Vec::new(), Vec::new());
        Self { durability, start: 0, end: 0, entries, before_cuts, cut_at: 0 }
    }

    pub(crate) fn append(&mut self, entry: Entry) {
        assert_eq!(entry.base, self.end);
        self.end = entry.end();
        self.entries.push(entry);
    }

    /// The log was cut, and ends at `to`.
    pub(crate) fn cut(&mut self, to: i64) {
        self.before_cuts.push(self.entries.clone());
        self.entries.retain(|entry| entry.end() <= to);
        let end = self.entries.last().map_or(to, Entry::end);
        assert_eq!(end, to, "a cut is between batches");
        self.end = to;
        self.cut_at = to;
    }

    /// What the stream says of itself now.
    pub(crate) fn meet(&mut self, offsets: &StreamOffsets) {
        assert_eq!(offsets.log_end.0, self.end, "only the driver appends and cuts: {offsets:?}");
        assert!(offsets.log_start.0 >= self.start, "L11: a start never goes back: {offsets:?}");
        assert!(offsets.durable_start <= offsets.log_start);
        assert!(offsets.flushed_end <= offsets.durable_end, "{offsets:?}");
        assert!(offsets.durable_end <= offsets.log_end, "{offsets:?}");
        self.start = offsets.log_start.0;
        if offsets.durable_end.0 > self.cut_at {
            self.before_cuts.clear();
        }
        let start = self.start;
        self.entries.retain(|entry| entry.end() > start);
        self.before_cuts.iter_mut().for_each(|entries| entries.retain(|e| e.end() > start));
    }

    /// Checks what came back: no less than was safe, nothing that was never there, in order. The error
    /// says what broke.
    pub(crate) fn check(&self, found: &Found, safe: i64, starts: [i64; 2]) -> Result<(), String> {
        let [durable_start, log_start] = starts;
        // A start is never moved past the end, so one that lies beyond it was lost with the end.
        if found.start > log_start || found.start < durable_start {
            return Err(format!("it starts at {}, not in {starts:?}", found.start));
        }
        let states = std::iter::once(&self.entries).chain(&self.before_cuts);
        let mut why = String::new();
        for entries in states {
            match within(entries, found, safe) {
                Ok(()) => return Ok(()),
                Err(error) => why = format!("{why}; {error}"),
            }
        }
        Err(why)
    }
}

/// Whether what was found is a prefix of `entries` that reaches at least to `safe`.
fn within(entries: &[Entry], found: &Found, safe: i64) -> Result<(), String> {
    let begins = entries.first().map_or(found.end, |entry| entry.base);
    let old = found.entries.iter().filter(|entry| entry.end() <= begins).count();
    let kept = &found.entries[old..];
    let skipped = entries.iter().position(|entry| Some(entry.base) == kept.first().map(|e| e.base));
    let expected = &entries[skipped.unwrap_or(0)..];
    if kept.len() > expected.len() || kept != &expected[..kept.len()] {
        return Err(format!("found {kept:?} where {expected:?} was written"));
    }
    if found.end < safe {
        return Err(format!("it ends at {}, and {safe} was safe", found.end));
    }
    Ok(())
}

/// All of a stream, as it was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) entries: Vec<Entry>,
}

impl Found {
    /// Reads all of a stream that nobody cuts.
    pub(crate) fn read_undisturbed(stream: &Stream) -> Self {
        let end = stream.offsets().log_end;
        loop {
            // Its start may move meanwhile, by retention.
            let start = stream.offsets().log_start;
            if let Some(found) = Self::read(stream) {
                return found;
            }
            let after = stream.offsets();
            assert!(after.log_start > start && after.log_end == end, "a read gets on: {after:?}");
        }
    }

    /// Reads all of a stream. `None`: it was dropped, cut, or its start moved, while that went on.
    pub(crate) fn read(stream: &Stream) -> Option<Self> {
        let offsets = stream.offsets();
        let (start, end) = (offsets.log_start.0, offsets.log_end.0);
        let mut entries = Vec::new();
        let mut from = start;
        while from < end {
            let request = ReadRequest {
                from: Offset(from),
                upto: Offset(end),
                bytes_max: 20_000,
                tail_only: false,
            };
            let slice = match stream.read(request) {
                Ok(ReadOutcome::Slice(slice)) => slice,
                Ok(ReadOutcome::Cold) => panic!("files are allowed"),
                Err(ReadError::OutOfRange { .. } | ReadError::Gone { .. }) => return None,
                Err(other) => panic!("{other}"),
            };
            if slice.next.0 == from {
                return None;
            }
            decode(&slice.chunks.concat(), &mut entries);
            from = slice.next.0;
        }
        Some(Self { start, end, entries })
    }
}

/// The batches in these bytes, each checked to be whole, intact, and where it says.
fn decode(mut rest: &[u8], entries: &mut Vec<Entry>) {
    let mut scratch = ottla_record::Scratch::default();
    while !rest.is_empty() {
        let batch = BatchView::parse(rest).expect("whole batches");
        batch.verify_crc().expect("intact batches");
        let base = batch.header().base_offset.0;
        let mut numbers = Vec::new();
        for record in batch.records(&mut scratch, u64::MAX).expect("records") {
            let value = record.expect("a record").value.expect("a value");
            numbers.push(u64::from_be_bytes(value[..8].try_into().expect("8 bytes")));
        }
        assert!(numbers.iter().all(|number| *number == numbers[0]), "one batch");
        entries.push(Entry { base, count: numbers.len() as i32, number: numbers[0] });
        rest = &rest[batch.bytes().len()..];
    }
}

/// The batch of an entry, about `bytes` long.
pub(crate) fn batch(entry: Entry, bytes: usize) -> StampedBatch {
    let mut builder = BatchBuilder::new();
    let mut value = entry.number.to_be_bytes().to_vec();
    value.resize((bytes / entry.count as usize).max(8), 0x5a);
    for n in 0..i64::from(entry.count) {
        builder.push(Timestamp(entry.base + n), None, Some(&value), NO_HEADERS);
    }
    let bytes = builder.finish(&BatchOptions::default());
    let rules = BatchRules::for_client(1 << 20);
    let checked = ottla_record::validate(bytes, &rules).expect("it is valid");
    checked.stamp(Offset(entry.base), ottla_model::LeaderEpoch(0), None)
}
