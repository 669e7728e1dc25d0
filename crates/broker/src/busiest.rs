//! Which partitions are busy: rates between two looks, of the busiest few.
//!
//! Nothing is computed while nobody looks, and looks that come too soon after another one share its
//! answer, so that any number of watchers costs what one costs.

use std::time::Duration;

use ottla_model::{Moment, PartitionId, TopicName};
use parking_lot::Mutex;

use crate::partition::Partition;
use crate::table::PartitionTable;

/// How many partitions are told about at most.
const PARTITIONS_MAX: usize = 32;
/// Looks closer together than this share an answer.
const LOOK_MIN: Duration = Duration::from_millis(500);

/// The busiest partitions, those first through which most bytes went.
#[derive(Clone, Debug, Default)]
pub struct Busiest {
    /// How much time these rates are of; zero at the first look, which has none yet.
    pub over: Duration,
    /// At most 32, none of them idle.
    pub partitions: Vec<PartitionRates>,
}

/// What goes through one partition in a second.
#[derive(Clone, PartialEq, Debug)]
pub struct PartitionRates {
    /// Its topic.
    pub topic: TopicName,
    /// Its number.
    pub partition: PartitionId,
    /// Bytes of batches appended.
    pub produce_bytes: f64,
    /// Records appended.
    pub produce_records: f64,
    /// Bytes of batches handed to consumers.
    pub fetch_bytes: f64,
}

/// Who looked last, when, and what was seen.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<Option<(Moment, Busiest)>>);

impl Looks {
    pub(crate) fn look(&self, table: &PartitionTable, now: Moment) -> Busiest {
        let mut last = self.0.lock();
        let over = last.as_ref().map(|(then, _)| now.since(*then));
        if let (Some(over), Some((_, seen))) = (over, &*last)
            && over < LOOK_MIN
        {
            return seen.clone();
        }
        let seen = busiest(&table.partitions(), over.unwrap_or_default());
        *last = Some((now, seen.clone()));
        seen
    }
}

fn busiest(all: &[std::sync::Arc<Partition>], over: Duration) -> Busiest {
    // Looked at in any case: what passed before the first look belongs to no span of time.
    let rates = all.iter().map(|partition| rates_of(partition, over));
    let mut partitions: Vec<PartitionRates> = rates.flatten().collect();
    let bytes = |rates: &PartitionRates| rates.produce_bytes + rates.fetch_bytes;
    partitions.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    partitions.truncate(PARTITIONS_MAX);
    Busiest { over, partitions }
}

fn rates_of(partition: &Partition, over: Duration) -> Option<PartitionRates> {
    let passed = partition.traffic().passed();
    let idle = passed == crate::partition::Passed::default();
    let per_second = |count: u64| count as f64 / over.as_secs_f64();
    (!idle && !over.is_zero()).then(|| PartitionRates {
        topic: partition.topic().clone(),
        partition: partition.id().partition,
        produce_bytes: per_second(passed.produced),
        produce_records: per_second(passed.records),
        fetch_bytes: per_second(passed.fetched),
    })
}
