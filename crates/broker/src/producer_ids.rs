//! Producer ids, handed out of a block that the controller made durable as this broker's own. What
//! is left of a block when the broker stops is never given away.

use ottla_metadata::ControllerChannel;
use ottla_metadata::request::{
    AllocateProducerIds, ControllerRequest, ControllerResponse, ProducerIdBlock,
};
use ottla_model::{BrokerId, ProducerEpoch, ProducerId};
use tokio::sync::Mutex;

use crate::error::AdminError;
use crate::request::ProducerIdentity;
use crate::translate;

/// The block in use.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<Block>);

#[derive(Debug, Default)]
struct Block {
    next: i64,
    left: i64,
}

impl ProducerIds {
    /// The next id. The lock is held while a block is asked for, so that many callers ask once.
    pub(crate) async fn next(
        &self,
        controller: &dyn ControllerChannel,
        broker: BrokerId,
        broker_epoch: i64,
    ) -> Result<ProducerIdentity, AdminError> {
        let mut block = self.0.lock().await;
        if block.left == 0 {
            let request = AllocateProducerIds { broker, broker_epoch };
            let answer = controller.submit(ControllerRequest::AllocateProducerIds(request)).await;
            let committed = answer.map_err(translate::controller_error)?;
            *block = Block::of(&committed.response)?;
        }
        block.left -= 1;
        let id = ProducerId(block.next);
        block.next += 1;
        Ok(ProducerIdentity { id, epoch: ProducerEpoch(0) })
    }
}

impl Block {
    fn of(response: &ControllerResponse) -> Result<Self, AdminError> {
        match response {
            ControllerResponse::ProducerIds(ProducerIdBlock { first, count }) if *count > 0 => {
                Ok(Self { next: first.0, left: *count })
            }
            other => Err(AdminError::NoAnswer {
                why: format!("it answered {other:?} when asked for producer ids"),
            }),
        }
    }
}
