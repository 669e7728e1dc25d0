//! When a producer is answered: the levels of acks by the durabilities of topics.

mod common;

use common::{check, check_with, config};
use expect_test::expect;
use ottla_model::Durability;
use ottla_partition::ReplicaConfig;
use ottla_record::TimestampType;

/// On an fsync topic `leader` is durable as well: it waits for the leader's own round.
#[test]
fn on_fsync_topics_an_answer_waits_for_the_disk() {
    check(
        "
        leader epoch=0
        append records=2 acks=all
        append records=3 acks=leader
        append records=1 acks=none
        durable 2
        durable 4
        durable 6
        ",
        expect![[r#"
            leader epoch=0
            append records=2 acks=all
              log: append 0..2 epoch=0
              ? ticket=0
            append records=3 acks=leader
              log: append 2..5 epoch=0
              ? ticket=1
            append records=1 acks=none
              log: append 5..6 epoch=0
              = offset=5 acks=none durability=fsync
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(2)
            durable 4
            durable 6
              = ticket=1 offset=2 acks=leader durability=fsync when=Counted(5)
        "#]],
    );
}

#[test]
fn on_relaxed_topics_the_kernel_is_enough() {
    let config = ReplicaConfig { durability: Durability::Relaxed, ..config() };
    check_with(
        config,
        "
        leader epoch=0
        append records=2 acks=all
        append records=3 acks=leader
        append records=1 acks=none
        durable 6
        ",
        expect![[r#"
            leader epoch=0
            append records=2 acks=all
              log: append 0..2 epoch=0
              = offset=0 acks=all durability=relaxed
            append records=3 acks=leader
              log: append 2..5 epoch=0
              = offset=2 acks=leader durability=relaxed
            append records=1 acks=none
              log: append 5..6 epoch=0
              = offset=5 acks=none durability=relaxed
            durable 6
        "#]],
    );
}

/// A flush of tmpfs means nothing, and no acknowledgement pretends otherwise.
#[test]
fn where_a_flush_means_nothing_the_answer_says_relaxed() {
    check_with(
        ReplicaConfig { flushes: false, ..config() },
        "
        leader epoch=0
        append
        durable 1
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            durable 1
              = ticket=0 offset=0 acks=all durability=relaxed when=Committed(1)
        "#]],
    );
}

/// A round makes a prefix durable: everybody below is answered, in order, and half a batch is none.
#[test]
fn one_round_answers_many() {
    check(
        "
        leader epoch=0
        append records=2
        append records=2
        append records=2
        durable 5
        durable 6
        ",
        expect![[r#"
            leader epoch=0
            append records=2
              log: append 0..2 epoch=0
              ? ticket=0
            append records=2
              log: append 2..4 epoch=0
              ? ticket=1
            append records=2
              log: append 4..6 epoch=0
              ? ticket=2
            durable 5
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(2)
              = ticket=1 offset=2 acks=all durability=fsync when=Committed(4)
            durable 6
              = ticket=2 offset=4 acks=all durability=fsync when=Committed(6)
        "#]],
    );
}

/// Completions come from several threads.
#[test]
fn late_and_repeated_completions_change_nothing() {
    check(
        "
        leader epoch=0
        append
        append
        durable 2
        durable 1
        durable 2
        append
        durable 9
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            append
              log: append 1..2 epoch=0
              ? ticket=1
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(2)
            durable 1
            durable 2
            append
              log: append 2..3 epoch=0
              ? ticket=2
            durable 9
              = ticket=2 offset=2 acks=all durability=fsync when=Committed(3)
        "#]],
    );
}

#[test]
fn too_few_in_sync_refuses_all_and_holds_back_what_leader_wrote() {
    check_with(
        ReplicaConfig { min_insync: 2, ..config() },
        "
        leader epoch=0
        append acks=all
        append acks=leader
        durable 1
        fetch 0
        alter min_insync=1
        fetch 0
        append acks=all
        ",
        expect![[r#"
            leader epoch=0
            append acks=all
              ! the topic wants 2 replicas in sync, and has 1
            append acks=leader
              log: append 0..1 epoch=0
              ? ticket=0
            durable 1
              = ticket=0 offset=0 acks=leader durability=fsync when=Counted(1)
            fetch 0
              = nothing yet
            alter min_insync=1
            fetch 0
              = read up to 1
            append acks=all
              log: append 1..2 epoch=0
              ? ticket=1
        "#]],
    );
}

#[test]
fn who_waits_too_long_is_told_that_nobody_knows() {
    check(
        "
        leader epoch=0
        append
        time 10000
        append acks=leader
        time 29999
        time 30000
        durable 2
        time 50000
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            time 10000
            append acks=leader
              log: append 1..2 epoch=0
              ? ticket=1
            time 29999
            time 30000
              ! ticket=0 the batch was not acknowledged within 30s
            durable 2
              = ticket=1 offset=1 acks=leader durability=fsync when=Counted(2)
            time 50000
        "#]],
    );
}

#[test]
fn a_log_that_stopped_answers_nobody() {
    check(
        "
        leader epoch=0
        append
        append acks=leader
        stopped
        append
        durable 2
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            append acks=leader
              log: append 1..2 epoch=0
              ? ticket=1
            stopped
              ! ticket=0 the log stopped before the batch was acknowledged: the disk is gone
              ! ticket=1 the log stopped before the batch was acknowledged: the disk is gone
            append
              ! the data directory is offline: the disk is gone; look at the disk, then restart
            durable 2
        "#]],
    );
}

#[test]
fn the_leaders_clock_is_in_the_answer_where_it_counts() {
    check_with(
        ReplicaConfig { timestamp_type: TimestampType::LogAppendTime, ..config() },
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        days 1
        append producer=7 epoch=0 sequence=0
        durable 1
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            days 1
            append producer=7 epoch=0 sequence=0
              ? ticket=1
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync append_time=1000 when=Committed(1)
              = ticket=1 offset=0 acks=all durability=fsync append_time=1000 duplicate when=Committed(1)
        "#]],
    );
}

/// A request raises a relaxed topic's level: it waits for a flush up to its batch, which others of the
/// same topic do not.
#[test]
fn a_request_for_fsync_on_a_relaxed_topic_waits_for_a_flush() {
    let config = ReplicaConfig { durability: Durability::Relaxed, ..config() };
    check_with(
        config,
        "
        leader epoch=0
        append records=2 acks=all durability=fsync
        append records=1 acks=all
        append records=1 acks=leader durability=fsync
        append records=1 acks=none durability=fsync
        flushed 1
        flushed 3
        flushed 4
        append producer=7 epoch=0 sequence=0 records=1 acks=all
        append producer=7 epoch=0 sequence=0 records=1 acks=all durability=fsync
        flushed 6
        append producer=7 epoch=0 sequence=0 records=1 acks=all durability=fsync
        ",
        expect![[r#"
            leader epoch=0
            append records=2 acks=all durability=fsync
              log: append 0..2 epoch=0
              log: flush
              ? ticket=0
            append records=1 acks=all
              log: append 2..3 epoch=0
              = offset=2 acks=all durability=relaxed
            append records=1 acks=leader durability=fsync
              log: append 3..4 epoch=0
              log: flush
              ? ticket=1
            append records=1 acks=none durability=fsync
              log: append 4..5 epoch=0
              = offset=4 acks=none durability=relaxed
            flushed 1
            flushed 3
              = ticket=0 offset=0 acks=all durability=fsync when=CommittedAndFlushed(2)
            flushed 4
              = ticket=1 offset=3 acks=leader durability=fsync when=Flushed(4)
            append producer=7 epoch=0 sequence=0 records=1 acks=all
              log: append 5..6 epoch=0
              = offset=5 acks=all durability=relaxed
            append producer=7 epoch=0 sequence=0 records=1 acks=all durability=fsync
              log: flush
              ? ticket=2
            flushed 6
              = ticket=2 offset=5 acks=all durability=fsync duplicate when=CommittedAndFlushed(6)
            append producer=7 epoch=0 sequence=0 records=1 acks=all durability=fsync
              = offset=5 acks=all durability=fsync duplicate
        "#]],
    );
}

/// A request never lowers a topic's level, and asks for no flush that comes anyway.
#[test]
fn a_request_for_less_than_the_topic_says_gets_what_the_topic_says() {
    check(
        "
        leader epoch=0
        append records=1 acks=all durability=relaxed
        append records=1 acks=all durability=fsync
        durable 2
        ",
        expect![[r#"
            leader epoch=0
            append records=1 acks=all durability=relaxed
              log: append 0..1 epoch=0
              ? ticket=0
            append records=1 acks=all durability=fsync
              log: append 1..2 epoch=0
              ? ticket=1
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(2)
        "#]],
    );
}

/// Where a flush means nothing, none is claimed.
#[test]
fn a_flush_that_means_nothing_is_stated_as_relaxed() {
    let config = ReplicaConfig { durability: Durability::Relaxed, flushes: false, ..config() };
    check_with(
        config,
        "
        leader epoch=0
        append records=1 acks=all durability=fsync
        flushed 1
        ",
        expect![[r#"
            leader epoch=0
            append records=1 acks=all durability=fsync
              log: append 0..1 epoch=0
              log: flush
              ? ticket=0
            flushed 1
              = ticket=0 offset=0 acks=all durability=relaxed when=CommittedAndFlushed(1)
        "#]],
    );
}
