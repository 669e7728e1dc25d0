//! The listener: accepts sockets, deals them over the cores, and drains.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_runtime::{Metrics, Tasks};
use tokio::net::{TcpListener, TcpStream};

use crate::connection;
use crate::door::Door;
use crate::guard::Guard;
use crate::metrics::DoorMetrics;
use crate::places::Places;
use crate::services;
use crate::settings::GrpcSettings;

/// How long accepting pauses when the operating system has no descriptor left for a connection.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// The running gRPC door.
#[derive(Debug)]
pub struct GrpcListener {
    address: SocketAddr,
    tasks: Tasks,
}

impl GrpcListener {
    /// Serves `broker` on a bound socket. `tasks` are the listener's own: asking their shutdown is asking
    /// it to drain.
    ///
    /// # Errors
    /// When the socket cannot be used, or the operating system gives no randomness.
    pub fn start(
        socket: std::net::TcpListener,
        broker: Broker,
        tasks: Tasks,
        metrics: &Metrics,
        settings: GrpcSettings,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let metrics = DoorMetrics::register(metrics);
        let door = Door::open(broker, settings, tasks.shutdown().clone())?;
        let (health, routes) = services::routes(&door);
        tasks.spawn("grpc-health", health);
        let guard = Guard::new(routes, metrics, tasks.panics().clone());
        tasks.spawn("grpc-accept", accept(socket, door, guard, tasks.clone()));
        tracing::info!(%address, "gRPC is served");
        Ok(Self { address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and no new batches, answers what was taken, ends every stream, and waits
    /// for all of it at most `patience`. Whether it all ended. The broker must outlive it.
    pub async fn drain(self, patience: Duration) -> bool {
        self.tasks.shutdown().request();
        let drained = self.tasks.join(patience).await;
        if !drained {
            let left = self.tasks.running();
            tracing::warn!(left, "gRPC connections are cut: they did not end in time");
        }
        drained
    }
}

async fn accept(socket: std::net::TcpListener, door: Door, guard: Guard, tasks: Tasks) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the gRPC socket cannot be listened on"),
    };
    let settings = &door.settings;
    let places = Places::new(settings.connections_max, settings.connections_per_address_max);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.drain.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => deal(stream, peer, &places, &door, &guard, &tasks),
            Err(error) => {
                tracing::warn!(%error, "a gRPC connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
        }
    }
}

/// Hands the socket to the next core in turn.
fn deal(
    stream: TcpStream,
    peer: SocketAddr,
    places: &Places,
    door: &Door,
    guard: &Guard,
    tasks: &Tasks,
) {
    let metrics = guard.metrics().clone();
    let Some(place) = places.take(peer.ip()) else {
        metrics.refused_connections.inc();
        return tracing::warn!(%peer, "a gRPC connection was closed: there are too many");
    };
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let serving = connection::serve(stream, door.clone(), guard.clone(), tasks.clone());
    tasks.spawn("grpc-connection", async move {
        metrics.connections.inc();
        serving.await;
        metrics.connections.dec();
        drop(place);
    });
}
