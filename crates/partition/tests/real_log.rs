//! Replicas over the real log, and a crash within every operation of its disk: what a producer was
//! told is there, its retry is known (I1, I3, I5), and no consumer sees the end go back (R1, R2, R9).

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::config;
use ottla_log::storage::disk::Variant;
use ottla_log::storage::{RecordingStorage, Storage};
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, Stream, StreamSettings};
use ottla_model::{
    Acks, BrokerId, Durability, KIB, LeaderEpoch, Moment, Offset, PartitionId, ProducerEpoch,
    ProducerId, Rng, Sequence, StreamId, Timestamp, TopicId,
};
use ottla_partition::{AppendError, Appended, Effect, Replica, ReplicaConfig, Ticket};
use ottla_record::{BatchBuilder, BatchOptions, BatchRules, CheckedBatch, NO_HEADERS, validate};

const NOW: Timestamp = Timestamp(1_000);

/// How many batches of a producer are remembered.
const WINDOW: usize = 5;

/// Records of 700 bytes, so that segments roll and the journal turns round within the workload.
const VALUE: [u8; 700] = [b'x'; 700];

fn id(partition: u32) -> StreamId {
    StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(partition))
}

/// Two partitions wait for the disk, and one for the kernel.
fn durability(partition: u32) -> Durability {
    if partition == 2 { Durability::Relaxed } else { Durability::Fsync }
}

fn open(storage: Arc<dyn Storage>) -> LogDirectory {
    let settings = LogSettings {
        room_reserve_bytes: 0,
        journal_bytes_start: 16 * KIB,
        journal_file_bytes_max: 32 * KIB,
        journal_bytes_max: 128 * KIB,
        ..LogSettings::default()
    };
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: NOW,
    };
    let opened = LogDirectory::open(Arc::clone(&storage), storage, settings, context);
    opened.expect("the directory opens").0
}

fn replica(partition: u32, stream: &Arc<Stream>, epoch: i32) -> Replica {
    let durability = durability(partition);
    let mut replica =
        Replica::new(ReplicaConfig { stream: id(partition), durability, ..config() }, stream);
    replica.become_leader(stream, LeaderEpoch(epoch)).expect("epochs rise");
    replica
}

/// One batch of the producer that has the partition's number.
#[derive(Clone, Copy, Debug)]
struct Sent {
    first: i32,
    records: i32,
    base: Offset,
}

fn batch(partition: u32, sent: Sent) -> CheckedBatch {
    let mut builder = BatchBuilder::new();
    for _ in 0..sent.records {
        builder.push(NOW, None, Some(&VALUE), NO_HEADERS);
    }
    let options = BatchOptions {
        producer_id: ProducerId(partition.into()),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(sent.first),
        ..BatchOptions::default()
    };
    validate(builder.finish(&options), &BatchRules::default()).expect("it was only just built")
}

struct Partition {
    stream: Arc<Stream>,
    replica: Replica,
    sent: Vec<Sent>,
    waiting: BTreeMap<Ticket, usize>,
    /// After which operation of the disk the producer was told of which batch.
    told: Vec<(usize, usize)>,
    /// After which operation somebody saw the high watermark there.
    seen: Vec<(usize, Offset)>,
}

impl Partition {
    fn send(&mut self, partition: u32, records: i32, acks: Acks, position: usize) {
        let first = self.sent.last().map_or(0, |last| last.first + last.records);
        let base = self.replica.offsets().log_end;
        let sent = Sent { first, records, base };
        let appended =
            self.replica.append(&self.stream, batch(partition, sent), acks, NOW, Moment::START);
        self.sent.push(sent);
        match appended.expect("nothing refuses it") {
            Appended::Waiting(ticket) => {
                self.waiting.insert(ticket, self.sent.len() - 1);
            }
            Appended::Answered(produced) => {
                assert_eq!(produced.base_offset, base);
                self.told.push((position, self.sent.len() - 1));
            }
        }
        self.drain(position);
    }

    fn drain(&mut self, position: usize) {
        while let Some(effect) = self.replica.poll_effect() {
            let Effect::Reply { ticket, produced, .. } = effect else { continue };
            let index = self.waiting.remove(&ticket).expect("answered once");
            assert_eq!(produced.base_offset, self.sent[index].base);
            self.told.push((position, index));
        }
        self.seen.push((position, self.replica.high_watermark()));
    }
}

struct Run {
    storage: RecordingStorage,
    partitions: Vec<Partition>,
}

/// Appends, deletions from the start and the disk's work, interleaved as the seed says.
fn run(seed: u64) -> Run {
    let storage = RecordingStorage::new();
    let directory = open(Arc::new(storage.clone()));
    let mut partitions: Vec<Partition> = (0..3)
        .map(|number| {
            let settings = StreamSettings {
                durability: durability(number),
                segment_bytes: 16 * KIB,
                ..StreamSettings::default()
            };
            let stream = directory.create_stream(id(number), settings).expect("it is new");
            let replica = replica(number, &stream, 0);
            let (sent, waiting) = (Vec::new(), BTreeMap::new());
            Partition { stream, replica, sent, waiting, told: Vec::new(), seen: Vec::new() }
        })
        .collect();
    let mut rng = Rng::from_number(seed);
    for _ in 0..200 {
        let number = rng.below(3) as u32;
        let partition = &mut partitions[number as usize];
        match rng.below(10) {
            // No more in flight than a client may have.
            0..4 if partition.waiting.len() < WINDOW => {
                let acks = [Acks::All, Acks::Leader][rng.below(2) as usize];
                partition.send(number, 1 + rng.below(3) as i32, acks, storage.position());
            }
            4 => {
                let to = partition.replica.high_watermark();
                let to = Offset(to.0 - rng.below(4) as i64).max(partition.replica.log_start());
                partition.replica.move_start(&partition.stream, to).expect("it is visible");
            }
            lane => {
                let step = directory.step(Lane::ALL[lane as usize % 3], NOW);
                for (stream, end) in step.durable {
                    let partition = &mut partitions[stream.partition.0 as usize];
                    partition.replica.handle_durable(end);
                    partition.drain(storage.position());
                }
            }
        }
    }
    Run { storage, partitions }
}

fn crash_everywhere(seed: u64) {
    let run = run(seed);
    let told: usize = run.partitions.iter().map(|partition| partition.told.len()).sum();
    assert!(told > 30, "only {told} batches were acknowledged");
    for point in run.storage.script().crash_points() {
        for variant in Variant::all(point.operation(), 4) {
            let directory = open(Arc::new(point.storage(variant)));
            // A relaxed topic promises to survive a kill, not a power cut (R2).
            let is_kill = matches!(variant, Variant::Killed | Variant::AllKept);
            for (partition, number) in run.partitions.iter().zip(0..) {
                if durability(number) == Durability::Fsync || is_kill {
                    let context = format!("seed {seed}, {} {variant:?}", point.describe());
                    check(partition, number, &directory, point.operation(), &context);
                }
            }
        }
    }
}

fn check(run: &Partition, number: u32, directory: &LogDirectory, operation: usize, context: &str) {
    let context = format!("{context}, partition {number}");
    let told: Vec<usize> =
        run.told.iter().filter(|(at, _)| *at <= operation).map(|(_, index)| *index).collect();
    let seen = run.seen.iter().filter(|(at, _)| *at <= operation).map(|(_, end)| *end).max();
    let Some(stream) = directory.stream(id(number)) else {
        assert!(told.is_empty(), "{context}: the whole stream is gone");
        return;
    };
    let mut replica = replica(number, &stream, 1);
    let end = replica.high_watermark();
    assert!(end >= seen.unwrap_or_default(), "{context}: {end} is left, and {seen:?} was seen");
    for index in told {
        let sent = run.sent[index];
        let again = replica.append(&stream, batch(number, sent), Acks::All, NOW, Moment::START);
        match again {
            Ok(Appended::Answered(produced)) => {
                assert!(produced.duplicate, "{context}: {sent:?} landed twice");
                assert_eq!(produced.base_offset, sent.base, "{context}: {sent:?}");
            }
            Err(AppendError::DuplicateForgotten { .. }) if index + WINDOW < run.sent.len() => {}
            other => panic!("{context}: {sent:?} was told, and its retry gives {other:?}"),
        }
    }
}

/// regression: a relaxed stream's first batches were acknowledged before its creation was durable, and
/// a kill took them back together with the stream (seed 2).
#[test]
fn no_crash_takes_back_what_was_told() {
    (1..=4).for_each(crash_everywhere);
}
