//! The stream that carries batches from a broker.

use bytes::Bytes;
use ottla_model::{Offset, PartitionId, Timestamp, TopicId};
use ottla_wire::convert::topic_id;
use ottla_wire::error::RichError;
use ottla_wire::frames::client::{FETCH, call};
use ottla_wire::frames::{Message, Messages};
use ottla_wire::transport::RESPONSE_BYTES_MAX;
use ottla_wire::v1;
use ottla_wire::v1::fetch_request as ask;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;

use crate::config::ClientConfig;
use crate::error::{ClientError, ServerError};
use crate::status::failed;

/// Where a fetch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchStart {
    /// At the oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is this one or later; at the end when none is.
    Timestamp(Timestamp),
}

/// What comes on a fetch stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FetchEvent {
    /// A fetch begins.
    Assigned {
        /// The fetch.
        fetch: u64,
        /// The offset that it starts from.
        offset: Offset,
        /// The end of what readers may see.
        high_watermark: Offset,
    },
    /// Batches, as they are stored.
    Batches {
        /// The fetch.
        fetch: u64,
        /// One or more whole batches; the first may begin before what was asked for.
        batches: Bytes,
        /// The offset after the last record.
        next_offset: Offset,
        /// The end of what readers may see.
        high_watermark: Offset,
        /// What it costs of the credit.
        cost: u64,
    },
    /// A fetch has ended; nothing comes for it any more.
    Ended {
        /// The fetch.
        fetch: u64,
        /// Why; `None` when it was asked to.
        error: Option<Box<ServerError>>,
    },
}

/// The near end of a fetch stream. What is sent after the stream has ended is lost, as the receiver
/// tells.
#[derive(Clone, Debug)]
pub struct FetchSender {
    requests: mpsc::UnboundedSender<v1::FetchRequest>,
}

impl FetchSender {
    /// Begins to read a partition. `fetch` is never used again on this stream.
    pub fn assign(
        &self,
        fetch: u64,
        topic: TopicId,
        partition: PartitionId,
        start: FetchStart,
        bytes_max: u32,
    ) {
        self.send(ask::Request::Assign(ask::Assign {
            fetch_id: fetch,
            topic: Some(topic.into()),
            partition: partition.0,
            start: Some(start.into()),
            encoding: v1::FetchEncoding::Encoded as i32,
            bytes_max,
        }));
    }

    /// Stops a fetch.
    pub fn unassign(&self, fetch: u64) {
        self.send(ask::Request::Unassign(ask::Unassign { fetch_id: fetch }));
    }

    /// Lets the broker send so much more.
    pub fn credit(&self, bytes: u64) {
        self.send(ask::Request::Credit(ask::Credit { bytes }));
    }

    /// Has the broker send nothing of a fetch until told to go on.
    pub fn pause(&self, fetch: u64) {
        self.send(ask::Request::Pause(ask::Pause { fetch_ids: vec![fetch] }));
    }

    /// Has the broker go on with a fetch.
    pub fn resume(&self, fetch: u64) {
        self.send(ask::Request::Resume(ask::Resume { fetch_ids: vec![fetch] }));
    }

    fn send(&self, request: ask::Request) {
        let _ = self.requests.send(v1::FetchRequest { request: Some(request) });
    }
}

impl From<FetchStart> for v1::FetchStart {
    fn from(start: FetchStart) -> Self {
        use v1::fetch_start::{Earliest, Latest, Start};
        let start = match start {
            FetchStart::Earliest => Start::Earliest(Earliest {}),
            FetchStart::Latest => Start::Latest(Latest {}),
            FetchStart::Offset(offset) => Start::Offset(offset.0),
            FetchStart::Timestamp(time) => Start::TimestampMs(time.0),
        };
        Self { start: Some(start) }
    }
}

/// The far end of a fetch stream.
#[derive(Debug)]
pub struct FetchReceiver {
    answers: Messages<v1::FetchResponse>,
    address: String,
    config: ClientConfig,
}

impl FetchReceiver {
    /// What comes next; `None` when the broker ended the stream in order. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<FetchEvent>, ClientError> {
        while let Some(message) = self.answers.next().await {
            let message = message.map_err(|status| failed(&self.address, &self.config, &status))?;
            if let Some(event) = event(message) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// What a message means; `None` for one of a kind that is newer than this client, or was not asked
/// for.
fn event(response: v1::FetchResponse) -> Option<FetchEvent> {
    use v1::fetch_response::Response;
    Some(match response.response? {
        Response::Assigned(assigned) => {
            topic_id(&assigned.topic_id).ok()?;
            FetchEvent::Assigned {
                fetch: assigned.fetch_id,
                offset: Offset(assigned.offset),
                high_watermark: Offset(assigned.high_watermark),
            }
        }
        Response::Batches(batches) => FetchEvent::Batches {
            fetch: batches.fetch_id,
            next_offset: Offset(batches.next_offset),
            high_watermark: Offset(batches.high_watermark),
            cost: u64::from(batches.bytes),
            batches: batches.batches,
        },
        Response::Ended(ended) => FetchEvent::Ended {
            fetch: ended.fetch_id,
            error: ended.error.map(|error| Box::new(RichError::from(error).into())),
        },
        Response::Records(_) => return None,
    })
}

/// Opens the stream; whoever calls bounds how long that may take.
pub(crate) async fn open(
    mut channel: Channel,
    address: String,
    config: &ClientConfig,
) -> Result<(FetchSender, FetchReceiver), ClientError> {
    let (requests, queue) = mpsc::unbounded_channel();
    let messages = UnboundedReceiverStream::new(queue).map(|request| Message::of(&request));
    let answers = call(&mut channel, FETCH, messages, RESPONSE_BYTES_MAX)
        .await
        .map_err(|status| failed(&address, config, &status))?;
    let receiver = FetchReceiver { answers, address, config: config.clone() };
    Ok((FetchSender { requests }, receiver))
}
