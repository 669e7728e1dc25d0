//! The replica's own cost for each batch, over a log that only counts: append, completion, answer.
//! None of it grows with the records of a batch.

use std::cell::Cell;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ottla_log::producers::{ProducerBatch, Verdict};
use ottla_log::{StreamError, StreamOffsets};
use ottla_model::{
    Acks, BrokerId, Durability, LeaderEpoch, Moment, Offset, ProducerEpoch, ProducerId, Sequence,
    StreamId, Timestamp,
};
use ottla_partition::{Replica, ReplicaConfig, ReplicaLog};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, CheckedBatch, NO_HEADERS, StampedBatch, TimestampSpans,
    TimestampType, validate,
};

/// Batches of one journal round, as under load.
const ROUND: usize = 100;

/// A log that keeps nothing.
#[derive(Default)]
struct Counter(Cell<i64>);

impl ReplicaLog for Counter {
    fn offsets(&self) -> StreamOffsets {
        let (log_start, log_end) = (Offset::ZERO, Offset(self.0.get()));
        let zero = Offset::ZERO;
        StreamOffsets {
            log_start,
            durable_start: log_start,
            log_end,
            durable_end: zero,
            flushed_end: zero,
        }
    }

    fn check_producer(&self, _batch: &ProducerBatch, _now: Timestamp) -> Verdict {
        Verdict::Append
    }

    fn append(&self, batch: StampedBatch, _now: Timestamp) -> Result<Offset, StreamError> {
        let end = batch.header().next_offset();
        self.0.set(end.0);
        Ok(end)
    }

    fn flush(&self) {}

    fn move_start(&self, to: Offset) -> Result<Offset, StreamError> {
        Ok(to)
    }

    fn truncate(&self, to: Offset) -> Result<Offset, StreamError> {
        Ok(to)
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        None
    }

    fn end_offset_for(&self, _epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        None
    }
}

fn replica(log: &Counter) -> Replica {
    let config = ReplicaConfig {
        stream: StreamId::METADATA,
        broker: BrokerId(1),
        durability: Durability::Fsync,
        flushes: true,
        min_insync: 1,
        rules: BatchRules::default(),
        timestamp_spans: TimestampSpans::ANY,
        timestamp_type: TimestampType::CreateTime,
        ack_wait_max: Duration::from_secs(30),
    };
    let mut replica = Replica::new(config, log);
    replica.become_leader(log, LeaderEpoch::FIRST).expect("a fresh log");
    replica
}

fn batch() -> CheckedBatch {
    let mut builder = BatchBuilder::new();
    for _ in 0..100 {
        builder.push(Timestamp(1), None, Some(b"a value of some length"), NO_HEADERS);
    }
    let options = BatchOptions {
        producer_id: ProducerId(1),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(0),
        ..BatchOptions::default()
    };
    validate(builder.finish(&options), &BatchRules::default()).expect("it was only just built")
}

fn round(replica: &mut Replica, log: &Counter, batches: Vec<CheckedBatch>) {
    for batch in batches {
        let appended = replica.append(log, batch, Acks::All, Timestamp(1), Moment::START);
        appended.expect("nothing refuses it");
    }
    replica.handle_durable(Offset(log.0.get()));
    let mut answered = 0;
    while replica.poll_effect().is_some() {
        answered += 1;
    }
    assert_eq!(answered, ROUND);
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("partition");
    group.throughput(Throughput::Elements(ROUND as u64));
    let log = Counter::default();
    let mut replica = replica(&log);
    let checked = batch();
    group.bench_function("append, complete, answer", |bencher| {
        bencher.iter_batched(
            || vec![checked.clone(); ROUND],
            |batches| round(&mut replica, &log, batches),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
