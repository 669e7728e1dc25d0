//! The scripted workload: some two hundred operations on a few streams, drawn from a seed, with the
//! directory's lanes stepped in between in an order drawn as well. A function of its seed alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_log::storage::recording::{Fault, RecordingStorage, Script};
use ottla_log::storage::{MemoryStorage, Storage};
use ottla_log::{
    DirectoryState, Lane, LogDirectory, LogSettings, OpenContext, OpenError, RecoveryReport, Room,
    Stream, StreamSettings,
};
use ottla_model::{
    BrokerId, Durability, KIB, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Rng,
    Sequence, StreamId, Timestamp, TopicId,
};

use crate::batch::{Batch, Wish};
use crate::model::{History, Op};

/// Streams that the script appends to at a time.
const STREAMS: usize = 5;
/// Operations of one script.
const ACTIONS: usize = 220;

/// What a script left: what was asked of the disk, and of each stream.
pub(crate) struct Outcome {
    pub(crate) script: Script,
    pub(crate) histories: BTreeMap<StreamId, History>,
    /// Writes that went straight into a segment.
    pub(crate) straights: u64,
}

/// How one script is run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: LogSettings,
    /// The operation of the disk that fails, and how.
    pub(crate) fault: Option<(usize, Fault)>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed, settings: small_settings(), fault: None }
    }
}

/// Everything small, so that two hundred operations roll, fill, recycle and grow many times.
pub(crate) fn small_settings() -> LogSettings {
    LogSettings {
        round_bytes_max: 32 * KIB,
        unfilled_bytes_max: 96 * KIB,
        fill_bytes_min: 12 * KIB,
        fill_bytes_max: 24 * KIB,
        straight_bytes_min: 10 * KIB,
        straight_backlog_bytes_min: 0,
        journal_bytes_start: 64 * KIB,
        journal_file_bytes_max: 128 * KIB,
        journal_bytes_max: 256 * KIB,
        room_reserve_bytes: 0,
        handles_max: 6,
        tail_cache_bytes: 24 * KIB,
        index_interval_bytes: KIB,
        ..LogSettings::default()
    }
}

/// Opens a directory, as after a start of the process, or of the machine.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    settings: &LogSettings,
    boot: &str,
    now: Timestamp,
) -> Result<(LogDirectory, RecoveryReport), OpenError> {
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(77),
        boot_id: boot.to_owned(),
        now,
    };
    LogDirectory::open(Arc::clone(&storage), storage, settings.clone(), context)
}

/// Opens a directory that a crash left.
pub(crate) fn recover(
    storage: MemoryStorage,
    settings: &LogSettings,
    rebooted: bool,
) -> Result<(LogDirectory, RecoveryReport), OpenError> {
    let boot = if rebooted { "second boot" } else { "first boot" };
    open(Arc::new(storage), settings, boot, Timestamp(5_000_000))
}

/// Runs a script.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let storage = RecordingStorage::new();
    if let Some((operation, fault)) = plan.fault {
        storage.fail_at(operation, fault);
    }
    let now = Timestamp(1_000_000);
    let opened = open(Arc::new(storage.clone()), &plan.settings, "first boot", now);
    let mut run = Run {
        directory: opened.ok().map(|(directory, _)| directory),
        plan: plan.clone(),
        storage,
        now,
        histories: BTreeMap::new(),
        writers: BTreeMap::new(),
        topics: 0,
        straights: 0,
        rng: Rng::from_number(plan.seed),
    };
    run.play();
    run.count_straights();
    Outcome { script: run.storage.script(), histories: run.histories, straights: run.straights }
}

/// What the script remembers of the producers and the leader of a stream.
struct Writer {
    epoch: LeaderEpoch,
    producers: BTreeMap<ProducerId, (ProducerEpoch, Sequence)>,
}

struct Run {
    plan: Plan,
    storage: RecordingStorage,
    /// `None` once the disk failed so that it could not be opened.
    directory: Option<LogDirectory>,
    now: Timestamp,
    histories: BTreeMap<StreamId, History>,
    writers: BTreeMap<StreamId, Writer>,
    topics: u8,
    straights: u64,
    rng: Rng,
}

impl Run {
    fn play(&mut self) {
        for _ in 0..STREAMS {
            self.create();
        }
        let restart_at = ACTIONS / 2 + self.rng.below(40) as usize;
        for at in 0..ACTIONS {
            if at == restart_at {
                self.restart();
            }
            self.act();
            self.observe();
        }
        self.settle();
    }

    fn act(&mut self) {
        self.now = Timestamp(self.now.0 + self.rng.below(30) as i64);
        match self.rng.below(100) {
            0..=44 => self.append(),
            45..=50 => (0..4).for_each(|_| self.append()),
            51..=79 => self.step_some(),
            80..=83 => self.truncate(),
            84..=87 => self.move_start(),
            88 => self.drop_stream(),
            89..=90 => self.create(),
            91 => self.alter(),
            92..=93 => self.retain(),
            94..=95 => self.now = Timestamp(self.now.0 + 400),
            _ => self.settle(),
        }
    }

    fn live(&self) -> Vec<StreamId> {
        let live =
            |(id, history): (&StreamId, &History)| history.now.settings.as_ref().map(|_| *id);
        self.histories.iter().filter_map(live).collect()
    }

    fn any_stream(&mut self) -> Option<(StreamId, Arc<Stream>)> {
        let live = self.live();
        let id = *live.get(self.rng.below(live.len().max(1) as u64) as usize)?;
        self.directory.as_ref()?.stream(id).map(|stream| (id, stream))
    }

    fn issue(&mut self, id: StreamId, op: Op, at: usize) {
        self.histories.entry(id).or_default().issue(op, at);
    }

    fn create(&mut self) {
        if self.live().len() >= STREAMS {
            return;
        }
        // Now and then the very id of a stream that was dropped; else a new one.
        let gone =
            |(id, history): (&StreamId, &History)| history.now.settings.is_none().then_some(*id);
        let reused = self.histories.iter().find_map(gone).filter(|_| self.rng.chance(1, 2));
        let id = reused.unwrap_or_else(|| {
            self.topics += 1;
            StreamId::new(TopicId::from_bytes([self.topics; 16]), PartitionId(0))
        });
        let relaxed = self.rng.chance(1, 4);
        let settings = StreamSettings {
            durability: if relaxed { Durability::Relaxed } else { Durability::Fsync },
            segment_bytes: 24 * KIB,
            segment_ms: 1_500,
            retention_bytes: self.rng.chance(1, 2).then_some(60 * KIB),
            retention_ms: None,
        };
        let at = self.storage.position();
        let made = self.directory.as_ref().map(|d| d.create_stream(id, settings.clone()));
        if made.is_some_and(|made| made.is_ok()) {
            self.issue(id, Op::Create(settings), at);
            let writer = Writer { epoch: LeaderEpoch(0), producers: BTreeMap::new() };
            self.writers.insert(id, writer);
        }
    }

    fn append(&mut self) {
        while self.directory.as_ref().is_some_and(|d| d.room(4 * KIB) != Room::Free) {
            if !self.step_each() {
                return;
            }
        }
        let Some((id, stream)) = self.any_stream() else { return };
        let value_bytes = [40, 300, 300, 1_500, 6_000][self.rng.below(5) as usize];
        self.append_to(id, &stream, value_bytes);
    }

    fn append_to(&mut self, id: StreamId, stream: &Stream, value_bytes: u64) {
        let (base, at) = (stream.offsets().log_end, self.storage.position());
        if base < self.histories[&id].now.end {
            // A cut that found the disk full was finished since.
            self.issue(id, Op::Truncate(base), at);
        }
        let Some(writer) = self.writers.get_mut(&id) else { return };
        writer.epoch.0 += i32::from(self.rng.chance(1, 12));
        let records = 1 + self.rng.below(4);
        let producer = self.rng.chance(1, 2).then(|| writer.next(&mut self.rng, records));
        let wish =
            Wish { base, epoch: writer.epoch, records, value_bytes, about: self.now, producer };
        let batch = Batch::make(&mut self.rng, wish);
        if stream.append(batch.stamped.clone(), self.now).is_ok() {
            self.issue(id, Op::Append(batch), at);
        }
    }

    fn truncate(&mut self) {
        let Some((id, stream)) = self.any_stream() else { return };
        let (offsets, at) = (stream.offsets(), self.storage.position());
        let span = offsets.log_end.since(offsets.log_start) as u64;
        let back = self.rng.below(span.min(30) + 1) as i64;
        let cut = stream.truncate(Offset(offsets.log_end.0 - back));
        // A disk that fails between the cut in memory and that of a relaxed stream's file.
        let end = cut.unwrap_or_else(|_| stream.offsets().log_end);
        if end < offsets.log_end {
            self.issue(id, Op::Truncate(end), at);
        }
        // As under a new leader: at once there is more where something was cut.
        if self.rng.chance(1, 2) {
            (0..2).for_each(|_| self.append_to(id, &stream, 6_000));
        }
    }

    fn move_start(&mut self) {
        let Some((id, stream)) = self.any_stream() else { return };
        let (offsets, at) = (stream.offsets(), self.storage.position());
        let span = offsets.durable_end.since(offsets.log_start).max(0) as u64;
        let to = offsets.log_start.plus(self.rng.below(span + 1) as i64);
        if let Ok(start) = stream.move_start(to) {
            self.issue(id, Op::MoveStart(start), at);
        }
    }

    fn drop_stream(&mut self) {
        let Some((id, _)) = self.any_stream() else { return };
        let at = self.storage.position();
        let dropped = self.directory.as_ref().map(|d| d.drop_stream(id));
        if dropped.is_some_and(|dropped| dropped.is_ok()) {
            self.issue(id, Op::Drop, at);
        }
    }

    fn alter(&mut self) {
        let Some((id, stream)) = self.any_stream() else { return };
        let at = self.storage.position();
        let mut settings = stream.settings();
        settings.retention_bytes = Some((20 + self.rng.below(60)) * KIB);
        if self.rng.chance(1, 2) {
            settings.durability = Durability::Fsync;
        }
        if stream.alter(settings.clone()).is_ok() {
            self.issue(id, Op::Alter(settings), at);
        }
    }

    fn retain(&mut self) {
        let at = self.storage.position();
        let Some(directory) = self.directory.clone() else { return };
        directory.enforce_retention(self.now);
        for id in self.live() {
            let start = directory.stream(id).map(|stream| stream.offsets().log_start);
            let moved = start.filter(|start| *start > self.histories[&id].now.start);
            if let Some(to) = moved {
                self.issue(id, Op::MoveStart(to), at);
            }
        }
    }

    fn step_some(&mut self) {
        for _ in 0..1 + self.rng.below(4) {
            let lane = Lane::ALL[self.rng.below(3) as usize];
            self.step(lane);
        }
    }

    fn step(&mut self, lane: Lane) -> bool {
        let step = self.directory.as_ref().map(|d| d.step(lane, self.now));
        self.observe();
        step.is_some_and(|step| step.worked)
    }

    /// One step of each lane; whether any of them did anything.
    fn step_each(&mut self) -> bool {
        let mut worked = false;
        for lane in Lane::ALL {
            worked |= self.step(lane);
        }
        worked
    }

    /// Steps all lanes until nothing is left to do: then everything asked for has taken effect.
    fn settle(&mut self) {
        let mut rounds = 0;
        while self.step_each() {
            rounds += 1;
            assert!(rounds < 2_000, "the lanes never come to rest");
        }
        let online = |d: &LogDirectory| d.state() == DirectoryState::Online;
        if self.directory.as_ref().is_some_and(online) {
            let position = self.storage.position();
            self.histories.values_mut().for_each(|history| history.settle(position));
        }
    }

    fn observe(&mut self) {
        let position = self.storage.position();
        let Some(directory) = &self.directory else { return };
        for (id, history) in &mut self.histories {
            if history.now.settings.is_some()
                && let Some(stream) = directory.stream(*id)
            {
                history.observe(stream.offsets(), position);
            }
        }
    }

    fn count_straights(&mut self) {
        self.straights += self.directory.as_ref().map_or(0, |d| d.metrics().straights);
    }

    /// A stop in order, and a new start.
    fn restart(&mut self) {
        let Some(directory) = &self.directory else { return };
        if directory.close(self.now).is_err() {
            return;
        }
        self.observe();
        let position = self.storage.position();
        self.histories.values_mut().for_each(|history| history.settle(position));
        self.count_straights();
        // The lock goes with the last handle.
        self.directory = None;
        let storage = Arc::new(self.storage.clone());
        match open(storage, &self.plan.settings, "first boot", self.now) {
            Ok((directory, report)) => {
                assert!(report.clean, "it was closed in order: {report:?}");
                self.directory = Some(directory);
            }
            Err(error) => assert!(self.plan.fault.is_some(), "a closed directory opens: {error}"),
        }
    }
}

impl Writer {
    /// The number of the next batch of one of three producers, now and then under a new epoch.
    fn next(&mut self, rng: &mut Rng, records: u64) -> (ProducerId, ProducerEpoch, Sequence) {
        let producer = ProducerId(rng.below(3) as i64);
        let next = self.producers.entry(producer).or_insert((ProducerEpoch(0), Sequence::FIRST));
        if rng.chance(1, 15) {
            *next = (ProducerEpoch(next.0.0 + 1), Sequence::FIRST);
        }
        let (epoch, first) = *next;
        next.1 = first.plus(records as i32);
        (producer, epoch, first)
    }
}
