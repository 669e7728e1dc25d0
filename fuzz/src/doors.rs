//! A broker in memory and what is behind its doors, for targets that talk to them without a socket.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use ottla_grpc_listener::GrpcSettings;
use ottla_http_listener::HttpSettings;
use ottla_log::storage::MemoryStorage;
use ottla_model::{ByteCount, MIB};
use ottla_runtime::{Metrics, Shutdown, Tasks};
use ottla_server::config::LogConfig;
use ottla_server::{Disks, ListenAddress, RunningServer, Server, ServerConfig};
use ottla_wire::v1;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::body::Body;

/// After this many inputs, or with this many partitions, the broker is replaced by a new one: what
/// inputs leave behind in it is bounded.
const INPUTS_MAX: u32 = 2_000;
const PARTITIONS_MAX: usize = 5_000;

/// Longer than any input may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// The broker, and who answers for it.
pub struct Doors {
    /// What serves gRPC.
    pub grpc: ottla_grpc_listener::Connections,
    /// What serves HTTP.
    pub http: ottla_http_listener::Connections,
    server: RunningServer,
    runtime: Runtime,
    inputs: u32,
}

/// Runs `input` against the broker of this thread.
pub fn with_doors(input: impl AsyncFnOnce(&Doors)) {
    thread_local! {
        static DOORS: RefCell<Option<Doors>> = const { RefCell::new(None) };
    }
    DOORS.with_borrow_mut(|slot| {
        if slot.as_ref().is_some_and(Doors::is_used_up) {
            *slot = None;
        }
        let doors = slot.get_or_insert_with(Doors::open);
        doors.inputs += 1;
        let doors = &*doors;
        doors.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, input(doors)).await.expect("an input ends in time");
        });
    });
}

impl Doors {
    /// A new broker with the topic `flights`, two partitions and a few records.
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let config = ServerConfig {
            grpc: ListenAddress::Off,
            http: ListenAddress::Off,
            log: LogConfig {
                unfilled_bytes_max: Some(ByteCount(8 * MIB)),
                tail_cache_bytes: Some(ByteCount(MIB)),
                journal_bytes_start: ByteCount(MIB),
                journal_bytes_max: ByteCount(16 * MIB),
                room_reserve_bytes: ByteCount(0),
                ..LogConfig::default()
            },
            ..ServerConfig::default()
        };
        let disks = Disks::one(Arc::new(MemoryStorage::new()));
        let doors = runtime.block_on(async {
            let server = Server::start_on(config, Some(disks)).await.expect("it starts in memory");
            let (broker, metrics) = (server.broker().clone(), Metrics::new());
            let tasks = Tasks::here(Shutdown::new());
            let settings = GrpcSettings::default();
            let grpc = ottla_grpc_listener::Connections::new(broker, tasks, &metrics, settings);
            let (broker, settings) = (server.broker().clone(), HttpSettings::default());
            let http =
                ottla_http_listener::Connections::new(broker, metrics, Shutdown::new(), settings);
            (grpc.expect("there is randomness"), http, server)
        });
        let (grpc, http, server) = doors;
        let doors = Self { grpc, http, server, runtime, inputs: 0 };
        doors.runtime.block_on(doors.fill());
        doors
    }

    async fn fill(&self) {
        let topic = v1::CreateTopicRequest {
            name: "flights".to_owned(),
            partitions: 2,
            ..Default::default()
        };
        self.answered("/ottla.v1.TopicService/CreateTopic", &topic).await;
        let records = (0..8)
            .map(|n| v1::Record { value: Some(Bytes::from(vec![n; 100])), ..Default::default() });
        let publish = v1::PublishRequest {
            topic: "flights".to_owned(),
            records: records.collect(),
            ..Default::default()
        };
        self.answered("/ottla.v1.ProducerService/Publish", &publish).await;
    }

    async fn answered(&self, path: &'static str, message: &impl Message) {
        let status = self.call(path, &[], framed(&message.encode_to_vec())).await;
        assert_eq!(status.code(), tonic::Code::Ok, "{status:?}");
    }

    fn is_used_up(&self) -> bool {
        let image = self.server.broker().image();
        let partitions: usize = image.topics().iter().map(|topic| topic.partitions().len()).sum();
        self.inputs >= INPUTS_MAX || partitions > PARTITIONS_MAX
    }

    /// How a call with this body ends.
    pub async fn call(
        &self,
        path: &'static str,
        headers: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Status {
        let mut request =
            Request::post(path).header("te", "trailers").header("content-type", "application/grpc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::new(http_body_util::Full::new(body));
        let response = self.grpc.call(request.body(body).expect("a request")).await;
        status_of(response).await
    }
}

/// How an answer ends. Every one has a status.
async fn status_of(response: Response<Body>) -> Status {
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    match response.into_body().collect().await {
        Ok(body) => {
            let trailers = body.trailers().expect("an answer without a status has trailers");
            Status::from_header_map(trailers).expect("and they have one")
        }
        Err(status) => status,
    }
}

/// A message as it is on the wire.
pub fn framed(message: &[u8]) -> Bytes {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat().into()
}

/// Sends these bytes, waits a moment for what they begin, hangs up, and gives all that was answered.
/// `serving` ends by itself then.
pub async fn talk(
    mut ours: DuplexStream,
    serving: impl Future<Output = ()>,
    bytes: &[u8],
) -> Vec<u8> {
    let mut answer = Vec::new();
    let talking = async {
        let (mut reader, mut writer) = tokio::io::split(&mut ours);
        let writing = async {
            // It may hang up first.
            if writer.write_all(bytes).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let _ = writer.shutdown().await;
        };
        let _ = tokio::join!(writing, reader.read_to_end(&mut answer));
    };
    tokio::join!(serving, talking);
    answer
}
