//! The listener: one listening socket of the Kafka door.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_model::limits::CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX;
use ottla_runtime::listening;
use ottla_runtime::places::PlacesMax;
use ottla_runtime::{Listening, Tasks};

use crate::connection;
use crate::door::Door;
use crate::settings::KafkaSettings;
use crate::shared::KafkaShared;

/// The running Kafka door: one listening socket.
#[derive(Debug)]
pub struct KafkaListener(Listening);

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
        shared: KafkaShared,
        settings: KafkaSettings,
    ) -> io::Result<Self> {
        let max = PlacesMax {
            all: settings.connections_max,
            address: settings.connections_per_address_max,
            address_per_second: CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX,
        };
        let metrics = &shared.metrics;
        let (open, refused) = (metrics.connections.clone(), metrics.refused_connections.clone());
        let listening = listening::Door { name: "Kafka", max, open, refused };
        let drain = tasks.shutdown().clone();
        let door = Door { broker, settings: Arc::new(settings), shared, drain };
        let serve = move |stream, peer| connection::serve(stream, peer, door.clone());
        Listening::start(socket, listening, tasks, serve).map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Takes no new connections and requests, answers what was taken, and waits for all of it at most
    /// `patience`. Whether it all ended. The broker must outlive it.
    pub async fn drain(self, patience: Duration) -> bool {
        self.0.drain(patience).await
    }
}
