//! What all connections of the listener share.

use std::sync::Arc;

use ottla_broker::Broker;
use ottla_runtime::Shutdown;

use crate::settings::KafkaSettings;
use crate::shared::KafkaShared;

/// The broker behind the door, and how the door is run. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) broker: Broker,
    pub(crate) settings: Arc<KafkaSettings>,
    /// What this listener shares with the others.
    pub(crate) shared: KafkaShared,
    /// Requested when nothing new is taken.
    pub(crate) drain: Shutdown,
}
