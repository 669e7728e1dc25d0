//! How a client reaches its cluster.

use std::time::Duration;

use ottla_model::Backoff;
use ottla_wire::transport;

/// The settings of a [`crate::Client`]. Start from [`ClientConfig::new`] and change what you need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientConfig {
    /// Addresses (`host:port`) of some brokers of the cluster; the first that answers tells about
    /// the others.
    pub bootstrap: Vec<String>,
    /// A name for the broker's logs and metrics.
    pub client_id: String,
    /// Longest wait for a connection, and for the broker's first word on it. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a connection may be silent, though the broker was asked for a sign of life after half
    /// of it, before it is taken for dead and made anew. A network that swallows everything is noticed
    /// by nothing else. Default 8 s; a program that may be stopped for longer wants more.
    pub silence_max: Duration,
    /// Longest wait for an answer, with all attempts to get one while brokers restart or leaders move.
    /// Default 30 s.
    pub request_timeout: Duration,
    /// First pause before trying again; it doubles up to `backoff_max`, with jitter. Default 20 ms.
    pub backoff_min: Duration,
    /// Longest pause before trying again. Default 1 s.
    pub backoff_max: Duration,
    /// How long a known topic is believed before it is asked for again, which is also how long it takes
    /// at most until producers, and consumers of whole topics, use partitions that were added. Default
    /// 1 min.
    pub metadata_age_max: Duration,
}

impl ClientConfig {
    /// The default settings for these addresses, separated by commas.
    pub fn new(bootstrap: &str) -> Self {
        let addresses = bootstrap.split(',').map(str::trim).filter(|a| !a.is_empty());
        Self {
            bootstrap: addresses.map(str::to_owned).collect(),
            client_id: "ottla-rust".to_owned(),
            connect_timeout: transport::CONNECT_TIMEOUT,
            silence_max: transport::SILENCE_MAX,
            request_timeout: Duration::from_secs(30),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            metadata_age_max: Duration::from_secs(60),
        }
    }

    /// The same with another name for the broker's logs and metrics.
    pub fn client_id(mut self, name: &str) -> Self {
        name.clone_into(&mut self.client_id);
        self
    }

    /// The same with another longest wait for a connection.
    pub fn connect_timeout(mut self, longest: Duration) -> Self {
        self.connect_timeout = longest;
        self
    }

    /// The same with another longest silence of a connection.
    pub fn silence_max(mut self, longest: Duration) -> Self {
        self.silence_max = longest;
        self
    }

    /// The same with another longest wait for an answer.
    pub fn request_timeout(mut self, longest: Duration) -> Self {
        self.request_timeout = longest;
        self
    }

    /// The pauses before trying again.
    pub fn backoff(&self) -> Backoff {
        Backoff { min: self.backoff_min, max: self.backoff_max }
    }
}

impl From<&str> for ClientConfig {
    fn from(bootstrap: &str) -> Self {
        Self::new(bootstrap)
    }
}

impl From<String> for ClientConfig {
    fn from(bootstrap: String) -> Self {
        Self::new(&bootstrap)
    }
}
