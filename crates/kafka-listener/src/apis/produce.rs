//! Produce: batches in, each checked and appended as it is.
//!
//! A request is begun (its batches are appended, in order) and answered later, when all of them are
//! acknowledged, so that the next request of the connection need not wait for the disk.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use ottla_broker::{
    BatchFault, ProduceAck, ProduceError, ProduceRequest as Batch, Produced, TopicRef,
};
use ottla_kafka_codec::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode, Uuid};
use ottla_model::{Acks, PartitionId};
use ottla_record::{BatchHeader, Compression};
use tokio::time::Sleep;

use super::topics::{self, Turns};
use crate::call::{Answer, Call};
use crate::errors;

/// The first version that names topics by id.
const BY_ID_FROM: i16 = 13;
/// The first version whose clients know zstd.
const ZSTD_FROM: i16 = 7;
/// The least patience with the disk, whatever the client says: with Kafka a single replica never
/// has anything to wait for, and some clients say 0.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// About how many bytes a batch takes while it is not acknowledged, beside its own: its place here, its
/// acknowledgement, and its part of the answer.
const WEIGHT_OF_ONE: usize = 256;
/// A batch that is less than this part of its request is copied: it stays in memory for as long as the
/// log keeps its newest batches there, and would keep the whole request with it.
const SHARED_PART: usize = 2;

/// What is found only when a batch is held against its partition, which is told with the error.
const OF_THE_PARTITION: [ErrorCode; 3] = [
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::INVALID_PRODUCER_EPOCH,
    ErrorCode::INVALID_TIMESTAMP,
];

/// A batch that was not taken.
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    message: Option<String>,
    /// The record to blame, where it is one.
    record: Option<i32>,
    /// Where the partition begins, where it was looked at before the batch was refused.
    log_start: i64,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, record: None, log_start: -1 }
    }
}

impl From<&ProduceError> for Refusal {
    fn from(error: &ProduceError) -> Self {
        let code = errors::of_produce(error);
        let record = match error {
            ProduceError::Invalid { fault: BatchFault::Timestamp { record }, .. } => {
                i32::try_from(*record).ok()
            }
            _ => None,
        };
        Self { message: Some(error.to_string()), record, ..Self::from(code) }
    }
}

/// A topic of the request, and what became of its batches so far.
struct BegunTopic {
    name: String,
    id: Uuid,
    partitions: Vec<(i32, Result<ProduceAck, Refusal>)>,
}

/// A request whose batches are appended.
pub(crate) struct Begun {
    call: Call,
    topics: Vec<BegunTopic>,
    /// Whether the client waits for no answer.
    silent: bool,
    over: Pin<Box<Sleep>>,
}

/// Appends the batches of a request, in order; waits for room where there is none.
pub(crate) async fn begin(call: Call) -> Result<Begun, CodecError> {
    let request: ProduceRequest<'_> = call.decode()?;
    let acks = acks(request.acks);
    // There are no transactions yet, and so no transactional id that may be used.
    let may = match request.transactional_id {
        Some(_) => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        None => acks,
    };
    let mut topics = Vec::with_capacity(request.topic_data.len());
    let mut turns = Turns::default();
    for topic in request.topic_data {
        let reference = {
            let by_id = call.version() >= BY_ID_FROM;
            topics::of(&call.door.broker, &topic.name, topic.topic_id, by_id)
        };
        let to = may.and_then(|acks| Ok((reference?, acks)));
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            turns.took_one().await;
            let index = data.index;
            let begun = match &to {
                Ok((topic, acks)) => append(&call, topic, data, *acks).await,
                Err(code) => Err((*code).into()),
            };
            partitions.push((index, begun));
        }
        topics.push(BegunTopic { name: topic.name.into_owned(), id: topic.topic_id, partitions });
    }
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or_default());
    let over = Box::pin(tokio::time::sleep(patience.max(PATIENCE_MIN)));
    Ok(Begun { silent: acks == Ok(Acks::None), topics, over, call })
}

fn acks(acks: i16) -> Result<Acks, ErrorCode> {
    match acks {
        -1 => Ok(Acks::All),
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        _ => Err(ErrorCode::INVALID_REQUIRED_ACKS),
    }
}

async fn append(
    call: &Call,
    topic: &TopicRef,
    data: PartitionProduceData,
    acks: Acks,
) -> Result<ProduceAck, Refusal> {
    let partition = topics::partition(data.index)?;
    let batch = data.records.unwrap_or_default().into_bytes();
    check(&batch, call.version())?;
    let batch = match batch.len() < call.size() / SHARED_PART {
        true => Bytes::copy_from_slice(&batch),
        false => batch,
    };
    let admission = call.door.broker.admit(batch.len() as u64).await;
    let admission = admission.map_err(|error| Refusal::from(&error))?;
    let durability = None;
    let batch = Batch { topic: topic.clone(), partition, batch, acks, durability, admission };
    let ack = call.door.broker.produce(batch);
    match ack.ready() {
        Some(Err(error)) => Err(refused(call, error, topic, partition)),
        _ => Ok(ack),
    }
}

fn refused(call: &Call, error: &ProduceError, topic: &TopicRef, partition: PartitionId) -> Refusal {
    let refusal = Refusal::from(error);
    if !OF_THE_PARTITION.contains(&refusal.code) {
        return refusal;
    }
    let described = call.door.broker.describe_partition(topic, partition);
    Refusal { log_start: described.map_or(-1, |partition| partition.log_start.0), ..refusal }
}

/// What only this door can tell; the partition checks the rest.
fn check(batch: &Bytes, version: i16) -> Result<(), Refusal> {
    if batch.is_empty() {
        let message = Some("the request has no batch for this partition".to_owned());
        return Err(Refusal { message, ..Refusal::from(ErrorCode::INVALID_RECORD) });
    }
    let Ok(header) = BatchHeader::peek(batch) else {
        return Ok(());
    };
    if header.is_transactional() {
        return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into());
    }
    if version < ZSTD_FROM && header.compression() == Ok(Compression::Zstd) {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE.into());
    }
    Ok(())
}

impl Begun {
    /// About how many bytes it holds beside the request.
    pub(crate) fn weight(&self) -> usize {
        let each = self.topics.iter().map(|topic| 1 + topic.partitions.len());
        each.sum::<usize>() * WEIGHT_OF_ONE
    }

    /// The answer, once every batch is acknowledged, refused, or has taken too long. None where the
    /// client waits for none.
    pub(crate) async fn answered(mut self) -> Option<Answer> {
        if self.silent {
            return self.failure().map(Answer::Close);
        }
        let mut responses = Vec::with_capacity(self.topics.len());
        for BegunTopic { name, id, partitions } in self.topics {
            let mut partition_responses = Vec::with_capacity(partitions.len());
            for (index, begun) in partitions {
                let produced = acknowledged(begun, &mut self.over).await;
                partition_responses.push(answered(index, produced));
            }
            responses.push(TopicProduceResponse {
                name: name.into(),
                topic_id: id,
                partition_responses,
            });
        }
        let response = ProduceResponse { responses, ..Default::default() };
        Some(Answer::Message(self.call.encode(&response)))
    }

    /// A client that waits for no answer learns of an error by losing its connection.
    fn failure(&self) -> Option<String> {
        let mut batches = self.topics.iter().flat_map(|topic| &topic.partitions);
        batches.find_map(|(index, begun)| {
            let code = match begun {
                Err(refusal) => refusal.code,
                Ok(ack) => errors::of_produce(ack.ready()?.as_ref().err()?),
            };
            Some(format!("a batch for partition {index} without acknowledgement: {code}"))
        })
    }
}

async fn acknowledged(
    begun: Result<ProduceAck, Refusal>,
    over: &mut Pin<Box<Sleep>>,
) -> Result<Produced, Refusal> {
    let ack = begun?;
    tokio::select! {
        biased;
        answer = ack => answer.map_err(|error| Refusal::from(&error)),
        () = over => Err(ErrorCode::REQUEST_TIMED_OUT.into()),
    }
}

fn answered(index: i32, produced: Result<Produced, Refusal>) -> PartitionProduceResponse<'static> {
    match produced {
        Ok(produced) => PartitionProduceResponse {
            index,
            base_offset: produced.base_offset.0,
            log_append_time_ms: produced.log_append_time.map_or(-1, |time| time.0),
            log_start_offset: produced.log_start.0,
            ..Default::default()
        },
        Err(Refusal { code, message, record, log_start }) => PartitionProduceResponse {
            record_errors: record.into_iter().map(|at| blamed(at, message.as_deref())).collect(),
            index,
            error_code: code.0,
            base_offset: -1,
            log_start_offset: log_start,
            error_message: message.map(Into::into),
            ..Default::default()
        },
    }
}

fn blamed(batch_index: i32, message: Option<&str>) -> BatchIndexAndErrorMessage<'static> {
    let batch_index_error_message = message.map(|message| message.to_owned().into());
    BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
}
