//! The listener: accepts sockets, deals them over the cores, and drains.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_model::limits::CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX;
use ottla_runtime::places::{Places, PlacesMax};
use ottla_runtime::{Metrics, Tasks};
use tokio::net::{TcpListener, TcpStream};

use crate::connection::Connections;
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
        let connections = Connections::new(broker, tasks.clone(), metrics, settings)?;
        tasks.spawn("grpc-accept", accept(socket, connections));
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

async fn accept(socket: std::net::TcpListener, connections: Connections) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the gRPC socket cannot be listened on"),
    };
    let settings = &connections.door.settings;
    let places = Places::new(PlacesMax {
        all: settings.connections_max,
        address: settings.connections_per_address_max,
        address_per_second: CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX,
    });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = connections.door.drain.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => deal(stream, peer, &places, &connections),
            Err(error) => {
                tracing::warn!(%error, "a gRPC connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
        }
    }
}

/// Hands the socket to the next core in turn.
fn deal(stream: TcpStream, peer: SocketAddr, places: &Places, connections: &Connections) {
    let metrics = connections.guard.metrics().clone();
    let Some(place) = places.take(peer.ip(), connections.door.clock.moment()) else {
        metrics.refused_connections.inc();
        return tracing::warn!(%peer, "a gRPC connection was closed: there are too many");
    };
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let serving = connections.clone().accepted(stream);
    connections.tasks.spawn("grpc-connection", async move {
        metrics.connections.inc();
        serving.await;
        metrics.connections.dec();
        drop(place);
    });
}
