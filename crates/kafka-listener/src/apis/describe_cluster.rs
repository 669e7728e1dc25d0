//! DescribeCluster: the brokers, and who of them is the controller.

use bytes::Bytes;
use ottla_kafka_codec::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::metadata::{CLUSTER_OPERATIONS, addresses, cluster_id};
use crate::call::Call;

/// The kind of endpoint that is described here.
const BROKERS: i8 = 1;
/// The kind that is described by controllers.
const CONTROLLERS: i8 = 2;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DescribeClusterRequest = call.decode()?;
    let refused = match request.endpoint_type {
        BROKERS => return Ok(call.encode(&described(call, &request))),
        CONTROLLERS => ErrorCode::MISMATCHED_ENDPOINT_TYPE,
        _ => ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
    };
    let refusal = DescribeClusterResponse {
        error_code: refused.0,
        error_message: Some("this is a broker: ask for endpoint type 1".into()),
        ..Default::default()
    };
    Ok(call.encode(&refusal))
}

fn described(call: &Call, request: &DescribeClusterRequest) -> DescribeClusterResponse<'static> {
    let brokers = addresses(call).into_iter().map(|(broker_id, at)| DescribeClusterBroker {
        broker_id,
        host: at.host.into(),
        port: at.port.into(),
        ..Default::default()
    });
    let mut response = DescribeClusterResponse {
        cluster_id: cluster_id(call).into(),
        controller_id: call.door.broker.describe_cluster().controller.map_or(-1, |id| id.0),
        brokers: brokers.collect(),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}
