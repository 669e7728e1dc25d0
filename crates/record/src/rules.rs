//! What a replica asks of a batch before it takes it.

use ottla_model::limits;

/// Who sends the batch, which decides what it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// A producer: no control batches, offsets without gaps, and its own timestamps.
    #[default]
    Client,
    /// The cluster itself, which checked the batch when it came: its leader, or this broker.
    Cluster,
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
