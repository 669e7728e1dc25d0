//! The listener: the listening socket of the gRPC door.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_model::limits::CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX;
use ottla_runtime::listening::{self, Listening};
use ottla_runtime::places::PlacesMax;
use ottla_runtime::{Metrics, Tasks};

use crate::connection::Connections;
use crate::settings::GrpcSettings;

/// The running gRPC door.
#[derive(Debug)]
pub struct GrpcListener(Listening);

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
        let max = PlacesMax {
            all: settings.connections_max,
            address: settings.connections_per_address_max,
            address_per_second: CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX,
        };
        let connections = Connections::new(broker, tasks.clone(), metrics, settings)?;
        let metrics = connections.guard.metrics();
        let (open, refused) = (metrics.connections.clone(), metrics.refused_connections.clone());
        let door = listening::Door { name: "gRPC", max, open, refused };
        let serve = move |stream, _peer| connections.clone().accepted(stream);
        Listening::start(socket, door, tasks, serve).map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Takes no new connections and no new batches, answers what was taken, ends every stream, and waits
    /// for all of it at most `patience`. Whether it all ended. The broker must outlive it.
    pub async fn drain(self, patience: Duration) -> bool {
        self.0.drain(patience).await
    }
}
