//! Batches whose every record is known: what was written can be told from anything else.

use std::rc::Rc;

use bytes::Bytes;
use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Rng, Sequence, Timestamp};
use ottla_record::{
    BatchBuilder, BatchHeader, BatchOptions, BatchRules, NO_HEADERS, StampedBatch, validate,
};

/// A batch as it is appended, and the records in it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) stamped: StampedBatch,
    pub(crate) bytes: Bytes,
    pub(crate) records: Vec<(Offset, Timestamp)>,
}

/// What a batch is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) base: Offset,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) records: u64,
    /// About how many bytes each record's value has.
    pub(crate) value_bytes: u64,
    /// Around which time its records were made.
    pub(crate) about: Timestamp,
    pub(crate) producer: Option<(ProducerId, ProducerEpoch, Sequence)>,
}

impl Batch {
    pub(crate) fn make(rng: &mut Rng, wish: Wish) -> Rc<Self> {
        let mut builder = BatchBuilder::new();
        let mut records = Vec::new();
        for at in 0..wish.records {
            let mut value =
                vec![0; (wish.value_bytes / 2 + rng.below(wish.value_bytes + 1)) as usize];
            rng.fill(&mut value);
            // Producers' clocks differ: later records may carry earlier times.
            let timestamp = Timestamp(wish.about.0 + rng.below(40) as i64 - 20);
            builder.push(timestamp, None, Some(&value), NO_HEADERS);
            records.push((wish.base.plus(at as i64), timestamp));
        }
        let (producer_id, producer_epoch, base_sequence) =
            wish.producer.unwrap_or((ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE));
        let bytes = builder.finish(&BatchOptions {
            producer_id,
            producer_epoch,
            base_sequence,
            base_offset: wish.base,
            leader_epoch: wish.epoch,
            ..BatchOptions::default()
        });
        let checked = validate(bytes, &BatchRules::for_cluster()).expect("the batch is sound");
        let stamped = checked.as_stamped();
        let bytes = stamped.to_bytes();
        Rc::new(Self { stamped, bytes, records })
    }

    pub(crate) fn header(&self) -> &BatchHeader {
        self.stamped.header()
    }

    pub(crate) fn base(&self) -> Offset {
        self.header().base_offset
    }

    pub(crate) fn next(&self) -> Offset {
        self.header().next_offset()
    }
}
