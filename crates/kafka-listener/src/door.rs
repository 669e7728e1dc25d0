//! What all connections of the listener share.

use std::sync::Arc;

use ottla_broker::Broker;
use ottla_runtime::Shutdown;

use crate::metrics::KafkaMetrics;
use crate::settings::KafkaSettings;

/// The broker behind the door, and how the door is run. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) broker: Broker,
    pub(crate) settings: Arc<KafkaSettings>,
    pub(crate) metrics: KafkaMetrics,
    /// Requested when nothing new is taken.
    pub(crate) drain: Shutdown,
}
