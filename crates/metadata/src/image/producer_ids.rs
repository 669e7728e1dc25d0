//! How far producer ids are used up.

use ottla_model::{BrokerId, ProducerId};

use super::Refusal;
use crate::record::ProducerIdsRecord;

/// The producer ids that were given away, as one number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerIdsImage {
    pub(crate) next: ProducerId,
    pub(crate) last: Option<LastBlock>,
}

/// Who got the newest block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LastBlock {
    pub(crate) broker: BrokerId,
    pub(crate) broker_epoch: i64,
}

impl Default for ProducerIdsImage {
    fn default() -> Self {
        Self { next: ProducerId(0), last: None }
    }
}

impl ProducerIdsImage {
    /// The first id that nobody was given yet. It only grows (I7).
    pub fn next(&self) -> ProducerId {
        self.next
    }

    pub(super) fn replay(&mut self, record: &ProducerIdsRecord) -> Result<(), Refusal> {
        let &ProducerIdsRecord { broker, broker_epoch, next } = record;
        if next <= self.next {
            let why = format!("producer ids below {} are given away already", self.next);
            return Err(Refusal::Contradiction(why));
        }
        self.next = next;
        self.last = Some(LastBlock { broker, broker_epoch });
        Ok(())
    }
}
