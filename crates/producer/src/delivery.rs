//! What became of a record: a future per record, completed once per batch.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use ottla_model::{Acks, Durability, Offset, PartitionId, Timestamp};
use parking_lot::Mutex;

use crate::error::ProducerError;
use crate::machine::Ack;

/// A record that is in its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// The partition it went to.
    pub partition: PartitionId,
    /// Its offset there.
    pub offset: Offset,
    /// The time the broker stamped it with, when the topic wants that.
    pub log_append_time: Option<Timestamp>,
    /// Who has it.
    pub acks: Acks,
    /// What "has it" means.
    pub durability: Durability,
}

/// Many records that are in their logs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ManyDelivered {
    /// How many records.
    pub records: u64,
    /// The runs of offsets they got, in the order they were sent.
    pub runs: Vec<DeliveredRun>,
}

/// Records that lie side by side in one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliveredRun {
    /// Where and how the first of them is.
    pub first: Delivered,
    /// How many they are.
    pub records: u64,
}

/// What will have become of a record. Resolves when its batch is acknowledged or has failed for
/// good; may be dropped, which changes nothing for the record.
#[derive(Debug)]
#[must_use = "only the delivery tells whether the record is in the log"]
pub struct Delivery {
    fate: Arc<Fate>,
    index: u32,
    waiter: Option<Place>,
}

const _: () = assert!(size_of::<Delivery>() == 16, "programs keep millions of them");

/// A place among those who wait, counted from 1.
type Place = std::num::NonZeroU32;

/// What will have become of many records that were sent with one call. Resolves when all of them
/// are decided; with the first error when one of their batches failed.
#[derive(Debug)]
#[must_use = "only the delivery tells whether the records are in the log"]
pub struct ManyDelivery {
    runs: Vec<Run>,
    decided: usize,
    waiter: Option<Place>,
}

/// Records of one call that lie side by side in one batch.
#[derive(Debug)]
struct Run {
    fate: Arc<Fate>,
    first: u32,
    records: u32,
}

/// What becomes of one batch, shared by all who wait for it.
#[derive(Debug)]
pub(crate) struct Fate {
    partition: PartitionId,
    decision: OnceLock<Result<Ack, ProducerError>>,
    waiters: Mutex<Vec<Waker>>,
}

impl Fate {
    pub(crate) fn new(partition: PartitionId) -> Arc<Self> {
        Arc::new(Self { partition, decision: OnceLock::new(), waiters: Mutex::default() })
    }

    /// Decides, and wakes whoever waits. A second decision changes nothing.
    pub(crate) fn decide(&self, result: Result<Ack, ProducerError>) {
        if self.decision.set(result).is_ok() {
            for waiter in std::mem::take(&mut *self.waiters.lock()) {
                waiter.wake();
            }
        }
    }

    /// The decision, or a place among those who wait for it.
    fn poll(
        &self,
        context: &Context<'_>,
        place: &mut Option<Place>,
    ) -> Poll<&Result<Ack, ProducerError>> {
        if let Some(decision) = self.decision.get() {
            return Poll::Ready(decision);
        }
        let mut waiters = self.waiters.lock();
        // Decided in between: whoever decides takes the waiters after it.
        if let Some(decision) = self.decision.get() {
            return Poll::Ready(decision);
        }
        match place.and_then(|place| waiters.get_mut(place.get() as usize - 1)) {
            Some(waiter) => waiter.clone_from(context.waker()),
            None => {
                waiters.push(context.waker().clone());
                // Beyond the largest number it takes another place whenever it is polled.
                *place = u32::try_from(waiters.len()).ok().and_then(Place::new);
            }
        }
        Poll::Pending
    }

    fn delivered(&self, ack: &Ack, index: u32) -> Delivered {
        Delivered {
            partition: self.partition,
            offset: ack.base_offset.plus(i64::from(index)),
            log_append_time: ack.log_append_time,
            acks: ack.acks,
            durability: ack.durability,
        }
    }
}

impl Delivery {
    pub(crate) fn new(fate: Arc<Fate>, index: u32) -> Self {
        Self { fate, index, waiter: None }
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, ProducerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { fate, index, waiter } = &mut *self;
        fate.poll(context, waiter).map(|decision| match decision {
            Ok(ack) => Ok(fate.delivered(ack, *index)),
            Err(error) => Err(error.clone()),
        })
    }
}

impl ManyDelivery {
    pub(crate) fn new() -> Self {
        Self { runs: Vec::new(), decided: 0, waiter: None }
    }

    /// More records, from the `first` of its batch on.
    pub(crate) fn add(&mut self, fate: &Arc<Fate>, first: u32, records: u32) {
        match self.runs.last_mut() {
            Some(run) if Arc::ptr_eq(&run.fate, fate) && run.first + run.records == first => {
                run.records += records;
            }
            _ => self.runs.push(Run { fate: fate.clone(), first, records }),
        }
    }

    fn result(&self) -> Result<ManyDelivered, ProducerError> {
        let mut all = ManyDelivered::default();
        for run in &self.runs {
            let decision = run.fate.decision.get().expect("all are decided");
            let ack = decision.as_ref().map_err(Clone::clone)?;
            let records = u64::from(run.records);
            all.records += records;
            all.runs.push(DeliveredRun { first: run.fate.delivered(ack, run.first), records });
        }
        Ok(all)
    }
}

impl Future for ManyDelivery {
    type Output = Result<ManyDelivered, ProducerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { runs, decided, waiter } = &mut *self;
        while let Some(run) = runs.get(*decided) {
            if run.fate.poll(context, waiter).is_pending() {
                return Poll::Pending;
            }
            *decided += 1;
            *waiter = None;
        }
        Poll::Ready(self.result())
    }
}
