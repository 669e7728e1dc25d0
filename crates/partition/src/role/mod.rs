//! What a replica does for its partition now: one file for each role.

mod follower;
mod leader;

pub(crate) use follower::{Follower, divergence};
pub(crate) use leader::Leader;
use ottla_model::BrokerId;

/// A replica's role.
#[derive(Debug)]
pub(crate) enum Role {
    /// It was told nothing yet.
    Idle,
    /// It takes appends.
    Leader(Leader),
    /// It keeps what its leader has.
    Follower(Follower),
}

impl Role {
    /// Who leads, as far as a replica that does not lead knows.
    pub(crate) fn known_leader(&self) -> Option<BrokerId> {
        match self {
            Self::Idle | Self::Leader(_) => None,
            Self::Follower(follower) => follower.leader,
        }
    }
}
