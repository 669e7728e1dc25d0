//! The power of the enumeration: each planted bug of this layer is caught, the canary never is.

use ottla_log::planted::Planted;
use ottla_log::storage::recording::Fault;

use crate::damage;
use crate::enumerate::{self, Tally, Until};
use crate::workload::Plan;

/// Scripts that a planted bug has to be caught in.
const SEEDS_MAX: u64 = 4;

fn plan(seed: u64, planted: Planted) -> Plan {
    let mut plan = Plan::of(seed);
    plan.settings.planted = planted;
    plan
}

fn expect_caught(planted: Planted, hunt: impl Fn(&Plan) -> Tally) {
    for seed in 1..=SEEDS_MAX {
        let tally = hunt(&plan(seed, planted));
        if let Some(first) = tally.violations.first() {
            println!("{planted:?} caught after {} images: {first}", tally.images);
            return;
        }
    }
    panic!("{planted:?} was not caught in {SEEDS_MAX} scripts");
}

fn by_crash(plan: &Plan) -> Tally {
    enumerate::crashes(plan, Until::FirstViolation)
}

fn by_fault(plan: &Plan) -> Tally {
    enumerate::faults(plan, Fault::Io, 1, Until::FirstViolation)
}

fn by_damage(plan: &Plan) -> Tally {
    damage::damages(plan, Until::FirstViolation)
}

/// The canary: what catches the bugs below says nothing where there is none.
#[test]
fn nothing_planted_is_never_reported() {
    for hunt in [by_crash, by_fault, by_damage] {
        let tally = hunt(&plan(1, Planted::Nothing));
        assert_eq!(tally.violations.first(), None);
    }
}

macro_rules! planted {
    ($($test:ident: $planted:ident by $hunt:ident;)+) => {$(
        #[test]
        fn $test() {
            expect_caught(Planted::$planted, $hunt);
        }
    )+};
}

planted! {
    bug_1_ack_before_fsync: AckBeforeFsync by by_crash;
    bug_3_fsync_retry: FsyncRetry by by_fault;
    bug_4_no_dirsync: NoDirsync by by_crash;
    bug_5_midlog_truncate: MidlogTruncate by by_damage;
    bug_7_epoch_checkpoint_unsynced: EpochCheckpointUnsynced by by_crash;
    bug_24_producer_snapshot_stale: ProducerSnapshotStale by by_crash;
    bug_57_zero_length_accepted: ZeroLengthAccepted by by_damage;
    bug_61_journal_reuse_early: JournalReuseEarly by by_crash;
    bug_62_journal_replay_twice: JournalReplayTwice by by_crash;
    bug_63_journal_stale_round: JournalStaleRound by by_crash;
    bug_64_truncate_unjournalled: TruncateUnjournalled by by_crash;
    bug_65_dropped_topic_replayed: DroppedTopicReplayed by by_crash;
    bug_66_checkpoint_before_fill: CheckpointBeforeFill by by_crash;
    bug_67_straight_unsynced: StraightUnsynced by by_crash;
    bug_68_straight_ack_early: StraightAckEarly by by_crash;
    bug_69_straight_rest_forgotten: StraightRestForgotten by by_crash;
    bug_70_straight_before_barrier: StraightBeforeBarrier by by_crash;
    bug_71_straight_cut_unsettled: StraightCutUnsettled by by_crash;
    bug_72_straight_earlier_unsynced: StraightEarlierUnsynced by by_crash;
    bug_73_straight_name_unsynced: StraightNameUnsynced by by_crash;
}
