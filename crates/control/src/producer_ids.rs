//! Producer ids are given to brokers in blocks.
//!
//! Invariant I7: a block is durable before any of its ids is used, and no two blocks share one.

use ottla_metadata::record::{MetadataRecord, ProducerIdsRecord};
use ottla_metadata::request::{AllocateProducerIds, ProducerIdBlock};
use ottla_metadata::{ControllerError, ControllerResponse, Image};
use ottla_model::ProducerId;
use ottla_model::limits::PRODUCER_ID_BLOCK;

use crate::decision::Decision;

/// The next block, for a broker in its newest life.
pub(crate) fn allocate(
    image: &Image,
    want: &AllocateProducerIds,
) -> Result<Decision, ControllerError> {
    let &AllocateProducerIds { broker, broker_epoch } = want;
    let current = image.brokers().get(broker).map(|broker| broker.epoch);
    if current != Some(broker_epoch) {
        return Err(ControllerError::StaleBroker { broker, epoch: broker_epoch });
    }
    let first = image.producer_ids().next();
    let next = first.0.checked_add(PRODUCER_ID_BLOCK).map(ProducerId);
    let next = next.ok_or(ControllerError::ProducerIdsExhausted)?;
    let block = ProducerIdBlock { first, count: PRODUCER_ID_BLOCK };
    Ok(Decision {
        records: vec![MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker,
            broker_epoch,
            next,
        })],
        response: ControllerResponse::ProducerIds(block),
    })
}
