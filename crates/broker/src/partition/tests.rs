//! One partition over a log in memory, stepped by hand: who is answered when, and what a panic costs.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use ottla_log::storage::MemoryStorage;
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, StreamSettings};
use ottla_model::{
    Acks, BrokerId, Durability, LeaderEpoch, PartitionId, ProducerEpoch, ProducerId, Rng, Sequence,
    StreamId, Timestamp, TopicId,
};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, NO_HEADERS, TimestampSpans, TimestampType,
};
use ottla_runtime::{Metrics, Shutdown};

use super::*;
use crate::cold::ColdReads;
use crate::error::{FetchError, ProduceError};
use crate::metrics::BrokerMetrics;

struct Bench {
    log: LogDirectory,
    partition: Arc<Partition>,
    cold: ColdReads,
    shutdown: Shutdown,
}

impl Bench {
    fn new(durability: Durability) -> Self {
        let storage = Arc::new(MemoryStorage::new());
        let context = OpenContext {
            cluster: None,
            broker: BrokerId(1),
            rng: Rng::from_number(1),
            boot_id: "boot".to_owned(),
            now: Timestamp(0),
        };
        let settings = LogSettings::default();
        let (log, _) = LogDirectory::open(storage.clone(), storage, settings, context).unwrap();
        let id = StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(0));
        let settings = StreamSettings { durability, ..StreamSettings::default() };
        let stream = log.create_stream(id, settings).unwrap();
        let clock = Clock::start();
        let around = Arc::new(Surroundings {
            clock,
            slowest: Arc::new(crate::slowest::Slowest::new(clock)),
            panics: Panics::new(),
            metrics: BrokerMetrics::register(&Metrics::new()),
        });
        let gauge = around.metrics.cold_waiting.clone();
        let cold = ColdReads::start(1, &around.panics, gauge).unwrap();
        let topic = TopicName::new("flights").unwrap();
        let partition = Partition::open(topic, stream, config(id, durability), around);
        partition.become_leader(LeaderEpoch(3)).unwrap();
        Self { log, partition: Arc::new(partition), cold, shutdown: Shutdown::new() }
    }

    /// Rounds until nothing waits, handed on as the storage threads do.
    fn make_durable(&self) {
        loop {
            let step = self.log.step(Lane::Journal, Timestamp(0));
            for (stream, end) in &step.durable {
                assert_eq!(*stream, self.partition.id());
                self.partition.handle_durable(*end);
            }
            if !step.worked {
                return;
            }
        }
    }

    async fn fetch(&self, offset: i64, wait: Option<Duration>) -> Result<usize, FetchError> {
        let context = FetchContext { cold: &self.cold, shutdown: &self.shutdown };
        let fetched = self.partition.fetch(context, Offset(offset), 1 << 20, wait).await?;
        Ok(fetched.bytes())
    }
}

fn config(stream: StreamId, durability: Durability) -> ReplicaConfig {
    ReplicaConfig {
        stream,
        broker: BrokerId(1),
        durability,
        flushes: true,
        min_insync: 1,
        rules: BatchRules::for_client(4096),
        timestamp_spans: TimestampSpans::ANY,
        timestamp_type: TimestampType::CreateTime,
        ack_wait_max: Duration::from_secs(1),
    }
}

fn batch(records: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.push(Timestamp(5), None, Some(b"value"), NO_HEADERS);
    }
    builder.finish(&BatchOptions::default())
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_round_and_so_do_readers() {
    let bench = Bench::new(Durability::Fsync);
    let mut acks: Vec<_> = (1..4).map(|n| bench.partition.produce(batch(n), Acks::All)).collect();
    assert!(acks.iter_mut().all(|ack| ack.now_or_never().is_none()));
    assert_eq!(bench.partition.waiting(), 3);
    assert_eq!(bench.fetch(0, None).await, Ok(0), "nothing is visible before it is durable");
    bench.make_durable();
    let mut bases = Vec::new();
    for ack in acks {
        bases.push(ack.await.unwrap().base_offset.0);
    }
    assert_eq!(bases, [0, 1, 3]);
    assert!(bench.fetch(0, None).await.unwrap() > 0);
    assert_eq!(bench.partition.waiting(), 0);
}

#[tokio::test]
async fn an_acknowledgement_of_nobody_comes_at_once() {
    let bench = Bench::new(Durability::Fsync);
    let produced = bench.partition.produce(batch(1), Acks::None).await.unwrap();
    assert_eq!((produced.base_offset, produced.acks), (Offset(0), Acks::None));
}

/// regression: the limit was lowered between a batch and its retry, which was then refused: its producer
/// took for lost what was stored.
#[tokio::test]
async fn a_batch_sent_again_is_recognised_whatever_the_rules_are_by_now() {
    let bench = Bench::new(Durability::Fsync);
    let numbered = |sequence| {
        let mut builder = BatchBuilder::new();
        builder.push(Timestamp(5), None, Some(&[7; 2000]), NO_HEADERS);
        builder.finish(&BatchOptions {
            producer_id: ProducerId(3),
            producer_epoch: ProducerEpoch(0),
            base_sequence: Sequence(sequence),
            ..BatchOptions::default()
        })
    };
    let first = bench.partition.produce(numbered(0), Acks::All);
    bench.make_durable();
    assert_eq!(first.await.unwrap().base_offset, Offset(0));
    let stricter = ReplicaConfig {
        rules: BatchRules::for_client(1024),
        ..config(bench.partition.id(), Durability::Fsync)
    };
    bench.partition.change("alter", |state, stream| state.replica.alter(stream, stricter));
    let again = bench.partition.produce(numbered(0), Acks::All).await.unwrap();
    assert!(again.duplicate && again.base_offset == Offset(0), "{again:?}");
    let next = bench.partition.produce(numbered(1), Acks::All).await.unwrap_err();
    assert!(matches!(next, ProduceError::TooLarge { .. }), "{next}");
}

#[tokio::test]
async fn a_panic_costs_the_answer_and_nothing_else() {
    let bench = Bench::new(Durability::Fsync);
    bench.partition.produce(batch(2), Acks::None).await.unwrap();
    bench.make_durable();
    let waiting = bench.partition.produce(batch(1), Acks::All);
    assert_eq!(bench.partition.change("test", |_, _| panic!("planned")), None::<()>);
    let lost = waiting.await.unwrap_err();
    assert!(matches!(lost, ProduceError::Lost { .. }), "{lost}");
    bench.make_durable();
    let next = bench.partition.produce(batch(1), Acks::All);
    bench.make_durable();
    assert_eq!(next.await.unwrap().base_offset, Offset(3), "the lost one had been appended");
    assert!(bench.fetch(0, None).await.unwrap() > 0);
    assert_eq!(bench.partition.around.panics.count(), 1);
    assert_eq!(bench.partition.around.metrics.acks_waiting.get(), 0);
}

#[tokio::test]
async fn a_parked_fetch_is_woken_once_by_what_is_durable() {
    let bench = Bench::new(Durability::Fsync);
    let mut parked = std::pin::pin!(bench.fetch(0, Some(Duration::from_secs(60))));
    assert!(futures::poll!(parked.as_mut()).is_pending());
    let _ack = bench.partition.produce(batch(1), Acks::All);
    assert!(futures::poll!(parked.as_mut()).is_pending(), "it is not durable yet");
    bench.make_durable();
    assert!(parked.await.unwrap() > 0);
}

#[tokio::test]
async fn closing_answers_everybody() {
    let bench = Bench::new(Durability::Fsync);
    let mut parked = std::pin::pin!(bench.fetch(0, Some(Duration::from_secs(60))));
    assert!(futures::poll!(parked.as_mut()).is_pending());
    let ack = bench.partition.produce(batch(1), Acks::All);
    bench.partition.close();
    assert!(matches!(ack.await, Err(ProduceError::Lookup(LookupError::UnknownTopic { .. }))));
    assert!(matches!(parked.await, Err(FetchError::Lookup(LookupError::UnknownTopic { .. }))));
    bench.make_durable();
    let late = bench.partition.produce(batch(1), Acks::All).await;
    assert!(matches!(late, Err(ProduceError::Lookup(LookupError::UnknownTopic { .. }))));
}

#[tokio::test]
async fn who_waits_too_long_is_told_that_nobody_knows() {
    let bench = Bench::new(Durability::Fsync);
    let ack = bench.partition.produce(batch(1), Acks::All);
    let moment = bench.partition.around.clock.moment();
    bench.partition.handle_time(moment);
    assert_eq!(bench.partition.waiting(), 1);
    bench.partition.handle_time(moment.plus(Duration::from_secs(2)));
    assert!(matches!(ack.await, Err(ProduceError::Lost { .. })));
}

#[tokio::test]
async fn a_deletion_is_answered_when_a_power_cut_cannot_undo_it() {
    let bench = Bench::new(Durability::Fsync);
    let _ack = bench.partition.produce(batch(3), Acks::All);
    bench.make_durable();
    let mut deletion = std::pin::pin!(bench.partition.delete_records(Some(Offset(3))));
    assert!(futures::poll!(deletion.as_mut()).is_pending());
    bench.make_durable();
    assert_eq!(deletion.await, Ok(Offset(3)));
    assert_eq!(bench.partition.delete_records(Some(Offset(1))).await, Ok(Offset(3)));
}

#[test]
fn an_idle_partition_is_small() {
    let partition = size_of::<Partition>() + size_of::<ottla_log::Stream>();
    assert!(partition < 2048, "{partition} bytes, before what the two point to");
}
