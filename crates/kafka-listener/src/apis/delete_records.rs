//! DeleteRecords: forgets the beginning of partitions, up to an offset or all that may be seen.

use bytes::Bytes;
use ottla_kafka_codec::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::Offset;

use super::topics;
use crate::call::Call;
use crate::errors;

/// What stands for the high watermark.
const ALL: i64 = -1;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: DeleteRecordsRequest<'_> = call.decode()?;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let deleted = delete(call, &topic.name, asked).await;
            let (low_watermark, code) = match deleted {
                Ok(start) => (start.0, ErrorCode::NONE),
                Err(code) => (-1, code),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark,
                error_code: code.0,
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    Ok(call.encode(&DeleteRecordsResponse { topics, ..Default::default() }))
}

async fn delete(
    call: &Call,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let topic = topics::existing(&call.door.broker, topic)?;
    let partition = topics::partition(asked.partition_index)?;
    let before = match asked.offset {
        ALL => None,
        ..0 => return Err(ErrorCode::OFFSET_OUT_OF_RANGE),
        offset => Some(Offset(offset)),
    };
    let deleted = call.door.broker.delete_records(&topic, partition, before).await;
    deleted.map_err(|error| errors::of_admin(&error))
}
