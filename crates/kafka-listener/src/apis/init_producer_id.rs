//! InitProducerId: an identity for an idempotent producer. A transactional one is refused: there are
//! no transactions yet.

use bytes::Bytes;
use ottla_kafka_codec::messages::init_producer_id::{
    InitProducerIdRequest, InitProducerIdResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use crate::call::Call;
use crate::errors;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: InitProducerIdRequest<'_> = call.decode()?;
    let refused = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.0,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let response = match request.transactional_id.as_deref() {
        Some("") => refused(ErrorCode::INVALID_REQUEST),
        Some(_) => refused(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        // Whatever identity it had: Kafka gives a new one too.
        None => match call.door.broker.allocate_producer_id().await {
            Ok(identity) => InitProducerIdResponse {
                producer_id: identity.id.0,
                producer_epoch: identity.epoch.0,
                ..Default::default()
            },
            Err(error) => refused(errors::of_admin(&error)),
        },
    };
    Ok(call.encode(&response))
}
