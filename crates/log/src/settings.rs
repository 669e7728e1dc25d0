//! What the log is told about one stream. The byte layout is [`crate::format::settings`].

use ottla_model::{Durability, GIB};

/// The settings of one stream. They travel in the journal and in the checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSettings {
    /// When the stream's bytes count as safe.
    pub durability: Durability,
    /// The size at which a segment is closed and the next begins, in bytes.
    pub segment_bytes: u64,
    /// The age at which a segment is closed and the next begins, in milliseconds.
    pub segment_ms: u64,
    /// How many bytes are kept; older segments are deleted. `None`: no bound.
    pub retention_bytes: Option<u64>,
    /// How long records are kept, in milliseconds. `None`: for ever.
    pub retention_ms: Option<u64>,
}

/// Seven days in milliseconds: Kafka's default for both ages.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            segment_bytes: GIB,
            segment_ms: WEEK_MS,
            retention_bytes: None,
            retention_ms: Some(WEEK_MS),
        }
    }
}
