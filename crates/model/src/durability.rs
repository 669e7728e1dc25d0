//! What an acknowledgement means.

/// When a topic's bytes count as safe. A setting of the topic; every acknowledgement states it.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// When the kernel has them: they survive any kill of the process, not a power cut.
    Relaxed,
    /// When they are on stable storage: they survive a power cut as well.
    #[default]
    Fsync,
}

/// Who has to have a batch before its producer is answered. A setting of the request.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Acks {
    /// The whole in-sync set, and at least `min.insync.replicas` of them.
    #[default]
    All,
    /// The leader alone.
    Leader,
    /// Nobody: the answer says only that the leader took it.
    None,
}

impl Durability {
    /// The word in settings, answers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relaxed => "relaxed",
            Self::Fsync => "fsync",
        }
    }
}

impl Acks {
    /// The word in settings, answers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leader => "leader",
            Self::None => "none",
        }
    }
}
