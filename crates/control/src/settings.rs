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
    /// After how many records the metadata log is worth a snapshot, which lets it forget what came
    /// before. Default 10,000: fewer are read in well under a second.
    pub snapshot_records_min: u64,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            partitions_default: 1,
            cluster_partitions_max: CLUSTER_PARTITIONS_MAX,
            snapshot_records_min: 10_000,
        }
    }
}
