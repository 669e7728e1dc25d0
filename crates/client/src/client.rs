//! One cluster, as its clients see it.

use std::sync::Arc;
use std::time::Duration;

use ottla_model::{BrokerId, ProducerEpoch, ProducerId, TopicName};
use ottla_runtime::{Clock, Shutdown, Tasks};
use ottla_wire::v1;
use ottla_wire::v1::cluster_service_client::ClusterServiceClient;
use ottla_wire::v1::producer_service_client::ProducerServiceClient;
use parking_lot::Mutex;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::admin::Admin;
use crate::channels::{Channels, check_address};
use crate::config::ClientConfig;
use crate::convert;
use crate::error::ClientError;
use crate::fetch::{FetchReceiver, FetchSender};
use crate::produce::{ProduceReceiver, ProduceSender};
use crate::route::{Routes, TopicRoute};
use crate::status::failed;
use crate::topic::ClusterDescription;

/// A connection to a cluster. Cheap to clone; clones share connections and what is known of the
/// topics.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    channels: Channels,
    routes: Routes,
    /// The address that answered last.
    home: Mutex<String>,
    clock: Clock,
    tasks: Tasks,
}

impl Client {
    /// Reaches the cluster: `Client::connect("localhost:9095")`. Tries for as long as the settings'
    /// `connect_timeout` when nobody answers.
    ///
    /// # Errors
    /// [`ClientError::Address`] and [`ClientError::Unreachable`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(config: impl Into<ClientConfig>) -> Result<Self, ClientError> {
        let config = config.into();
        for address in &config.bootstrap {
            check_address(address)?;
        }
        let Some(first) = config.bootstrap.first().cloned() else {
            let why = "there is none".to_owned();
            return Err(ClientError::Address { address: String::new(), why });
        };
        let shared = Shared {
            channels: Channels::new(&config),
            config,
            routes: Routes::default(),
            home: Mutex::new(first),
            clock: Clock::start(),
            tasks: Tasks::here(Shutdown::new()),
        };
        let client = Self { shared: Arc::new(shared) };
        let patience = client.config().connect_timeout;
        client.describe_cluster_within(patience).await?;
        Ok(client)
    }

    /// Administration.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    /// The settings it was made with.
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// The clock of this client and of all that is built on it.
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// Where the tasks of producers and consumers run.
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// What is known of a topic; asked for again when it is not known, too old, or not believed any
    /// more (`fresh`).
    pub async fn route(
        &self,
        topic: &TopicName,
        fresh: bool,
    ) -> Result<Arc<TopicRoute>, ClientError> {
        let (now, age_max) = (self.clock().moment(), self.config().metadata_age_max);
        if let Some(route) = self.shared.routes.get(topic, now, age_max).filter(|_| !fresh) {
            return Ok(route);
        }
        let description = self.admin().describe_topic(topic.as_str()).await;
        match description {
            Ok(topic) => Ok(self.shared.routes.learn(&topic, now)),
            Err(error) => {
                self.shared.routes.forget(topic);
                Err(error)
            }
        }
    }

    /// A producer id that is nobody else's, and the epoch to begin with.
    pub async fn allocate_producer_id(&self) -> Result<(ProducerId, ProducerEpoch), ClientError> {
        let (address, answer) = self
            .call(v1::AllocateProducerIdRequest {}, |channel, request| async move {
                ProducerServiceClient::new(channel).allocate_producer_id(request).await
            })
            .await?;
        let epoch = i16::try_from(answer.producer_epoch).map_err(|_| ClientError::Protocol {
            address,
            what: format!("producer epoch {}", answer.producer_epoch),
        })?;
        Ok((ProducerId(answer.producer_id), ProducerEpoch(epoch)))
    }

    /// Opens a stream of its own for batches to this broker.
    pub async fn open_produce(
        &self,
        broker: BrokerId,
    ) -> Result<(ProduceSender, ProduceReceiver), ClientError> {
        let address = self.address(broker).await?;
        let channel = self.shared.channels.own(&address).await?;
        crate::produce::open(channel, address, self.config()).await
    }

    /// Opens a stream of its own for batches from this broker.
    pub async fn open_fetch(
        &self,
        broker: BrokerId,
    ) -> Result<(FetchSender, FetchReceiver), ClientError> {
        let address = self.address(broker).await?;
        let channel = self.shared.channels.own(&address).await?;
        crate::fetch::open(channel, address, self.config()).await
    }

    async fn address(&self, broker: BrokerId) -> Result<String, ClientError> {
        if let Some(address) = self.shared.channels.address(broker) {
            return Ok(address);
        }
        self.describe_cluster().await?;
        let address = self.shared.channels.address(broker);
        address.ok_or_else(|| ClientError::Unreachable {
            addresses: format!("broker {broker}"),
            why: "nobody knows where it is".to_owned(),
        })
    }

    pub(crate) async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        self.describe_cluster_within(self.config().request_timeout).await
    }

    async fn describe_cluster_within(
        &self,
        patience: Duration,
    ) -> Result<ClusterDescription, ClientError> {
        let request = v1::DescribeClusterRequest {};
        let (address, answer) = self
            .read_within(patience, request, |channel, request| async move {
                ClusterServiceClient::new(channel).describe_cluster(request).await
            })
            .await?;
        let answered = BrokerId(answer.broker_id);
        let cluster = convert::cluster(answer).map_err(|what| protocol(&address, what))?;
        let brokers = cluster.brokers.iter().map(|b| (b.id, b.address.clone()));
        self.shared.channels.learn(answered, &address, brokers);
        Ok(cluster)
    }

    /// One request that changes nothing: tried again while no broker is to be had, so that a broker
    /// may restart meanwhile.
    pub(crate) async fn read<R, T, F>(
        &self,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.read_within(self.config().request_timeout, request, call).await
    }

    async fn read_within<R, T, F>(
        &self,
        patience: Duration,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let last = self.clock().moment().plus(patience);
        let mut pause = self.config().backoff_min;
        loop {
            let error = match self.call(request.clone(), &call).await {
                Err(error) if is_away(&error) => error,
                answer => return answer,
            };
            if self.clock().moment().plus(pause) >= last {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(self.config().backoff_max);
        }
    }

    /// One request to whoever can be reached: who answered, and what.
    pub(crate) async fn call<R, T, F>(
        &self,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let home = self.shared.home.lock().clone();
        let others = self.config().bootstrap.iter().filter(|address| **address != home);
        let (mut tried, mut last) = (Vec::new(), String::new());
        for address in std::iter::once(&home).chain(others) {
            match self.call_at(address, request.clone(), &call).await {
                Err(ClientError::Unreachable { addresses, why }) => {
                    tried.push(addresses);
                    last = why;
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.shared.home.lock().clone_from(address);
                    return Ok((address.clone(), answer));
                }
            }
        }
        Err(ClientError::Unreachable { addresses: tried.join(", "), why: last })
    }

    /// One request to the broker that leads a partition, or to anybody when nobody is known to.
    pub(crate) async fn call_leader<R, T, F>(
        &self,
        leader: Option<BrokerId>,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        match leader.and_then(|broker| self.shared.channels.address(broker)) {
            Some(address) => {
                let answer = self.call_at(&address, request, &call).await?;
                Ok((address, answer))
            }
            None => self.call(request, call).await,
        }
    }

    async fn call_at<R, T, F>(
        &self,
        address: &str,
        request: R,
        call: &impl Fn(Channel, R) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = self.shared.channels.shared(address)?;
        let waited = self.config().request_timeout;
        match tokio::time::timeout(waited, call(channel, request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(failed(address, self.config(), &status)),
            Err(_) => Err(ClientError::NoAnswer { address: address.to_owned(), waited }),
        }
    }
}

/// Whether the broker may only be away for a moment.
fn is_away(error: &ClientError) -> bool {
    matches!(error, ClientError::Unreachable { .. } | ClientError::ConnectionLost { .. })
}

pub(crate) fn protocol(address: &str, what: String) -> ClientError {
    ClientError::Protocol { address: address.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    #[tokio::test]
    async fn a_cluster_that_is_not_there_is_named() {
        let connect = Client::connect("127.0.0.1:1");
        is_send(&connect);
        let error = connect.await.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("no broker answers at 127.0.0.1:1 ("), "{said}");
    }

    #[tokio::test]
    async fn a_lost_connection_is_tried_again_until_patience_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = ClientConfig::new(&listener.local_addr().unwrap().to_string());
        config.connect_timeout = Duration::from_millis(500);
        let connect = Client::connect(config);
        let mut connect = std::pin::pin!(connect);
        let mut dropped = 0;
        let error = loop {
            tokio::select! {
                accepted = listener.accept() => { drop(accepted); dropped += 1; }
                connected = &mut connect => break connected.unwrap_err(),
            }
        };
        assert!(is_away(&error) && dropped > 2, "{error}, {dropped} times");
    }
}
