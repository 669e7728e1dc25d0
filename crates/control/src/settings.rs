//! What an operator may tell the controller.

use ottla_model::limits::CLUSTER_PARTITIONS_MAX;

/// The controller's settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlSettings {
    /// How many partitions a topic gets that does not say. Default 1: order over the whole topic, and
    /// partitions can be added later.
    pub partitions_default: u32,
    /// How many partitions all topics may have together. Default and most: 200,000.
    pub cluster_partitions_max: usize,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self { partitions_default: 1, cluster_partitions_max: CLUSTER_PARTITIONS_MAX }
    }
}
