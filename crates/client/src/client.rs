//! One cluster, as its clients see it.

use std::sync::Arc;
use std::time::Duration;

use ottla_model::{BrokerId, ProducerEpoch, ProducerId, Rng, TopicName};
use ottla_runtime::{Clock, Shutdown, Tasks, entropy};
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
use crate::tries::Tries;

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
    rng: Mutex<Rng>,
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
        let rng = entropy::rng().map_err(|error| {
            ClientError::Invalid(format!("the system gives no random numbers: {error}"))
        })?;
        let shared = Shared {
            channels: Channels::new(&config),
            config,
            routes: Routes::default(),
            home: Mutex::new(first),
            clock: Clock::start(),
            tasks: Tasks::here(Shutdown::new()),
            rng: Mutex::new(rng),
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
        self.route_within(self.config().request_timeout, topic, fresh).await
    }

    /// As [`Client::route`], with another limit to how long it is tried.
    pub async fn route_within(
        &self,
        patience: Duration,
        topic: &TopicName,
        fresh: bool,
    ) -> Result<Arc<TopicRoute>, ClientError> {
        let (now, age_max) = (self.clock().moment(), self.config().metadata_age_max);
        if let Some(route) = self.shared.routes.get(topic, now, age_max).filter(|_| !fresh) {
            return Ok(route);
        }
        let description = self.admin().describe_topic_within(patience, topic).await;
        match description {
            Ok(topic) => Ok(self.shared.routes.learn(&topic, now)),
            Err(error) => {
                self.shared.routes.forget(topic);
                Err(error)
            }
        }
    }

    /// What was known of a topic is not true any more.
    pub(crate) fn forget_route(&self, topic: &TopicName) {
        self.shared.routes.forget(topic);
    }

    /// A producer id that is nobody else's, and the epoch to begin with. One that was given and got lost
    /// on the way is used by nobody.
    pub async fn allocate_producer_id(&self) -> Result<(ProducerId, ProducerEpoch), ClientError> {
        let (address, answer) = self
            .read(v1::AllocateProducerIdRequest {}, |channel, request| async move {
                ProducerServiceClient::new(channel).allocate_producer_id(request).await
            })
            .await?;
        let epoch = i16::try_from(answer.producer_epoch).map_err(|_| ClientError::Protocol {
            address,
            what: format!("producer epoch {}", answer.producer_epoch),
        })?;
        Ok((ProducerId(answer.producer_id), ProducerEpoch(epoch)))
    }

    /// Opens a stream of its own for batches to this broker, within the settings' `connect_timeout`.
    pub async fn open_produce(
        &self,
        broker: BrokerId,
    ) -> Result<(ProduceSender, ProduceReceiver), ClientError> {
        let opening = async {
            let (address, channel) = self.own_channel(broker).await?;
            crate::produce::open(channel, address, self.config()).await
        };
        self.opened(broker, opening).await
    }

    /// Opens a stream of its own for batches from this broker, within the settings' `connect_timeout`.
    pub async fn open_fetch(
        &self,
        broker: BrokerId,
    ) -> Result<(FetchSender, FetchReceiver), ClientError> {
        let opening = async {
            let (address, channel) = self.own_channel(broker).await?;
            crate::fetch::open(channel, address, self.config()).await
        };
        self.opened(broker, opening).await
    }

    async fn own_channel(&self, broker: BrokerId) -> Result<(String, Channel), ClientError> {
        let address = self.address(broker).await?;
        let channel = self.shared.channels.own(&address).await?;
        Ok((address, channel))
    }

    /// Bounds everything that opening a stream waits for: the address, the connection, and the
    /// broker's first word on it.
    async fn opened<T>(
        &self,
        broker: BrokerId,
        opening: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let waited = self.config().connect_timeout;
        tokio::time::timeout(waited, opening).await.unwrap_or_else(|_| {
            let address = self.shared.channels.address(broker);
            let address = address.unwrap_or_else(|| format!("broker {broker}"));
            Err(ClientError::NoAnswer { address, waited })
        })
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

    /// One request that may as well be made twice: tried again while no broker is to be had, so that
    /// a broker may restart meanwhile.
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

    pub(crate) async fn read_within<R, T, F>(
        &self,
        patience: Duration,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut tries = Tries::new(self, patience);
        loop {
            match self.call(&tries, request.clone(), &call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => tries.after(error).await?,
            }
        }
    }

    /// All attempts at one request, which are bounded by the settings' `request_timeout`.
    pub(crate) fn tries(&self) -> Tries<'_> {
        Tries::new(self, self.config().request_timeout)
    }

    /// How long to wait after so many failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.config().backoff().pause(failures, &mut self.shared.rng.lock())
    }

    /// One attempt, with whoever can be reached: who answered, and what.
    pub(crate) async fn call<R, T, F>(
        &self,
        tries: &Tries<'_>,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let (mut tried, mut last) = (Vec::new(), String::new());
        for address in self.candidates(tries.failures()) {
            match self.call_at(&address, tries.left(), request.clone(), &call).await {
                Err(ClientError::Unreachable { addresses, why }) => {
                    tried.push(addresses);
                    last = why;
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.shared.home.lock().clone_from(&address);
                    return Ok((address, answer));
                }
            }
        }
        Err(ClientError::Unreachable { addresses: tried.join(", "), why: last })
    }

    /// Whom to ask, in order: first who answered last, then the others that are known. After a failure
    /// the next one is the first, for one that is silent takes all the time there is.
    fn candidates(&self, failures: u32) -> Vec<String> {
        let mut addresses = vec![self.shared.home.lock().clone()];
        let others = self.config().bootstrap.iter().cloned();
        for address in others.chain(self.shared.channels.addresses()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let first = failures as usize % addresses.len();
        addresses.rotate_left(first);
        addresses
    }

    /// One attempt with the broker that leads a partition, or with anybody when nobody is known to.
    pub(crate) async fn call_leader<R, T, F>(
        &self,
        leader: Option<BrokerId>,
        tries: &Tries<'_>,
        request: R,
        call: impl Fn(Channel, R) -> F,
    ) -> Result<(String, T), ClientError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        match leader.and_then(|broker| self.shared.channels.address(broker)) {
            Some(address) => {
                let answer = self.call_at(&address, tries.left(), request, &call).await?;
                Ok((address, answer))
            }
            None => self.call(tries, request, call).await,
        }
    }

    async fn call_at<R, T, F>(
        &self,
        address: &str,
        patience: Duration,
        request: R,
        call: &impl Fn(Channel, R) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = self.shared.channels.shared(address)?;
        let waited = patience.min(self.config().request_timeout);
        match tokio::time::timeout(waited, call(channel, request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(failed(address, self.config(), &status)),
            Err(_) => Err(ClientError::NoAnswer { address: address.to_owned(), waited }),
        }
    }
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
        let lost = matches!(error, ClientError::ConnectionLost { .. });
        assert!(lost && dropped > 2, "{error}, {dropped} times");
    }
}
