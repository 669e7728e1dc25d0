//! The stream that carries batches to a broker.
//!
//! The sender never waits: what it may have under way is the caller's to count, by the broker's
//! [`ProduceEvent::Window`].

use bytes::Bytes;
use ottla_model::{Acks, Durability, Offset, PartitionId, Timestamp, TopicId};
use ottla_wire::convert::id_bytes;
use ottla_wire::error::RichError;
use ottla_wire::frames::client::{PRODUCE, call};
use ottla_wire::frames::{Message, Messages};
use ottla_wire::transport::RESPONSE_BYTES_MAX;
use ottla_wire::v1;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;

use crate::config::ClientConfig;
use crate::error::{ClientError, ServerError};
use crate::status::failed;

/// One batch to be appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProduceBatch {
    /// The caller's number for it, which the answer repeats.
    pub correlation: u64,
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionId,
    /// Who must have it before it is answered.
    pub acks: Acks,
    /// What it must survive before it is answered; `None`: what the topic says.
    pub durability: Option<Durability>,
    /// The encoded batch.
    pub batch: Bytes,
}

/// A batch was acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProduceAck {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The time the broker stamped it with, when the topic wants that.
    pub log_append_time: Option<Timestamp>,
    /// Who has it.
    pub acks: Acks,
    /// How safe it is.
    pub durability: Durability,
    /// Whether the broker had it before.
    pub duplicate: bool,
}

/// What comes back on a produce stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProduceEvent {
    /// A batch was acknowledged.
    Acknowledged {
        /// Its number.
        correlation: u64,
        /// Where and how.
        ack: ProduceAck,
    },
    /// A batch was refused.
    Refused {
        /// Its number.
        correlation: u64,
        /// Why.
        error: Box<ServerError>,
    },
    /// How much may be without an answer from now on.
    Window {
        /// Most requests.
        requests_max: u64,
        /// Most bytes of batches.
        bytes_max: u64,
        /// Which life of the broker this is, if it says so: another with every start of its process.
        incarnation: Option<Bytes>,
    },
}

/// The near end of a produce stream.
#[derive(Debug)]
pub struct ProduceSender {
    requests: mpsc::UnboundedSender<v1::ProduceRequest>,
}

impl ProduceSender {
    /// Sends a batch after those before it; lost when the stream has ended, as the receiver tells.
    pub fn send(&self, batch: ProduceBatch) {
        let request = v1::ProduceRequest {
            correlation: batch.correlation,
            topic: Some(v1::produce_request::Topic::TopicId(id_bytes(batch.topic))),
            partition: batch.partition.0,
            acks: v1::Acks::from(batch.acks) as i32,
            durability: batch.durability.map_or(0, |wanted| v1::Durability::from(wanted) as i32),
            batch: batch.batch,
            timeout_ms: 0,
        };
        let _ = self.requests.send(request);
    }
}

/// The far end of a produce stream.
#[derive(Debug)]
pub struct ProduceReceiver {
    answers: Messages<v1::ProduceResponse>,
    address: String,
    config: ClientConfig,
}

impl ProduceReceiver {
    /// What comes next; `None` when the broker ended the stream in order. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<ProduceEvent>, ClientError> {
        while let Some(message) = self.answers.next().await {
            let message = message.map_err(|status| failed(&self.address, &self.config, &status))?;
            if let Some(event) = event(message) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// What a message means; `None` for one of a kind that is newer than this client.
fn event(response: v1::ProduceResponse) -> Option<ProduceEvent> {
    use v1::produce_response::Result as Arm;
    let correlation = response.correlation;
    Some(match response.result? {
        Arm::Ack(ack) => ProduceEvent::Acknowledged { correlation, ack: ack.into() },
        Arm::Error(error) => {
            let error = Box::new(RichError::from(error).into());
            ProduceEvent::Refused { correlation, error }
        }
        Arm::Window(window) => ProduceEvent::Window {
            requests_max: u64::from(window.requests_max),
            bytes_max: window.bytes_max,
            incarnation: Some(window.incarnation).filter(|incarnation| !incarnation.is_empty()),
        },
    })
}

impl From<v1::ProduceAck> for ProduceAck {
    fn from(ack: v1::ProduceAck) -> Self {
        Self {
            base_offset: Offset(ack.base_offset),
            log_append_time: ack.log_append_time_ms.map(Timestamp),
            acks: ack.acks().into(),
            durability: ack.durability().into(),
            duplicate: ack.duplicate,
        }
    }
}

/// Opens the stream; whoever calls bounds how long that may take.
pub(crate) async fn open(
    mut channel: Channel,
    address: String,
    config: &ClientConfig,
) -> Result<(ProduceSender, ProduceReceiver), ClientError> {
    let (requests, queue) = mpsc::unbounded_channel();
    let messages = UnboundedReceiverStream::new(queue).map(Message::of_produce);
    let answers = call(&mut channel, PRODUCE, messages, RESPONSE_BYTES_MAX)
        .await
        .map_err(|status| failed(&address, config, &status))?;
    let receiver = ProduceReceiver { answers, address, config: config.clone() };
    Ok((ProduceSender { requests }, receiver))
}
