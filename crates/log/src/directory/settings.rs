//! What the log is told about its directory. Each default is `storage.md`'s, with its reason.

use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{KIB, MIB};

/// The settings of one data directory. Sizes are bytes, times milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// Largest journal round, unless a single batch is larger.
    pub round_bytes_max: u64,
    /// How many bytes may wait in memory for their segments before producers have to wait.
    pub unfilled_bytes_max: u64,
    /// How much of a stream has to wait before it is filled without need. Large chunks keep the disk
    /// sequential and the number of flushes low.
    pub fill_bytes_min: u64,
    /// Largest single write of a fill.
    pub fill_bytes_max: u64,
    /// A stream with this much waiting goes straight into its segment, past the journal: from here on a
    /// byte that is written once beats one that is written twice. `u64::MAX` turns the straight path off.
    pub straight_bytes_min: u64,
    /// The straight path is taken while this much or more waits for the journal. With less, one round takes
    /// all of it, and sooner than the flush of a file that has grown.
    pub straight_backlog_bytes_min: u64,
    /// Size of the journal's first file. Small, so that a first start is instant.
    pub journal_bytes_start: u64,
    /// Largest journal file; later files double up to it.
    pub journal_file_bytes_max: u64,
    /// How large the journal grows before it waits for fills. At least twice the unfilled budget.
    pub journal_bytes_max: u64,
    /// Free space that is never given to producers, so that what is acknowledged can be filled, and
    /// deletion and the cluster's own logs still work on a full disk.
    pub room_reserve_bytes: u64,
    /// How many files are open at a time.
    pub handles_max: usize,
    /// The longest time that bytes of a relaxed stream stay unflushed.
    pub relaxed_flush_ms_max: u64,
    /// How many bytes of filled batches stay in memory for readers at the tail.
    pub tail_cache_bytes: u64,
    /// One index entry for about so many bytes of a segment.
    pub index_interval_bytes: u64,
    /// How long an idempotent producer is remembered after its last batch.
    pub producer_expiry_ms: u64,
    /// Defects to plant, for tests of the tests.
    #[cfg(any(test, feature = "planted"))]
    pub planted: crate::planted::Planted,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            round_bytes_max: ottla_model::limits::ROUND_BYTES_MAX,
            unfilled_bytes_max: 256 * MIB,
            fill_bytes_min: MIB,
            fill_bytes_max: 4 * MIB,
            straight_bytes_min: 256 * KIB,
            straight_backlog_bytes_min: 4 * MIB,
            journal_bytes_start: 4 * MIB,
            journal_file_bytes_max: 64 * MIB,
            journal_bytes_max: 512 * MIB,
            room_reserve_bytes: 256 * MIB,
            handles_max: 1024,
            relaxed_flush_ms_max: 1_000,
            tail_cache_bytes: 64 * MIB,
            index_interval_bytes: 16 * KIB,
            producer_expiry_ms: 24 * 60 * 60 * 1000,
            #[cfg(any(test, feature = "planted"))]
            planted: crate::planted::Planted::default(),
        }
    }
}

impl LogSettings {
    /// The same, with sizes that cannot be made into ones that can: whole blocks, and a journal of at
    /// least four files, so that one can be set free while others are in use.
    pub(crate) fn checked(mut self) -> Self {
        let blocks = |bytes: u64| bytes.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES);
        self.journal_bytes_max = self.journal_bytes_max.max(4 * BLOCK_BYTES);
        let quarter = self.journal_bytes_max / 4 / BLOCK_BYTES * BLOCK_BYTES;
        self.journal_file_bytes_max = blocks(self.journal_file_bytes_max).min(quarter);
        self.journal_bytes_start = blocks(self.journal_bytes_start).min(quarter);
        self.fill_bytes_max = blocks(self.fill_bytes_max);
        // What goes straight reaches beyond the block that it begins in.
        self.straight_bytes_min = self.straight_bytes_min.max(2 * BLOCK_BYTES);
        self
    }
}
