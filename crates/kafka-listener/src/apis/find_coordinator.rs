//! FindCoordinator: there are no coordinators yet. It is served so that it can be advertised, which
//! librdkafka takes for a sign that lz4 is understood; every question is answered with an error.

use bytes::Bytes;
use ottla_kafka_codec::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use crate::call::Call;

/// The first version that asks for many.
const MANY_FROM: i16 = 4;
const WHY: &str = "consumer groups and transactions are not served here yet; assign partitions";

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: FindCoordinatorRequest<'_> = call.decode()?;
    let error_code = ErrorCode::UNSUPPORTED_VERSION.0;
    let message = Some(WHY.into());
    if call.version() < MANY_FROM {
        let nobody = FindCoordinatorResponse {
            error_code,
            error_message: message,
            node_id: -1,
            port: -1,
            ..Default::default()
        };
        return Ok(call.encode(&nobody));
    }
    let nobody = |key| Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code,
        error_message: message.clone(),
        ..Default::default()
    };
    let coordinators = request.coordinator_keys.into_iter().map(nobody).collect();
    Ok(call.encode(&FindCoordinatorResponse { coordinators, ..Default::default() }))
}
