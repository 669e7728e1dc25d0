//! The settings of the listener.

use std::time::Duration;

use ottla_model::limits::{
    CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX, HTTP_CONNECTION_AGE_MAX, HTTP_CONNECTIONS_MAX,
    HTTP_CONNECTIONS_PER_ADDRESS_MAX, HTTP_HEAD_TIMEOUT,
};
use ottla_runtime::places::PlacesMax;

/// What the listener allows its clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpSettings {
    /// Most connections. One more is closed at once.
    pub connections_max: PlacesMax,
    /// How long the head of a request may take, and how long a connection may be idle before it.
    pub head_timeout: Duration,
    /// How long a connection lasts, whatever it does.
    pub connection_age_max: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections_max: PlacesMax {
                all: HTTP_CONNECTIONS_MAX,
                address: HTTP_CONNECTIONS_PER_ADDRESS_MAX,
                address_per_second: CONNECTIONS_PER_ADDRESS_PER_SECOND_MAX,
            },
            head_timeout: HTTP_HEAD_TIMEOUT,
            connection_age_max: HTTP_CONNECTION_AGE_MAX,
        }
    }
}
