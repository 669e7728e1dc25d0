//! A server, a client that speaks frames, and batches.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use ottla_kafka_codec::messages::create_topics::{
    CreatableTopic, CreateTopicsRequest, CreateTopicsResponse,
};
use ottla_kafka_codec::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use ottla_kafka_codec::schema::encode;
use ottla_kafka_codec::{Api, Message, RequestHead, ResponseHead};
use ottla_model::{ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{BatchBuilder, BatchOptions, NO_HEADERS};
use ottla_server::ServerConfig;
use ottla_server::testing::TestServer;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server.
pub(crate) struct Door {
    pub(crate) server: TestServer,
    // Declared behind the server, which is at home in it.
    _runtime: tokio::runtime::Runtime,
}

/// A connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    correlation: i32,
}

/// A request that was sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    api: &'static Api,
    version: i16,
    head: ResponseHead,
}

/// An answer that was received.
pub(crate) struct Reply {
    frame: Bytes,
    body_at: usize,
    version: i16,
}

impl Door {
    pub(crate) fn open() -> Self {
        Self::open_with(|_| {})
    }

    pub(crate) fn open_with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let server = runtime.block_on(ottla_server::testing::start_with(change));
        Self { server, _runtime: runtime }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.server.kafka())
    }

    /// A connection, and a topic of this name.
    pub(crate) fn with_topic(&self, name: &str, partitions: i32) -> Client {
        let mut client = self.client();
        client.create_topic(name, partitions);
        client
    }
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).expect("the door is open");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { socket, correlation: 0 }
    }

    /// A request as bytes, and what its answer will be.
    pub(crate) fn frame<'a, M: Message<'a>>(&mut self, version: i16, body: &M) -> (Vec<u8>, Sent) {
        self.correlation += 1;
        let api = Api::numbered(M::KEY).expect("it is served");
        let flexible = api.is_flexible(version);
        let head = RequestHead { key: M::KEY, version, correlation: self.correlation };
        let mut writer = head.write(Some("test"), flexible);
        encode(body, &mut writer);
        let head = ResponseHead::of(api, version, self.correlation);
        (writer.finish().concat(), Sent { api, version, head })
    }

    pub(crate) fn send<'a>(&mut self, version: i16, body: &impl Message<'a>) -> Sent {
        let (frame, sent) = self.frame(version, body);
        self.socket.write_all(&frame).expect("the server listens");
        sent
    }

    pub(crate) fn receive(&mut self, sent: Sent) -> Reply {
        let frame = self.receive_frame().expect("an answer comes");
        let body_at = sent.head.parse(&frame).expect("it answers this request");
        Reply { frame, body_at, version: sent.version }
    }

    /// The next frame; `None` when the server closes the connection.
    pub(crate) fn receive_frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        match self.socket.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) => {
                let timed_out = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!timed_out, "the server neither answers nor closes");
                return None;
            }
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut frame).expect("the frame is whole");
        Some(frame.into())
    }

    pub(crate) fn ask<'a>(&mut self, version: i16, body: &impl Message<'a>) -> Reply {
        let sent = self.send(version, body);
        self.receive(sent)
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32) -> [u8; 16] {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let reply = self.ask(7, &request);
        let created = reply.read::<CreateTopicsResponse<'_>>();
        assert_eq!(created.topics[0].error_code, 0, "{created:?}");
        created.topics[0].topic_id
    }
}

impl Sent {
    pub(crate) fn name(&self) -> String {
        format!("{:?} {}", self.api.key, self.version)
    }
}

impl Reply {
    pub(crate) fn read<'a, M: Message<'a>>(&'a self) -> M {
        M::decode(&self.frame, self.body_at, self.version).expect("the answer is one")
    }
}

/// A batch of records with these values, without keys.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(values, BatchOptions::default())
}

pub(crate) fn batch_with(values: &[&str], options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (place, value) in values.iter().enumerate() {
        let timestamp = Timestamp(1_700_000_000_000 + place as i64);
        builder.push(timestamp, None, Some(value.as_bytes()), NO_HEADERS);
    }
    builder.finish(&options)
}

/// A batch of one record of an idempotent producer.
pub(crate) fn numbered(id: i64, epoch: i16, sequence: i32) -> Bytes {
    let options = BatchOptions {
        producer_id: ProducerId(id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        ..BatchOptions::default()
    };
    batch_with(&["numbered"], options)
}

/// The records of partition 0, from an offset on.
pub(crate) fn fetch_all(client: &mut Client, topic: &str, offset: i64) -> Vec<u8> {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic =
        FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let reply = client.ask(12, &request);
    let mut response = reply.read::<FetchResponse<'_>>();
    let data = response.responses.remove(0).partitions.remove(0);
    assert_eq!(data.error_code, 0);
    data.records.expect("records").into_bytes().to_vec()
}
