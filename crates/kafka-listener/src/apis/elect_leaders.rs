//! ElectLeaders: a partition's one replica leads it already.

use bytes::Bytes;
use ottla_kafka_codec::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use ottla_kafka_codec::{CodecError, ErrorCode};

use super::topics;
use crate::call::Call;
use crate::errors;

/// Kinds of election: of the preferred leader, and of one that may lack records.
const ELECTIONS: [i8; 2] = [0, 1];

pub(super) fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: ElectLeadersRequest<'_> = call.decode()?;
    let unknown = !ELECTIONS.contains(&request.election_type);
    // Of "every partition", only those are answered where somebody was elected: none.
    let asked = request.topic_partitions.unwrap_or_default();
    let mut is_first = topics::first_time();
    let results = asked.iter().map(|topic| {
        let once = topic.partitions.iter().filter(|index| is_first((&*topic.topic, **index)));
        let partition_result = once.map(|index| {
            let code = match unknown {
                true => ErrorCode::INVALID_REQUEST,
                false => elect(call, &topic.topic, *index),
            };
            PartitionResult {
                partition_id: *index,
                error_code: code.0,
                error_message: Some(code.name().into()),
            }
        });
        let partition_result = partition_result.collect();
        ReplicaElectionResult { partition_result, topic: topic.topic.clone() }
    });
    let replica_election_results = results.collect();
    let error_code = if unknown { ErrorCode::INVALID_REQUEST } else { ErrorCode::NONE }.0;
    let response =
        ElectLeadersResponse { error_code, replica_election_results, ..Default::default() };
    Ok(call.encode(&response))
}

fn elect(call: &Call, topic: &str, index: i32) -> ErrorCode {
    let known = topics::existing(&call.door.broker, topic).and_then(|topic| {
        let partition = topics::partition(index)?;
        let described = call.door.broker.describe_partition(&topic, partition);
        described.map_err(|error| errors::of_lookup(&error))
    });
    known.map_or_else(|code| code, |_| ErrorCode::ELECTION_NOT_NEEDED)
}
