//! Start and stop of a server: the roles composed.

use std::net::SocketAddr;

use ottla_broker::Broker;

use crate::config::ServerConfig;
use crate::error::StartError;

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that runs until [`RunningServer::shutdown`], or until it is dropped.
#[derive(Debug)]
pub struct RunningServer {
    broker: Broker,
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl Server {
    /// Starts a server and answers when it serves.
    ///
    /// # Errors
    /// When it cannot, with what to do about it.
    pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
        let _ = config;
        unimplemented!()
    }
}

impl RunningServer {
    /// Where gRPC clients connect; `None` when that door is off.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Where health and metrics are served; `None` when that door is off.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The broker inside, for a caller in the same process.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Stops: refuses what is new, finishes what was taken, closes the log cleanly.
    ///
    /// # Errors
    /// When the log could not be closed cleanly; it recovers at the next start.
    pub async fn shutdown(self) -> Result<(), StartError> {
        unimplemented!()
    }

    /// Resolves when the server has ended by itself, with the reason.
    pub async fn failed(&self) -> String {
        unimplemented!()
    }
}
