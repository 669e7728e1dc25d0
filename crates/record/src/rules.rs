//! What a replica asks of a batch before it takes it.

use ottla_model::{Timestamp, limits};

/// Who sends the batch, which decides what it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// A producer: no control batches, offsets without gaps, and its own timestamps.
    #[default]
    Client,
    /// The cluster itself, which checked the batch when it came: its leader, or this broker.
    Cluster,
}

/// How far the timestamps of records may lie from the clock of who takes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampSpans {
    /// How many milliseconds before it, at most.
    pub before_ms_max: i64,
    /// How many milliseconds after it, at most.
    pub after_ms_max: i64,
}

impl TimestampSpans {
    /// As far as can be.
    pub const ANY: Self = Self { before_ms_max: i64::MAX, after_ms_max: i64::MAX };

    /// The timestamps that are allowed at this time.
    pub const fn around(&self, now: Timestamp) -> TimestampRules {
        TimestampRules {
            oldest: match self.before_ms_max {
                i64::MAX => TimestampRules::ANY.oldest,
                before => Timestamp(now.0.saturating_sub(before)),
            },
            newest: Timestamp(now.0.saturating_add(self.after_ms_max)),
        }
    }
}

/// Which timestamps records may have. A record without one has none that could be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampRules {
    /// The oldest.
    pub oldest: Timestamp,
    /// The newest.
    pub newest: Timestamp,
}

impl TimestampRules {
    /// Any.
    pub const ANY: Self = Self { oldest: Timestamp(i64::MIN), newest: Timestamp(i64::MAX) };

    /// Whether a record may have this timestamp.
    pub const fn allow(&self, timestamp: Timestamp) -> bool {
        timestamp.0 == Timestamp::NONE.0
            || (self.oldest.0 <= timestamp.0 && timestamp.0 <= self.newest.0)
    }
}

/// What a batch must be to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchRules {
    /// Who sends it.
    pub origin: Origin,
    /// Largest encoded batch, in bytes.
    pub batch_bytes_max: u64,
    /// Most records of a batch.
    pub records_max: u32,
    /// Largest payload after decompression, in bytes.
    ///
    /// `for_client` takes 64 times the largest batch, and 64 MiB at most.
    pub decompressed_bytes_max: u64,
    /// Whether every record needs a key, as on compacted topics.
    pub key_required: bool,
    /// Which timestamps records may have. Of a batch that is not walked, what its header says counts.
    pub timestamps: TimestampRules,
    /// Whether compressed records are taken without being looked at. Saves the decompression; a
    /// producer with a bug can then write what no consumer can read.
    pub trust_compressed: bool,
    /// Whether plain records are taken without being looked at, as a follower may: its leader has.
    pub trust_plain: bool,
}

impl BatchRules {
    /// The rules for what a producer sends to a topic whose largest batch this is.
    pub const fn for_client(batch_bytes_max: u64) -> Self {
        Self {
            origin: Origin::Client,
            batch_bytes_max,
            records_max: limits::BATCH_RECORDS_MAX,
            decompressed_bytes_max: decompressed_bytes_max(batch_bytes_max),
            key_required: false,
            timestamps: TimestampRules::ANY,
            trust_compressed: false,
            trust_plain: false,
        }
    }

    /// The rules for what comes from this cluster: whole, undamaged and within the limits.
    pub const fn for_cluster() -> Self {
        Self {
            origin: Origin::Cluster,
            batch_bytes_max: limits::BATCH_BYTES_MAX,
            trust_compressed: true,
            trust_plain: true,
            ..Self::for_client(limits::BATCH_BYTES_MAX)
        }
    }
}

const fn decompressed_bytes_max(batch_bytes_max: u64) -> u64 {
    let by_ratio = batch_bytes_max.saturating_mul(limits::DECOMPRESSION_RATIO_MAX);
    if by_ratio < limits::DECOMPRESSED_BYTES_MAX {
        by_ratio
    } else {
        limits::DECOMPRESSED_BYTES_MAX
    }
}

impl Default for BatchRules {
    fn default() -> Self {
        Self::for_client(limits::BATCH_BYTES_MAX_DEFAULT)
    }
}
