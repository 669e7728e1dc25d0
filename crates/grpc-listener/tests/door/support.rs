//! A server, clients for it, and batches.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ottla_model::{ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{BatchBuilder, BatchOptions, NO_HEADERS};
use ottla_server::testing::TestServer;
use ottla_wire::{RichError, transport, v1};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use v1::consumer_service_client::ConsumerServiceClient;
use v1::fetch_request::{Assign, Request};
use v1::fetch_response::Response;
use v1::produce_response::Result as ProduceResult;
use v1::producer_service_client::ProducerServiceClient;
use v1::topic_service_client::TopicServiceClient;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server and a connection to it.
pub(crate) struct Door {
    pub(crate) server: TestServer,
    pub(crate) channel: Channel,
}

impl Door {
    pub(crate) async fn open() -> Self {
        let server = ottla_server::testing::start().await;
        let address = server.grpc_address().expect("the door is on").to_string();
        let channel = transport::endpoint(&address).expect("an address").connect().await;
        Self { channel: channel.expect("the server listens"), server }
    }

    /// A door with a topic of `partitions`.
    pub(crate) async fn with_topic(name: &str, partitions: u32) -> Self {
        let door = Self::open().await;
        door.create_topic(name, partitions).await.expect("a good name");
        door
    }

    pub(crate) async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
    ) -> Result<v1::CreateTopicResponse, Status> {
        let request =
            v1::CreateTopicRequest { name: name.to_owned(), partitions, ..Default::default() };
        Ok(self.topics().create_topic(request).await?.into_inner())
    }

    pub(crate) fn topics(&self) -> TopicServiceClient<Channel> {
        TopicServiceClient::new(self.channel.clone())
    }

    pub(crate) fn producer(&self) -> ProducerServiceClient<Channel> {
        ProducerServiceClient::new(self.channel.clone())
    }

    pub(crate) fn consumer(&self) -> ConsumerServiceClient<Channel> {
        consumer(&self.channel)
    }

    /// Publishes `values` to a partition.
    pub(crate) async fn publish(&self, topic: &str, partition: u32, values: &[&str]) -> i64 {
        let records = values.iter().map(|value| v1::Record {
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..Default::default()
        });
        let request = v1::PublishRequest {
            topic: topic.to_owned(),
            partition: Some(partition),
            records: records.collect(),
            ..Default::default()
        };
        let published = self.producer().publish(request).await.expect("it is stored").into_inner();
        published.batches[0].base_offset
    }

    /// An open produce stream, after its first message.
    pub(crate) async fn produce(&self) -> Produce {
        let (sender, receiver) = mpsc::unbounded_channel();
        let requests = UnboundedReceiverStream::new(receiver);
        let answers = self.producer().produce(requests).await.expect("it opens").into_inner();
        let mut produce = Produce { sender: Some(sender), answers };
        match produce.next().await.expect("a message").result {
            Some(ProduceResult::Window(window)) => assert!(window.requests_max > 0),
            other => panic!("the first message is the window, not {other:?}"),
        }
        produce
    }

    /// An open fetch stream.
    pub(crate) async fn fetch(&self) -> Fetch {
        Fetch::open(&self.channel).await
    }
}

/// A produce stream.
pub(crate) struct Produce {
    sender: Option<mpsc::UnboundedSender<v1::ProduceRequest>>,
    pub(crate) answers: Streaming<v1::ProduceResponse>,
}

impl Produce {
    pub(crate) fn send(&self, request: v1::ProduceRequest) {
        let sender = self.sender.as_ref().expect("it is open");
        sender.send(request).expect("the stream is there");
    }

    pub(crate) fn half_close(&mut self) {
        self.sender = None;
    }

    pub(crate) async fn next(&mut self) -> Option<v1::ProduceResponse> {
        self.try_next().await.expect("no error")
    }

    pub(crate) async fn try_next(&mut self) -> Result<Option<v1::ProduceResponse>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        next.expect("an answer comes in time")
    }

    /// The next answer: its correlation, and the acknowledgement or the error.
    pub(crate) async fn answer(&mut self) -> (u64, Result<v1::ProduceAck, RichError>) {
        let answer = self.next().await.expect("an answer");
        let result = match answer.result.expect("it has one") {
            ProduceResult::Ack(ack) => Ok(ack),
            ProduceResult::Error(error) => Err(RichError::from(error)),
            ProduceResult::Window(window) => panic!("{window:?} answers nothing"),
        };
        (answer.correlation, result)
    }
}

/// A fetch stream.
pub(crate) struct Fetch {
    sender: Option<mpsc::UnboundedSender<v1::FetchRequest>>,
    pub(crate) answers: Streaming<v1::FetchResponse>,
}

fn consumer(channel: &Channel) -> ConsumerServiceClient<Channel> {
    ConsumerServiceClient::new(channel.clone())
        .max_decoding_message_size(transport::RESPONSE_BYTES_MAX)
}

impl Fetch {
    pub(crate) async fn open(channel: &Channel) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let requests = UnboundedReceiverStream::new(receiver);
        let answers = consumer(channel).fetch(requests).await.expect("it opens").into_inner();
        Self { sender: Some(sender), answers }
    }

    pub(crate) fn send(&self, request: Request) {
        let request = v1::FetchRequest { request: Some(request) };
        let sender = self.sender.as_ref().expect("it is open");
        sender.send(request).expect("the stream is there");
    }

    pub(crate) fn half_close(&mut self) {
        self.sender = None;
    }

    pub(crate) fn credit(&self, bytes: u64) {
        self.send(Request::Credit(v1::fetch_request::Credit { bytes }));
    }

    pub(crate) async fn try_next(&mut self) -> Result<Option<Response>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let next = next.expect("a message comes in time")?;
        Ok(next.map(|message| message.response.expect("it has one")))
    }

    pub(crate) async fn next(&mut self) -> Response {
        self.try_next().await.expect("no error").expect("a message")
    }

    pub(crate) async fn assigned(&mut self) -> v1::fetch_response::Assigned {
        match self.next().await {
            Response::Assigned(assigned) => assigned,
            other => panic!("{other:?} is no beginning"),
        }
    }

    pub(crate) async fn records(&mut self) -> v1::fetch_response::Records {
        match self.next().await {
            Response::Records(records) => records,
            other => panic!("{other:?} has no records"),
        }
    }

    pub(crate) async fn ended(&mut self) -> (u64, Option<RichError>) {
        match self.next().await {
            Response::Ended(ended) => (ended.fetch_id, ended.error.map(RichError::from)),
            other => panic!("{other:?} is no end"),
        }
    }

    /// Whether nothing comes for a moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(150), self.answers.message()).await.is_err()
    }
}

pub(crate) fn assign(fetch_id: u64, topic: &str, partition: u32) -> Assign {
    Assign { fetch_id, topic: Some(named(topic)), partition, ..Default::default() }
}

pub(crate) fn named(topic: &str) -> v1::TopicRef {
    v1::TopicRef { topic: Some(v1::topic_ref::Topic::Name(topic.to_owned())) }
}

pub(crate) fn values(records: &v1::fetch_response::Records) -> Vec<String> {
    let text = |value: &Bytes| String::from_utf8(value.to_vec()).expect("text");
    records.records.iter().filter_map(|record| record.value.as_ref().map(text)).collect()
}

/// A batch of these values.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_of(values, &BatchOptions::default())
}

/// The same of an idempotent producer.
pub(crate) fn numbered_batch(producer: i64, sequence: i32, values: &[&str]) -> Bytes {
    let options = BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(sequence),
        ..Default::default()
    };
    batch_of(values, &options)
}

fn batch_of(values: &[&str], options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(Timestamp(1), None, Some(value.as_bytes()), NO_HEADERS);
    }
    builder.finish(options)
}

pub(crate) fn request(correlation: u64, topic: &str, batch: Bytes) -> v1::ProduceRequest {
    let topic = Some(v1::produce_request::Topic::TopicName(topic.to_owned()));
    v1::ProduceRequest { correlation, topic, batch, ..Default::default() }
}

/// Sends these bytes as the body of a call, over a connection without any timer of its own, and answers
/// how the call ends.
pub(crate) async fn called(
    door: &Door,
    path: &'static str,
    headers: &[(&'static str, &'static str)],
    parts: Vec<Bytes>,
) -> Status {
    let address = door.server.grpc_address().expect("the door is on");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let http2 = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = http2.await.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let parts = parts.into_iter().map(|part| Ok::<_, Status>(http_body::Frame::data(part)));
    let body = Body::new(StreamBody::new(tokio_stream::iter(parts)));
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answering = sender.send_request(request.body(body).expect("a request"));
    let response = tokio::time::timeout(PATIENCE, answering).await.expect("it answers in time");
    let response = response.expect("it answers");
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    let body = body.expect("it ends in time").expect("it ends well");
    Status::from_header_map(body.trailers().expect("with trailers")).expect("and a status")
}

/// A message as it is on the wire.
pub(crate) fn framed(message: &impl prost::Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len() as u32);
    message.encode(&mut bytes).expect("it grows");
    bytes.freeze()
}
