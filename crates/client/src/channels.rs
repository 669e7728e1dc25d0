//! Connections to brokers: where each is reached, and the shared channel for single requests.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_model::BrokerId;
use ottla_wire::transport;
use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::status::describe;

/// Where brokers are, and what is connected to them.
#[derive(Debug)]
pub(crate) struct Channels {
    client_id: String,
    connect_timeout: Duration,
    silence_max: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: BTreeMap<BrokerId, String>,
    shared: BTreeMap<String, Channel>,
}

impl Channels {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        Self {
            client_id: config.client_id.clone(),
            connect_timeout: config.connect_timeout,
            silence_max: config.silence_max,
            known: Mutex::default(),
        }
    }

    /// Learns where brokers are. The broker that answered at `here` stays where it was reached: what
    /// it calls itself may mean nothing on this side of a proxy.
    pub(crate) fn learn(
        &self,
        answered: BrokerId,
        here: &str,
        brokers: impl Iterator<Item = (BrokerId, String)>,
    ) {
        let mut known = self.known.lock();
        known.addresses.extend(brokers.filter(|(id, _)| *id != answered));
        known.addresses.insert(answered, here.to_owned());
    }

    /// Where brokers were said to be.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.known.lock().addresses.values().cloned().collect()
    }

    pub(crate) fn address(&self, broker: BrokerId) -> Option<String> {
        self.known.lock().addresses.get(&broker).cloned()
    }

    /// The shared channel to this address. It connects again by itself.
    pub(crate) fn shared(&self, address: &str) -> Result<Channel, ClientError> {
        if let Some(channel) = self.known.lock().shared.get(address) {
            return Ok(channel.clone());
        }
        let channel = self.endpoint(address)?.connect_lazy();
        self.known.lock().shared.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    /// A connection of its own, for a stream with much to carry.
    pub(crate) async fn own(&self, address: &str) -> Result<Channel, ClientError> {
        let endpoint = self.endpoint(address)?;
        endpoint.connect().await.map_err(|error| ClientError::Unreachable {
            addresses: address.to_owned(),
            why: describe(&error),
        })
    }

    fn endpoint(&self, address: &str) -> Result<tonic::transport::Endpoint, ClientError> {
        let refuse = |error: tonic::transport::Error| ClientError::Address {
            address: address.to_owned(),
            why: describe(&error),
        };
        check_address(address)?;
        transport::endpoint(address)
            .and_then(|endpoint| endpoint.user_agent(self.client_id.clone()))
            .map(|endpoint| endpoint.connect_timeout(self.connect_timeout))
            .map(|endpoint| transport::dead_after(endpoint, self.silence_max))
            .map_err(refuse)
    }
}

/// `host:port`, nothing else.
pub(crate) fn check_address(address: &str) -> Result<(), ClientError> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    let why = match port.map(str::parse::<u16>) {
        Some(Ok(port)) if port > 0 && !address.contains("//") => return Ok(()),
        Some(_) => "the port is no number from 1 to 65535",
        None => "host and port are not separated by `:`",
    };
    Err(ClientError::Address { address: address.to_owned(), why: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for address in ["localhost:9095", "127.0.0.1:1", "[::1]:9095"] {
            assert_eq!(check_address(address), Ok(()), "{address}");
        }
        for address in ["", "localhost", ":9095", "localhost:0", "localhost:x", "http://a:1"] {
            assert!(check_address(address).is_err(), "{address}");
        }
    }
}
