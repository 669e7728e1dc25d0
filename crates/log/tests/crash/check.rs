//! Whether what a recovery found is what the history allows: invariants L1 to L13, as far as one
//! directory can break them.

use std::collections::BTreeMap;
use std::rc::Rc;

use ottla_log::epochs::EpochCache;
use ottla_log::producers::{ProducerBatch, ProducerLimits, ProducerState, ProducerTable};
use ottla_log::{LogDirectory, ReadOutcome, ReadRequest, Stream, StreamOffsets};
use ottla_model::{LeaderEpoch, Offset, StreamId, Timestamp};

use crate::batch::Batch;
use crate::model::{Fall, History, State};

/// All histories, with their states worked out once.
pub(crate) struct Expected {
    streams: BTreeMap<StreamId, (History, Vec<State>)>,
}

impl Expected {
    pub(crate) fn of(histories: &BTreeMap<StreamId, History>) -> Self {
        let with_states = |history: &History| (history.clone(), history.states());
        let streams = histories.iter().map(|(id, history)| (*id, with_states(history))).collect();
        Self { streams }
    }

    /// Checks a directory that was recovered after a crash at `count`. The error says what broke.
    pub(crate) fn check(
        &self,
        directory: &LogDirectory,
        count: usize,
        fall: Fall,
    ) -> Result<(), String> {
        self.check_damaged(directory, count, fall, |_| false)
    }

    /// The same for a directory that was damaged as well: what is wrong with a stream is forgiven
    /// when it was `reported`.
    pub(crate) fn check_damaged(
        &self,
        directory: &LogDirectory,
        count: usize,
        fall: Fall,
        reported: impl Fn(StreamId) -> bool,
    ) -> Result<(), String> {
        for id in directory.streams() {
            if !self.streams.contains_key(&id) {
                return Err(format!("L4: stream {id} was never made"));
            }
        }
        for (id, (history, states)) in &self.streams {
            let stream = directory.stream(*id);
            match check_stream(stream.as_deref(), history, states, count, fall) {
                Err(why) if !reported(*id) => return Err(format!("stream {id}: {why}")),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether reading the whole of a stream ends in an error: damage that is seen.
pub(crate) fn reads_as_damaged(stream: &Stream) -> bool {
    Found::read(stream).is_err()
}

fn check_stream(
    stream: Option<&Stream>,
    history: &History,
    states: &[State],
    count: usize,
    fall: Fall,
) -> Result<(), String> {
    let prefixes = history.prefixes(count, fall);
    let candidates = &states[prefixes.clone()];
    let Some(stream) = stream else {
        return if candidates.iter().any(|state| state.settings.is_none()) {
            Ok(())
        } else {
            Err(format!("L4: it is gone, and {prefixes:?} of its operations must be there"))
        };
    };
    let found = Found::read(stream)?;
    let mut nearest = None;
    for (at, state) in candidates.iter().enumerate().rev() {
        if state.settings.is_none() {
            continue;
        }
        let start_max = asked_start(&candidates[at..]);
        let outcome = if history.was_relaxed() {
            // Starts are journalled and appends are not: a start may be behind as well.
            let start_min = candidates[..=at].iter().map(|state| state.start).min();
            let state = &State { start: start_min.unwrap_or(state.start), ..state.clone() };
            found.is_relaxed_prefix_of(state, start_max, history.floor(state, count, fall))
        } else {
            found.is(state, start_max)
        };
        match outcome {
            Ok(()) => return found.check_derived(stream, state, history.was_relaxed()),
            Err(why) => nearest = nearest.or(Some(why)),
        }
    }
    let nearest = nearest.unwrap_or_else(|| "L13: it was dropped or never made".to_owned());
    Err(format!("{nearest}; found {:?}, allowed {prefixes:?}: {}", found.offsets, ends(candidates)))
}

/// How far the start was asked to move by operations that may not have happened. A checkpoint may be
/// ahead with the start, whatever it is behind with: nobody can tell a record that is gone because it
/// was asked to go from one that is gone because a later request included it.
fn asked_start(from: &[State]) -> Offset {
    let lives = from.iter().take_while(|state| state.settings.is_some());
    lives.map(|state| state.start).max().unwrap_or(Offset::ZERO)
}

fn ends(candidates: &[State]) -> String {
    let each = |state: &State| match &state.settings {
        Some(_) => format!("{}..{}", state.start, state.end),
        None => "none".to_owned(),
    };
    candidates.iter().map(each).collect::<Vec<_>>().join(" | ")
}

/// What can be read of a recovered stream.
struct Found {
    offsets: StreamOffsets,
    bytes: Vec<u8>,
}

impl Found {
    fn read(stream: &Stream) -> Result<Self, String> {
        let offsets = stream.offsets();
        let mut bytes = Vec::new();
        let mut from = offsets.log_start;
        while from < offsets.log_end {
            let request =
                ReadRequest { from, upto: offsets.log_end, bytes_max: 1 << 16, tail_only: false };
            match stream.read(request) {
                Ok(ReadOutcome::Slice(slice)) if slice.next > from => {
                    slice.chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
                    from = slice.next;
                }
                other => return Err(format!("L3: offset {from} cannot be read: {other:?}")),
            }
        }
        Ok(Self { offsets, bytes })
    }

    fn is(&self, state: &State, start_max: Offset) -> Result<(), String> {
        let StreamOffsets { log_start, log_end, .. } = self.offsets;
        if log_end != state.end || !(state.start..=start_max).contains(&log_start) {
            return Err("L4: its offsets are those of no prefix".to_owned());
        }
        self.holds(&State { start: log_start, ..state.clone() }, log_end)
    }

    /// A relaxed stream may have lost its unflushed tail, and its start is kept elsewhere.
    fn is_relaxed_prefix_of(
        &self,
        state: &State,
        start_max: Offset,
        floor: Offset,
    ) -> Result<(), String> {
        let StreamOffsets { log_start, log_end, .. } = self.offsets;
        if !(state.start..=start_max).contains(&log_start) {
            return Err(format!("L11: its start {log_start} was never set"));
        }
        if log_end < log_start {
            return Err(format!("L11: it starts at {log_start}, beyond its end {log_end}"));
        }
        if log_end < floor {
            return Err(format!("R2: it ends at {log_end}, and {floor} was safe"));
        }
        if log_start == log_end && self.bytes.is_empty() {
            return Ok(());
        }
        let boundary = state.batches.iter().any(|(_, batch)| batch.next() == log_end);
        if !boundary && log_end != Offset::ZERO {
            return Err(format!("L2: its end {log_end} lies within a batch, or beyond the log"));
        }
        self.holds(&State { start: log_start, ..state.clone() }, log_end)
    }

    fn holds(&self, state: &State, end: Offset) -> Result<(), String> {
        let mut rest = &self.bytes[..];
        for batch in state.readable(end) {
            match rest.split_at_checked(batch.bytes.len()) {
                Some((found, after)) if found == batch.bytes => rest = after,
                _ => {
                    return Err(format!(
                        "L1: the batch at {} is not what was written",
                        batch.base()
                    ));
                }
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err("L4: bytes were read that nobody wrote".to_owned())
        }
    }

    /// What is computed from the log: indexes, epochs, producers (L6, L7, L12, I5).
    fn check_derived(&self, stream: &Stream, state: &State, relaxed: bool) -> Result<(), String> {
        let end = self.offsets.log_end;
        let state = State { start: self.offsets.log_start, end, ..state.clone() };
        let readable: Vec<_> = state.readable(end).cloned().collect();
        check_epochs(stream, &readable, &state)?;
        check_times(stream, &readable, &state)?;
        check_producers(stream, &readable, &state, relaxed)
    }
}

fn check_epochs(stream: &Stream, readable: &[Rc<Batch>], state: &State) -> Result<(), String> {
    let Some(last) = readable.last() else { return Ok(()) };
    let mut epochs = EpochCache::new();
    for batch in readable {
        let start = batch.base().max(state.start);
        epochs.assign(batch.header().leader_epoch, start).map_err(|why| format!("L7: {why}"))?;
    }
    for epoch in (-1..=last.header().leader_epoch.0 + 1).map(LeaderEpoch) {
        let (found, expected) =
            (stream.end_offset_for(epoch), epochs.end_offset_for(epoch, state.end));
        if found != expected {
            return Err(format!("L7: epoch {epoch} ended at {found:?}, not {expected:?}"));
        }
    }
    Ok(())
}

fn check_times(stream: &Stream, readable: &[Rc<Batch>], state: &State) -> Result<(), String> {
    let records = || {
        let all = readable.iter().flat_map(|batch| batch.records.iter().copied());
        all.filter(|(offset, _)| *offset >= state.start)
    };
    let latest = records().map(|(_, time)| time).max();
    let middle = readable.get(readable.len() / 2).map(|batch| batch.header().max_timestamp);
    let probes = [Some(Timestamp(0)), middle, latest, latest.map(|at| Timestamp(at.0 + 1))];
    for probe in probes.into_iter().flatten() {
        let found = stream.offset_for_timestamp(probe, state.end).map_err(|why| why.to_string())?;
        let expected = records().find(|(_, time)| *time >= probe);
        if found != expected {
            return Err(format!("L12: time {probe} is at {found:?}, not {expected:?}"));
        }
    }
    let found = stream.max_timestamp(state.end).map_err(|why| why.to_string())?;
    let expected = records().find(|(_, time)| Some(*time) == latest);
    if found != expected {
        return Err(format!("L12: the largest time is at {found:?}, not {expected:?}"));
    }
    Ok(())
}

/// The table is a sound subset of what the whole log says, and complete for what can be read. Where
/// nothing can be read of a relaxed stream, any part of its log may be what came back of it, and its
/// producers are as of there.
fn check_producers(
    stream: &Stream,
    readable: &[Rc<Batch>],
    state: &State,
    relaxed: bool,
) -> Result<(), String> {
    let batches: Vec<_> = state.batches.iter().map(|(_, b)| b).collect();
    let whole = batches.iter().take_while(|batch| batch.next() <= state.end).count();
    let shortest = if relaxed && readable.is_empty() { 0 } else { whole };
    let prefix = |length: usize| table(batches[..length].iter().copied());
    let prefixes: Vec<_> = (shortest..=whole).map(prefix).collect();
    let least = table(readable.iter());
    stream.with_producers(|found| {
        for (producer, known) in found.iter() {
            let of_prefix = |whole: &ProducerTable| {
                whole.get(producer).is_some_and(|all| is_part_of(known, all))
            };
            if !prefixes.iter().any(of_prefix) {
                let expected = prefixes.last().and_then(|whole| whole.get(producer));
                return Err(format!(
                    "I5: of producer {producer} it knows {known:?}, not {expected:?}"
                ));
            }
        }
        for (producer, needed) in least.iter() {
            let complete = found.get(producer).is_some_and(|known| is_part_of(needed, known));
            if !complete {
                return Err(format!("I5: of producer {producer} it forgot {needed:?}"));
            }
        }
        Ok(())
    })
}

fn table<'a>(batches: impl Iterator<Item = &'a Rc<Batch>>) -> ProducerTable {
    let mut table = ProducerTable::new(ProducerLimits::default());
    for batch in batches {
        table.record(&ProducerBatch::from(batch.header()), Timestamp(0));
    }
    table
}

fn is_part_of(part: &ProducerState, whole: &ProducerState) -> bool {
    (part.epoch, part.last_offset) == (whole.epoch, whole.last_offset)
        && whole.batches().ends_with(part.batches())
}
