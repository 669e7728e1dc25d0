//! The follower: keeps what its leader has, and cuts off what its leader never had.
//!
//! Invariant R11: it truncates only by comparing epochs, to the largest (epoch, offset) that both
//! logs have, and never below its own high watermark. Fetching from the leader comes with replication.

use ottla_model::{BrokerId, LeaderEpoch, Offset};

use crate::log::ReplicaLog;

/// The replica as follower in one epoch.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) leader: Option<BrokerId>,
}

/// Where this log parts from its leader's, given the leader's answer to "where does my newest epoch
/// end": the largest epoch at or below it that the leader knows, and its end there. An epoch that this
/// log does not know lies between two that it knows, and then everything after the lower one goes.
pub(crate) fn divergence(
    log: &impl ReplicaLog,
    leader_epoch: LeaderEpoch,
    leader_end: Offset,
) -> Offset {
    match log.end_offset_for(leader_epoch) {
        Some((epoch, end)) if epoch == leader_epoch => end.min(leader_end),
        Some((_, end)) => end,
        None => leader_end,
    }
}
