//! A server in one line, for tests: temporary directory, free ports, gone when dropped.
//!
//! ```no_run
//! # async fn example() {
//! let server = ottla_server::testing::start().await;
//! println!("clients connect to {}", server.grpc());
//! # }
//! ```

use ottla_model::{ByteCount, MIB};
use tempfile::TempDir;

use crate::config::{KafkaAddress, KafkaAddresses, ListenAddress, LogConfig, ServerConfig};
use crate::error::StartError;
use crate::server::{RunningServer, Server};

/// A server in a temporary directory, which goes with it.
#[derive(Debug)]
pub struct TestServer {
    // Before the directory, so that nothing writes into it any more when it is removed.
    server: RunningServer,
    _directory: TempDir,
}

/// Starts a server in a temporary directory on free ports of the loopback.
///
/// # Panics
/// When it does not start: a test has no better answer.
pub async fn start() -> TestServer {
    start_with(|_| {}).await
}

/// The same, with settings of the caller's.
///
/// # Panics
/// When it does not start: a test has no better answer.
pub async fn start_with(change: impl FnOnce(&mut ServerConfig)) -> TestServer {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut config = ServerConfig {
        data_dir: directory.path().join("data"),
        grpc: free_port(),
        http: free_port(),
        // Most tests write little, and every file is written once before it is used.
        log: LogConfig { journal_bytes_start: ByteCount(MIB), ..LogConfig::default() },
        kafka: KafkaAddresses(vec![KafkaAddress {
            listen: ([127, 0, 0, 1], 0).into(),
            advertised: None,
        }]),
        ..ServerConfig::default()
    };
    change(&mut config);
    let server = Server::start(config).await.expect("a server starts in an empty directory");
    TestServer { server, _directory: directory }
}

fn free_port() -> ListenAddress {
    ListenAddress::At(([127, 0, 0, 1], 0).into())
}

impl TestServer {
    /// Stops as [`RunningServer::shutdown`] does; the directory goes with it.
    ///
    /// # Errors
    /// When the log could not be closed cleanly.
    pub async fn shutdown(self) -> Result<(), StartError> {
        self.server.shutdown().await
    }

    /// What clients are given as bootstrap address.
    ///
    /// # Panics
    /// When the gRPC door was turned off.
    pub fn grpc(&self) -> String {
        self.server.grpc_address().expect("the gRPC door is open").to_string()
    }
}

impl TestServer {
    /// What Kafka clients are given as bootstrap address.
    ///
    /// # Panics
    /// When the Kafka door was turned off.
    pub fn kafka(&self) -> String {
        let addresses = self.server.kafka_addresses();
        addresses.first().expect("the Kafka door is open").to_string()
    }
}

impl std::ops::Deref for TestServer {
    type Target = RunningServer;
    fn deref(&self) -> &RunningServer {
        &self.server
    }
}
