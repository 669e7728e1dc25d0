//! Every setting of a server, with the words that become its manual.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a listener listens: an address, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// Not at all.
    Off,
    /// At this address; port 0 takes a free one.
    At(SocketAddr),
}

/// The configuration of a server.
#[derive(Clone, PartialEq, Debug)]
pub struct ServerConfig {
    /// Where the data is kept.
    pub data_dir: PathBuf,
    /// Where the journal is kept, when it is to be on another disk.
    pub journal_dir: Option<PathBuf>,
    /// Where gRPC clients connect.
    pub grpc: ListenAddress,
    /// Where Kafka clients connect.
    pub kafka: ListenAddress,
    /// Where health and metrics are served.
    pub http: ListenAddress,
}
