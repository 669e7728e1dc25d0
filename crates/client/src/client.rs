//! One cluster, as its clients see it.

use crate::admin::Admin;
use crate::config::ClientConfig;
use crate::error::ClientError;

/// A connection to a cluster. Cheap to clone; clones share connections and what is known of the
/// topics.
#[derive(Clone, Debug)]
pub struct Client {
    #[allow(dead_code)]
    config: ClientConfig,
}

impl Client {
    /// Reaches the cluster: `Client::connect("localhost:9095")`.
    ///
    /// # Errors
    /// [`ClientError::Address`] and [`ClientError::Unreachable`].
    pub async fn connect(_config: impl Into<ClientConfig>) -> Result<Self, ClientError> {
        unimplemented!()
    }

    /// Administration.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    /// The settings it was made with.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }
}
