//! A broker asked as our own clients ask it.

use std::net::SocketAddr;

use ottla_client::{Client, ClientConfig, ClientError};

use super::address::{Address, PATIENCE};
use super::{Answer, Broker, Door};

/// What the listener there tells a client that begins with it; or why it is none.
pub(super) async fn ask(at: SocketAddr) -> Result<Answer, String> {
    describe(at).await.map_err(|error| error.to_string())?
}

async fn describe(at: SocketAddr) -> Result<Result<Answer, String>, ClientError> {
    let config = ClientConfig::new(&at.to_string())
        .client_id("ottla-doctor")
        .connect_timeout(PATIENCE)
        .request_timeout(PATIENCE);
    let cluster = Client::connect(config).await?.admin().describe_cluster().await?;
    let brokers = cluster.brokers.into_iter().map(|broker| {
        let address: Address = broker.address.parse()?;
        Ok(Broker { id: broker.id.0, address })
    });
    let brokers: Result<_, String> = brokers.collect();
    let cluster = cluster.cluster_id.to_string();
    Ok(brokers.map(|brokers| Answer { door: Door::Grpc, cluster, brokers }))
}
