//! Idempotent producers (I1 to I4, I6).

mod common;

use common::check;
use expect_test::expect;

/// I3: the retry gets the original's offset, and only once the original is acknowledged: until then
/// its answer would promise what a crash can still undo.
#[test]
fn a_retry_waits_for_its_original() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0 records=2
        append producer=7 epoch=0 sequence=2 records=1
        append producer=7 epoch=0 sequence=0 records=2
        durable 2
        durable 3
        append producer=7 epoch=0 sequence=0 records=2
        append producer=7 epoch=0 sequence=2 records=1 acks=leader
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0 records=2
              log: append 0..2 epoch=0
              ? ticket=0
            append producer=7 epoch=0 sequence=2 records=1
              log: append 2..3 epoch=0
              ? ticket=1
            append producer=7 epoch=0 sequence=0 records=2
              ? ticket=2
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(2)
              = ticket=2 offset=0 acks=all durability=fsync duplicate when=Committed(2)
            durable 3
              = ticket=1 offset=2 acks=all durability=fsync when=Committed(3)
            append producer=7 epoch=0 sequence=0 records=2
              = offset=0 acks=all durability=fsync duplicate
            append producer=7 epoch=0 sequence=2 records=1 acks=leader
              = offset=2 acks=leader durability=fsync duplicate
        "#]],
    );
}

/// Each retry waits at the level that it asks for itself.
#[test]
fn a_retry_may_ask_for_less() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0 acks=all
        append producer=7 epoch=0 sequence=0 acks=leader
        append producer=7 epoch=0 sequence=0 acks=none
        durable 1
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0 acks=all
              log: append 0..1 epoch=0
              ? ticket=0
            append producer=7 epoch=0 sequence=0 acks=leader
              ? ticket=1
            append producer=7 epoch=0 sequence=0 acks=none
              = offset=0 acks=none durability=fsync duplicate
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=1 offset=0 acks=leader durability=fsync duplicate when=Counted(1)
        "#]],
    );
}

/// I1: five batches may be in flight, and any of them may come again.
#[test]
fn five_are_remembered_and_the_sixth_is_not() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        append producer=7 epoch=0 sequence=1
        append producer=7 epoch=0 sequence=2
        append producer=7 epoch=0 sequence=3
        append producer=7 epoch=0 sequence=4
        durable 5
        append producer=7 epoch=0 sequence=0
        append producer=7 epoch=0 sequence=5
        durable 6
        append producer=7 epoch=0 sequence=1
        append producer=7 epoch=0 sequence=0
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            append producer=7 epoch=0 sequence=1
              log: append 1..2 epoch=0
              ? ticket=1
            append producer=7 epoch=0 sequence=2
              log: append 2..3 epoch=0
              ? ticket=2
            append producer=7 epoch=0 sequence=3
              log: append 3..4 epoch=0
              ? ticket=3
            append producer=7 epoch=0 sequence=4
              log: append 4..5 epoch=0
              ? ticket=4
            durable 5
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(2)
              = ticket=2 offset=2 acks=all durability=fsync when=Committed(3)
              = ticket=3 offset=3 acks=all durability=fsync when=Committed(4)
              = ticket=4 offset=4 acks=all durability=fsync when=Committed(5)
            append producer=7 epoch=0 sequence=0
              = offset=0 acks=all durability=fsync duplicate
            append producer=7 epoch=0 sequence=5
              log: append 5..6 epoch=0
              ? ticket=5
            durable 6
              = ticket=5 offset=5 acks=all durability=fsync when=Committed(6)
            append producer=7 epoch=0 sequence=1
              = offset=1 acks=all durability=fsync duplicate
            append producer=7 epoch=0 sequence=0
              ! sequence 0 of producer 7 was appended before; its offset is forgotten
        "#]],
    );
}

/// I4
#[test]
fn a_gap_is_refused() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0 records=3
        append producer=7 epoch=0 sequence=4
        append producer=7 epoch=0 sequence=3
        append producer=7 epoch=0 sequence=2 records=3
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0 records=3
              log: append 0..3 epoch=0
              ? ticket=0
            append producer=7 epoch=0 sequence=4
              ! sequence 4 of producer 7 is out of order; 3 comes next
            append producer=7 epoch=0 sequence=3
              log: append 3..4 epoch=0
              ? ticket=1
            append producer=7 epoch=0 sequence=2 records=3
              ! sequence 2 of producer 7 is out of order; 4 comes next
        "#]],
    );
}

/// I6
#[test]
fn a_newer_epoch_fences_the_older() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        append producer=7 epoch=1 sequence=5
        append producer=7 epoch=1 sequence=0
        append producer=7 epoch=0 sequence=1
        append producer=7 epoch=0 sequence=0
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            append producer=7 epoch=1 sequence=5
              ! sequence 5 of producer 7 is out of order; 0 comes next
            append producer=7 epoch=1 sequence=0
              log: append 1..2 epoch=0
              ? ticket=1
            append producer=7 epoch=0 sequence=1
              ! producer 7 with epoch 0 is fenced by epoch 1
            append producer=7 epoch=0 sequence=0
              ! producer 7 with epoch 0 is fenced by epoch 1
        "#]],
    );
}

/// What was forgotten is never fatal: a producer that slept goes on where it was.
#[test]
fn an_expired_producer_may_go_on() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        days 2
        append producer=7 epoch=0 sequence=9
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            days 2
            append producer=7 epoch=0 sequence=9
              log: append 1..2 epoch=0
              ? ticket=1
        "#]],
    );
}

/// regression: a new producer's first batch was refused in passing, its second was appended, and the
/// first one's retry was then taken for a batch that had been there and was forgotten.
#[test]
fn a_producer_that_was_never_here_begins_at_zero() {
    check(
        "
        append producer=8 epoch=0 sequence=0
        leader epoch=0
        append producer=8 epoch=0 sequence=1
        append producer=8 epoch=0 sequence=0
        append producer=8 epoch=0 sequence=1
        ",
        expect![[r#"
            append producer=8 epoch=0 sequence=0
              ! this replica does not lead the partition; nobody does now
            leader epoch=0
            append producer=8 epoch=0 sequence=1
              ! sequence 1 of producer 8 is out of order; 0 comes next
            append producer=8 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            append producer=8 epoch=0 sequence=1
              log: append 1..2 epoch=0
              ? ticket=1
        "#]],
    );
}

/// The retry of a batch that a crash undid is appended: nobody was told that it was there.
#[test]
fn after_a_crash_the_table_is_that_of_the_log() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        append producer=7 epoch=0 sequence=1
        durable 1
        crash
        leader epoch=1
        append producer=7 epoch=0 sequence=0
        append producer=7 epoch=0 sequence=1
        durable 2
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            append producer=7 epoch=0 sequence=1
              log: append 1..2 epoch=0
              ? ticket=1
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            crash
            leader epoch=1
            append producer=7 epoch=0 sequence=0
              = offset=0 acks=all durability=fsync duplicate
            append producer=7 epoch=0 sequence=1
              log: append 1..2 epoch=1
              ? ticket=0
            durable 2
              = ticket=0 offset=1 acks=all durability=fsync when=Committed(2)
        "#]],
    );
}

/// A retry stands ahead of batches that end further on, or it would wait for them.
#[test]
fn a_retry_is_not_held_back_by_later_batches() {
    check(
        "
        leader epoch=0
        append producer=7 epoch=0 sequence=0
        append records=5
        append producer=7 epoch=0 sequence=0
        durable 1
        durable 6
        ",
        expect![[r#"
            leader epoch=0
            append producer=7 epoch=0 sequence=0
              log: append 0..1 epoch=0
              ? ticket=0
            append records=5
              log: append 1..6 epoch=0
              ? ticket=1
            append producer=7 epoch=0 sequence=0
              ? ticket=2
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=2 offset=0 acks=all durability=fsync duplicate when=Committed(1)
            durable 6
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(6)
        "#]],
    );
}
