//! ListPartitionReassignments: a partition of one replica is never moved, so that there are none.

use bytes::Bytes;
use ottla_kafka_codec::CodecError;
use ottla_kafka_codec::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use crate::call::Call;

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let _request: ListPartitionReassignmentsRequest<'_> = call.decode()?;
    let none = ListPartitionReassignmentsResponse { error_message: None, ..Default::default() };
    Ok(call.encode(&none))
}
