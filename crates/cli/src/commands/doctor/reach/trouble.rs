//! Why an address is of no use to a client.

use std::net::IpAddr;

/// Why. Each reads on from "the address ...".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot be looked up here: {why}")]
    Unresolved { why: String },
    #[error("means every address of a machine that listens, and is none to connect to")]
    Nowhere,
    #[error("cannot be connected to: {}", list(refused))]
    Unreachable { refused: Vec<(IpAddr, String)> },
    #[error("is neither a Kafka listener ({kafka}) nor a gRPC one ({grpc})")]
    Stranger { kafka: String, grpc: String },
    #[error("gives no answer: {why}")]
    Silent { why: String },
    #[error("belongs to another cluster, {cluster}")]
    OtherCluster { cluster: String },
    #[error("is another broker of the cluster than broker {id}")]
    OtherBroker { id: i32 },
}

/// Addresses with what became of them.
pub(super) fn list(refused: &[(IpAddr, String)]) -> String {
    let each: Vec<String> =
        refused.iter().map(|(address, why)| format!("{address}: {why}")).collect();
    each.join("; ")
}
