//! What became of a record: a future per record, completed once per batch.

use std::pin::Pin;
use std::task::{Context, Poll};

use ottla_model::{Acks, Durability, Offset, PartitionId, Timestamp};

use crate::error::ProducerError;

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
pub struct Delivery {}

impl Future for Delivery {
    type Output = Result<Delivered, ProducerError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}

/// What will have become of many records that were sent with one call. Resolves when all of them
/// are decided; with the first error when one of their batches failed.
#[derive(Debug)]
#[must_use = "only the delivery tells whether the records are in the log"]
pub struct ManyDelivery {}

impl Future for ManyDelivery {
    type Output = Result<ManyDelivered, ProducerError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
