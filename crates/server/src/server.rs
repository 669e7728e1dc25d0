//! Start and stop of a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_broker::{Broker, Slowest, StorageThreads};
use ottla_grpc_listener::GrpcListener;
use ottla_http_listener::HttpListener;
use ottla_kafka_listener::KafkaListener;
use ottla_log::LogDirectory;
use ottla_runtime::{Clock, Cores, Metrics, Shutdown, Tasks, off_thread};

use crate::budgets;
use crate::config::ServerConfig;
use crate::directory::{self, Disks};
use crate::error::StartError;
use crate::memory::Memory;
use crate::process;
use crate::roles::{self, Ground, Sockets};

/// How long what only has to notice that it is over may take.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that runs until [`RunningServer::shutdown`]. Dropped without it, it stops as if killed:
/// nothing acknowledged is lost, and the next start recovers.
pub struct RunningServer {
    // In the order in which they are to be dropped.
    grpc: Option<GrpcListener>,
    http: Option<HttpListener>,
    kafka: Vec<KafkaListener>,
    broker: Broker,
    tasks: Tasks,
    metrics: Metrics,
    clock: Clock,
    drain_timeout: Duration,
    core: Option<Core>,
}

/// What is stopped last, by blocking.
struct Core {
    storage: StorageThreads,
    log: LogDirectory,
    cores: Cores,
}

impl Server {
    /// Starts a server on threads of its own and answers when it serves.
    ///
    /// # Errors
    /// When it cannot, with what to do about it.
    pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
        Self::start_on(config, None).await
    }

    /// The same on disks of the caller's, such as one that fails on purpose.
    ///
    /// # Errors
    /// When it cannot, with what to do about it.
    pub async fn start_on(
        config: ServerConfig,
        disks: Option<Disks>,
    ) -> Result<RunningServer, StartError> {
        config.check().map_err(StartError::Config)?;
        let memory = Memory::divide(&config).map_err(StartError::Config)?;
        let sockets = Sockets::bind(&config)?;
        let clock = Clock::start();
        let opening = move || {
            let disks = disks.map_or_else(|| Disks::configured(&config), Ok);
            (disks.and_then(|disks| directory::open(&config, &memory, disks, &clock)), config)
        };
        let (opened, config) =
            off_thread("ottla-open", opening).await.ok_or_else(|| StartError::Directory {
                path: std::path::PathBuf::new(),
                why: "opening it panicked; run ottla doctor".to_owned(),
            })?;
        let (log, settings) = opened?;
        let cores =
            Cores::start(Cores::available()).map_err(StartError::system("start the cores"))?;
        let tasks = cores.tasks(Shutdown::new());
        let metrics = Metrics::new();
        let slowest = Arc::new(Slowest::new(clock));
        let ground =
            Ground { config, memory, log, settings, clock, metrics, slowest, cores, tasks };
        run(ground, sockets).await
    }
}

async fn run(ground: Ground, sockets: Sockets) -> Result<RunningServer, StartError> {
    let storage = roles::start_storage(&ground)?;
    let controller = roles::start_controller(&ground, &storage)?;
    budgets::register(&ground, &controller);
    let broker = roles::start_broker(&ground, &storage, &controller, &sockets).await?;
    let grpc = roles::start_grpc(&ground, &broker, sockets.grpc)?;
    let kafka = roles::start_kafka(&ground, &broker, sockets.kafka)?;
    let http = roles::start_http(&ground, &broker, sockets.http)?;
    let Ground { config, log, clock, metrics, cores, tasks, settings: _, slowest: _, memory: _ } =
        ground;
    count_panics(&metrics, &tasks);
    process::show(&metrics);
    let drain_timeout = config.drain_timeout;
    let core = Some(Core { storage, log, cores });
    Ok(RunningServer { grpc, http, kafka, broker, tasks, metrics, clock, drain_timeout, core })
}

fn count_panics(metrics: &Metrics, tasks: &Tasks) {
    let counter = metrics.counter("panics", "Panics caught; each is a defect to report");
    let panics = tasks.panics().clone();
    metrics.on_scrape(move || {
        counter.inner().store(panics.count(), Ordering::Relaxed);
    });
}

impl RunningServer {
    /// Where gRPC clients connect; `None` when that door is off.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(GrpcListener::address)
    }

    /// Where health and metrics are served; `None` when that door is off.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpListener::address)
    }

    /// Where Kafka clients connect, in the order of the configuration.
    pub fn kafka_addresses(&self) -> Vec<SocketAddr> {
        self.kafka.iter().map(KafkaListener::address).collect()
    }

    /// The broker inside, for a caller in the same process.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The metrics, for a caller in the same process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Stops: refuses what is new, finishes what was taken, closes the log cleanly.
    ///
    /// # Errors
    /// When the log could not be closed cleanly; it recovers at the next start.
    pub async fn shutdown(mut self) -> Result<(), StartError> {
        let patience = self.drain_timeout;
        // The doors first: until they are drained, the broker acknowledges what they have to answer. The HTTP
        // door goes last, so that probes see why nobody is served any more.
        if let Some(grpc) = self.grpc.take() {
            grpc.drain(patience).await;
        }
        for kafka in std::mem::take(&mut self.kafka) {
            kafka.drain(patience).await;
        }
        if !self.broker.drain(patience).await {
            tracing::warn!("stopped with acknowledgements outstanding; their outcome is unknown");
        }
        if let Some(http) = self.http.take() {
            http.drain(STOP_PATIENCE).await;
        }
        self.tasks.shutdown().request();
        self.tasks.join(STOP_PATIENCE).await;
        let core = self.core.take().expect("it is taken here only, and on drop");
        let (broker, clock) = (self.broker.clone(), self.clock);
        let closed = off_thread("ottla-close", move || core.close(&broker, &clock)).await;
        closed.unwrap_or_else(|| Err(StartError::Unclean("closing it panicked".to_owned())))
    }
}

impl Core {
    fn close(self, broker: &Broker, clock: &Clock) -> Result<(), StartError> {
        broker.stop();
        let offline = self.storage.offline();
        self.storage.stop();
        let closed = match offline {
            Some(why) => Err(StartError::Unclean(why)),
            None => self.log.close(clock.now()).map_err(|e| StartError::Unclean(e.to_string())),
        };
        self.cores.stop();
        closed
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(core) = self.core.take() {
            self.tasks.shutdown().request();
            self.broker.stop();
            core.storage.stop();
            // What still holds the log goes with them, so that the directory is free for the next.
            core.cores.stop();
        }
    }
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("RunningServer");
        shown.field("grpc", &self.grpc_address()).field("http", &self.http_address());
        shown.finish_non_exhaustive()
    }
}
