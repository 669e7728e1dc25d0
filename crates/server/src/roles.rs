//! The roles of one process, composed: log, storage threads, controller, broker, doors. Each starts on
//! what came before it, and stops in the reverse order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use ottla_broker::metrics::LaneMetrics;
use ottla_broker::{Broker, BrokerConfig, BrokerParts, Slowest, StorageListener, StorageThreads};
use ottla_controller::ControlSettings;
use ottla_controller::{Controller, ControllerConfig, ControllerHandle, LocalMetadataLog};
use ottla_grpc_listener::{GrpcListener, GrpcSettings};
use ottla_http_listener::{HttpListener, HttpSettings};
use ottla_kafka_listener::{Advertised, KafkaListener, KafkaSettings, KafkaShared};
use ottla_log::{LogDirectory, LogSettings};
use ottla_metadata::record::Endpoint;
use ottla_metadata::request::{ControllerRequest, ControllerResponse, RegisterBroker};
use ottla_model::{BrokerId, ByteCount, Offset, StreamId};
use ottla_runtime::{Clock, Cores, Metrics, Shutdown, Tasks, entropy};

use crate::config::{ListenAddress, ServerConfig};
use crate::error::StartError;
use crate::memory::Memory;

/// Threads for writes that go past the journal: each has one in flight, and four were measured to be worth it.
pub(crate) const STRAIGHT_THREADS: usize = 4;

/// What every role is started with.
pub(crate) struct Ground {
    pub(crate) config: ServerConfig,
    pub(crate) memory: Memory,
    pub(crate) log: LogDirectory,
    pub(crate) settings: LogSettings,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) slowest: Arc<Slowest>,
    pub(crate) cores: Cores,
    /// Of controller and broker.
    pub(crate) tasks: Tasks,
}

/// The sockets, bound before anything else is started, so that a busy port costs nothing.
pub(crate) struct Sockets {
    pub(crate) grpc: Option<TcpListener>,
    pub(crate) http: Option<TcpListener>,
    pub(crate) kafka: Vec<(TcpListener, Option<Advertised>)>,
}

impl Sockets {
    pub(crate) fn bind(config: &ServerConfig) -> Result<Self, StartError> {
        let kafka = config.kafka.0.iter().map(|at| {
            let socket = bind_at("kafka", at.listen)?;
            let advertised = at.advertised.clone();
            Ok((socket, advertised.map(|(host, port)| Advertised { host, port })))
        });
        Ok(Self {
            grpc: bind("grpc", config.grpc)?,
            http: bind("http", config.http)?,
            kafka: kafka.collect::<Result<_, _>>()?,
        })
    }

    /// What clients are told.
    fn endpoints(&self) -> Vec<Endpoint> {
        let doors = [("grpc", &self.grpc), ("http", &self.http)];
        let bound = doors.into_iter().filter_map(|(name, socket)| {
            let address = socket.as_ref()?.local_addr().ok()?;
            Some(endpoint(name, address))
        });
        bound.chain(self.kafka_endpoint()).collect()
    }

    /// What other brokers tell Kafka clients of this one: the first address.
    fn kafka_endpoint(&self) -> Option<Endpoint> {
        let (socket, advertised) = self.kafka.first()?;
        let local = endpoint("kafka", socket.local_addr().ok()?);
        Some(match advertised.clone() {
            Some(Advertised { host, port }) => Endpoint { host, port, ..local },
            None => local,
        })
    }
}

fn bind(door: &'static str, address: ListenAddress) -> Result<Option<TcpListener>, StartError> {
    match address {
        ListenAddress::Off => Ok(None),
        ListenAddress::At(address) => bind_at(door, address).map(Some),
    }
}

fn bind_at(door: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::listen(door, address, &error))
}

/// An address that means "all of this machine" cannot be connected to from elsewhere; a name can.
fn endpoint(listener: &str, address: SocketAddr) -> Endpoint {
    let ip = address.ip();
    let host = if ip.is_unspecified() { host_name() } else { ip.to_string() };
    Endpoint { listener: listener.to_owned(), host, port: address.port() }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

pub(crate) fn start_storage(ground: &Ground) -> Result<StorageThreads, StartError> {
    let (log, clock) = (ground.log.clone(), ground.clock);
    let panics = ground.tasks.panics().clone();
    let rounds = LaneMetrics::register(&ground.metrics);
    let slowest = Arc::clone(&ground.slowest);
    StorageThreads::start(log, clock, panics, STRAIGHT_THREADS, rounds, slowest)
        .map_err(StartError::system("start the storage threads"))
}

pub(crate) fn start_controller(
    ground: &Ground,
    storage: &StorageThreads,
) -> Result<ControllerHandle, StartError> {
    let metadata = |error: ottla_controller::StartError| StartError::Metadata(error.to_string());
    let log = LocalMetadataLog::open(&ground.log).map_err(metadata)?;
    let settings = ControlSettings {
        partitions_default: ground.config.topics.partitions,
        ..ControlSettings::default()
    };
    let config = ControllerConfig { cluster: ground.log.identity().cluster, settings };
    let ids = entropy::rng().map_err(StartError::system("read /dev/urandom"))?;
    let controller =
        Controller::start(log, config, ids, ground.clock, &ground.tasks).map_err(metadata)?;
    storage.listen(Arc::new(MetadataEnds(controller.clone())));
    Ok(controller)
}

/// Begins this broker's life in the cluster, and starts it on the image that has it.
pub(crate) async fn start_broker(
    ground: &Ground,
    storage: &StorageThreads,
    controller: &ControllerHandle,
    sockets: &Sockets,
) -> Result<Broker, StartError> {
    let epoch = register(ground, controller, sockets).await?;
    let config = BrokerConfig {
        broker: BrokerId(ground.config.broker_id),
        broker_epoch: epoch,
        retention_interval: ground.config.log.retention_interval,
        room_reserve: ByteCount(ground.settings.room_reserve_bytes),
        ..BrokerConfig::default()
    };
    let parts = BrokerParts {
        log: ground.log.clone(),
        images: controller.images(),
        controller: Arc::new(controller.clone()),
        tasks: ground.tasks.clone(),
        clock: ground.clock,
        metrics: ground.metrics.clone(),
        slowest: Arc::clone(&ground.slowest),
    };
    let broker =
        Broker::start(config, parts).map_err(StartError::system("start the broker's threads"))?;
    storage.listen(Arc::new(broker.clone()));
    Ok(broker)
}

async fn register(
    ground: &Ground,
    controller: &ControllerHandle,
    sockets: &Sockets,
) -> Result<i64, StartError> {
    let request = RegisterBroker {
        broker: BrokerId(ground.config.broker_id),
        directory: ground.log.identity().directory,
        boot: crate::directory::boot_id(),
        endpoints: sockets.endpoints(),
    };
    let metadata = |why: String| StartError::Metadata(why);
    let answer = controller.submit(ControllerRequest::RegisterBroker(request)).await;
    let committed = answer.map_err(|error| metadata(error.to_string()))?;
    let mut images = controller.images();
    let caught_up = images.wait_for(|image| image.end() >= committed.end).await;
    caught_up.map_err(|_| metadata("the controller stopped".to_owned()))?;
    match committed.response {
        ControllerResponse::BrokerRegistered(registered) => Ok(registered.epoch),
        other => Err(metadata(format!("the controller answered {other:?} to a registration"))),
    }
}

pub(crate) fn start_grpc(
    ground: &Ground,
    broker: &Broker,
    socket: Option<TcpListener>,
) -> Result<Option<GrpcListener>, StartError> {
    let Some(socket) = socket else { return Ok(None) };
    let settings = grpc_settings(ground);
    let tasks = ground.cores.tasks(Shutdown::new());
    GrpcListener::start(socket, broker.clone(), tasks, &ground.metrics, settings)
        .map(Some)
        .map_err(StartError::system("serve gRPC"))
}

pub(crate) fn grpc_settings(ground: &Ground) -> GrpcSettings {
    let (limits, memory) = (&ground.config.grpc_limits, &ground.memory);
    let connections_max = usize::try_from(limits.connections_max).unwrap_or(usize::MAX);
    GrpcSettings {
        connections_max: connections_max.min(memory.grpc_connections()),
        streams_max: limits.streams_max,
        calls_max: limits.calls_max,
        idle_max: limits.idle_max,
        request_bytes_max: ByteCount(memory.grpc_requests),
        receive_bytes_max: ByteCount(memory.grpc_receive),
        answer_bytes_max: ByteCount(memory.grpc_answers),
        ..GrpcSettings::default()
    }
}

pub(crate) fn start_kafka(
    ground: &Ground,
    broker: &Broker,
    sockets: Vec<(TcpListener, Option<Advertised>)>,
) -> Result<Vec<KafkaListener>, StartError> {
    let Memory { kafka_requests, kafka_answers, .. } = ground.memory;
    let shared = KafkaShared::with_budgets(&ground.metrics, kafka_requests, kafka_answers);
    let start = |(socket, advertised)| {
        let default = KafkaSettings::default();
        let settings = KafkaSettings {
            advertised,
            auto_create_topics: ground.config.topics.auto_create,
            request_bytes_max: default.request_bytes_max.min(ground.memory.kafka_request()),
            ..default
        };
        let tasks = ground.cores.tasks(Shutdown::new());
        KafkaListener::start(socket, broker.clone(), tasks, shared.clone(), settings)
            .map_err(StartError::system("serve the Kafka protocol"))
    };
    sockets.into_iter().map(start).collect()
}

pub(crate) fn start_http(
    ground: &Ground,
    broker: &Broker,
    socket: Option<TcpListener>,
) -> Result<Option<HttpListener>, StartError> {
    let Some(socket) = socket else { return Ok(None) };
    let tasks = ground.cores.tasks(Shutdown::new());
    let (metrics, settings) = (ground.metrics.clone(), HttpSettings::default());
    HttpListener::start(socket, broker.clone(), metrics, tasks, settings)
        .map(Some)
        .map_err(StartError::system("serve HTTP"))
}

/// Tells the controller what became of the metadata stream.
struct MetadataEnds(ControllerHandle);

impl StorageListener for MetadataEnds {
    fn handle_durable(&self, ends: &[(StreamId, Offset)]) {
        for (stream, end) in ends {
            if *stream == StreamId::METADATA {
                self.0.handle_durable(*end);
            }
        }
    }

    fn handle_offline(&self, why: &str) {
        self.0.handle_offline(why);
    }
}
