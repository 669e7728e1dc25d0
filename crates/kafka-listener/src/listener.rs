//! The listener: accepts sockets, deals them over the cores, and drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_model::limits::CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX;
use ottla_runtime::places::{Place, Places, PlacesMax};
use ottla_runtime::{Clock, Tasks};
use tokio::net::{TcpListener, TcpStream};

use crate::connection;
use crate::door::Door;
use crate::metrics::KafkaMetrics;
use crate::settings::KafkaSettings;

/// How long accepting pauses when the operating system has no descriptor left for a connection.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// The running Kafka door: one listening socket.
#[derive(Debug)]
pub struct KafkaListener {
    address: SocketAddr,
    tasks: Tasks,
}

impl KafkaListener {
    /// Serves `broker` on a bound socket. `tasks` are the listener's own: asking their shutdown is asking
    /// it to drain.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn start(
        socket: std::net::TcpListener,
        broker: Broker,
        tasks: Tasks,
        metrics: KafkaMetrics,
        settings: KafkaSettings,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let door =
            Door { broker, settings: Arc::new(settings), metrics, drain: tasks.shutdown().clone() };
        tasks.spawn("kafka-accept", accept(socket, door, tasks.clone()));
        tracing::info!(%address, "the Kafka protocol is served");
        Ok(Self { address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and requests, answers what was taken, and waits for all of it at most
    /// `patience`. Whether it all ended. The broker must outlive it.
    pub async fn drain(self, patience: Duration) -> bool {
        self.tasks.shutdown().request();
        let drained = self.tasks.join(patience).await;
        if !drained {
            let left = self.tasks.running();
            tracing::warn!(left, "Kafka connections are cut: they did not end in time");
        }
        drained
    }
}

async fn accept(socket: std::net::TcpListener, door: Door, tasks: Tasks) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the Kafka socket cannot be listened on"),
    };
    let settings = &door.settings;
    let places = Places::new(PlacesMax {
        all: settings.connections_max,
        address: settings.connections_per_address_max,
        address_per_second: CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX,
    });
    let clock = Clock::start();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.drain.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                deal(stream, (peer, places.take(peer.ip(), clock.moment())), &door, &tasks)
            }
            Err(error) => {
                tracing::warn!(%error, "a Kafka connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
        }
    }
}

/// Hands the socket to the next core in turn.
fn deal(stream: TcpStream, (peer, place): (SocketAddr, Option<Place>), door: &Door, tasks: &Tasks) {
    let Some(place) = place else {
        door.metrics.refused_connections.inc();
        return tracing::warn!(%peer, "a Kafka connection was closed: there are too many");
    };
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let open = door.metrics.opened();
    let serving = connection::serve(stream, peer, door.clone());
    tasks.spawn("kafka-connection", async move {
        serving.await;
        drop((open, place));
    });
}
