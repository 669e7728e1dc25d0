//! The listener: accepts sockets, serves HTTP/1.1 on them, and drains.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_runtime::places::Places;
use ottla_runtime::{Clock, Metrics, Tasks};
use tokio::net::{TcpListener, TcpStream};

use crate::connection::Connections;
use crate::metrics::DoorMetrics;
use crate::settings::HttpSettings;

/// How long accepting pauses when the operating system has no descriptor left for a connection.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// The running HTTP door.
#[derive(Debug)]
pub struct HttpListener {
    address: SocketAddr,
    tasks: Tasks,
}

/// What accepts.
struct Acceptor {
    connections: Connections,
    places: Places,
    metrics: DoorMetrics,
    clock: Clock,
    tasks: Tasks,
}

impl HttpListener {
    /// Serves on a bound socket. `tasks` are the listener's own: asking their shutdown ends it.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn start(
        socket: std::net::TcpListener,
        broker: Broker,
        metrics: Metrics,
        tasks: Tasks,
        settings: HttpSettings,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let drain = tasks.shutdown().clone();
        let acceptor = Acceptor {
            metrics: DoorMetrics::register(&metrics, settings.connections_max.all),
            places: Places::new(settings.connections_max),
            connections: Connections::new(broker, metrics, drain, settings),
            clock: Clock::start(),
            tasks: tasks.clone(),
        };
        tasks.spawn("http-accept", acceptor.run(socket));
        Ok(Self { address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and waits for the answers under way, at most `patience`. Whether they
    /// were all given.
    pub async fn drain(self, patience: Duration) -> bool {
        self.tasks.shutdown().request();
        self.tasks.join(patience).await
    }
}

impl Acceptor {
    async fn run(self, socket: std::net::TcpListener) {
        let listener = match TcpListener::from_std(socket) {
            Ok(listener) => listener,
            Err(error) => {
                return tracing::error!(%error, "the HTTP socket cannot be listened on");
            }
        };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.tasks.shutdown().requested() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "an HTTP connection could not be accepted");
                    tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
                }
            }
        }
    }

    /// Serves the socket on the core that accepted it: these are few and short.
    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let metrics = self.metrics.clone();
        let Some(place) = self.places.take(peer.ip(), self.clock.moment()) else {
            metrics.refused_connections.inc();
            return tracing::warn!(%peer, "an HTTP connection was closed: there are too many");
        };
        let serving = self.connections.clone().serve(stream);
        self.tasks.spawn_here("http-connection", async move {
            metrics.connections.inc();
            serving.await;
            metrics.connections.dec();
            drop(place);
        });
    }
}
