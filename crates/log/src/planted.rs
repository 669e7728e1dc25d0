//! Planted bugs: defects behind runtime flags, for tests of the tests. Each must be caught by the
//! crash-point enumeration; a set of tests that lets one pass is itself the defect. Never compiled
//! into what users run: without the feature nothing can set one.

/// Which defect is planted, by its number and name in the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(unreachable_pub, reason = "public where bugs can be planted")]
pub enum Planted {
    /// None. The canary: must never be reported.
    #[default]
    Nothing,
    /// 1: acknowledges before the round is durable.
    AckBeforeFsync,
    /// 3: believes a second sync after one failed.
    FsyncRetry,
    /// 4: never syncs the directory of a segment that was made.
    NoDirsync,
    /// 5: takes any bad round for the end of the journal.
    MidlogTruncate,
    /// 7: writes the checkpoint, epoch caches within, without syncing it.
    EpochCheckpointUnsynced,
    /// 24: keeps the producer table as it is on truncation.
    ProducerSnapshotStale,
    /// 57: takes an empty journal file or checkpoint for an empty log.
    ZeroLengthAccepted,
    /// 61: reuses journal space before the effect of its operations is durable.
    JournalReuseEarly,
    /// 62: replays what the segment holds already.
    JournalReplayTwice,
    /// 63: accepts an intact round of a file's former life.
    JournalStaleRound,
    /// 64: does not journal truncations.
    TruncateUnjournalled,
    /// 65: replays operations of a dropped stream by making it again.
    DroppedTopicReplayed,
    /// 66: advances the checkpoint before the filled segment is synced.
    CheckpointBeforeFill,
    /// 67: says that a straight write is durable before it was flushed.
    StraightUnsynced,
    /// 68: acknowledges a straight write before the round that says where it is.
    StraightAckEarly,
    /// 69: forgets the rest of less than a block.
    StraightRestForgotten,
    /// 70: writes straight over what a truncation, or a carry, that is not durable yet speaks of.
    StraightBeforeBarrier,
    /// 71: truncates what a straight write vouches for, and has it written over, with no checkpoint.
    StraightCutUnsettled,
    /// 72: does not flush the segments before the one that it writes straight into.
    StraightEarlierUnsynced,
    /// 73: acknowledges a straight write into a segment whose name is not durable.
    StraightNameUnsynced,
}
