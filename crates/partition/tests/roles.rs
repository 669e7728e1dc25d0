//! A replica is told to lead or to follow (R3, R11).

mod common;

use common::check;
use expect_test::expect;

#[test]
fn without_a_role_nothing_is_taken() {
    check(
        "
        append
        durable 0
        leader epoch=0
        append
        ",
        expect![[r#"
            append
              ! this replica does not lead the partition; nobody does now
            durable 0
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
        "#]],
    );
}

/// R3: epochs in a log never go back.
#[test]
fn old_news_is_refused() {
    check(
        "
        leader epoch=3
        append
        leader epoch=2
        follower epoch=2 leader=2
        durable 1
        crash
        leader epoch=2
        leader epoch=4
        append
        ",
        expect![[r#"
            leader epoch=3
            append
              log: append 0..1 epoch=3
              ? ticket=0
            leader epoch=2
              ! leader epoch 2 is old; this replica has seen 3
            follower epoch=2 leader=2
              ! leader epoch 2 is old; this replica has seen 3
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            crash
            leader epoch=2
              ! leader epoch 2 is old; this replica has seen 3
            leader epoch=4
            append
              log: append 1..2 epoch=4
              ? ticket=0
        "#]],
    );
}

#[test]
fn a_new_reign_keeps_who_waits() {
    check(
        "
        leader epoch=0
        append
        leader epoch=1
        append
        durable 2
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            leader epoch=1
            append
              log: append 1..2 epoch=1
              ? ticket=1
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(2)
        "#]],
    );
}

/// What was appended may yet be committed by the new leader, or not: nobody here knows.
#[test]
fn who_waits_is_told_when_another_leads() {
    check(
        "
        leader epoch=0
        append
        append acks=leader
        follower epoch=1 leader=2
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
            follower epoch=1 leader=2
              ! ticket=0 this replica stopped leading before the batch was acknowledged; broker 2 does
              ! ticket=1 this replica stopped leading before the batch was acknowledged; broker 2 does
            append
              ! this replica does not lead the partition; broker 2 does
            durable 2
        "#]],
    );
}

/// R11: the leader never had what this replica wrote from offset 3 on.
#[test]
fn a_follower_cuts_what_its_leader_never_had() {
    check(
        "
        leader epoch=0
        append records=3
        durable 3
        append records=2
        follower epoch=1 leader=2
        epoch-end epoch=0 end=3
        epoch-end epoch=0 end=3
        ",
        expect![[r#"
            leader epoch=0
            append records=3
              log: append 0..3 epoch=0
              ? ticket=0
            durable 3
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(3)
            append records=2
              log: append 3..5 epoch=0
              ? ticket=1
            follower epoch=1 leader=2
              ! ticket=1 this replica stopped leading before the batch was acknowledged; broker 2 does
            epoch-end epoch=0 end=3
              log: truncate to 3
              = 3
            epoch-end epoch=0 end=3
              = 3
        "#]],
    );
}

/// The leader does not know epoch 1 at all: everything that was written in it goes, however far the
/// leader's log reaches.
#[test]
fn an_epoch_that_the_leader_does_not_know_goes_whole() {
    check(
        "
        leader epoch=0
        append records=2
        durable 2
        leader epoch=1
        append records=2
        follower epoch=2 leader=2
        epoch-end epoch=0 end=9
        ",
        expect![[r#"
            leader epoch=0
            append records=2
              log: append 0..2 epoch=0
              ? ticket=0
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(2)
            leader epoch=1
            append records=2
              log: append 2..4 epoch=1
              ? ticket=1
            follower epoch=2 leader=2
              ! ticket=1 this replica stopped leading before the batch was acknowledged; broker 2 does
            epoch-end epoch=0 end=9
              log: truncate to 2
              = 2
        "#]],
    );
}

/// Only a human may order that what clients saw disappears.
#[test]
fn what_clients_saw_is_never_cut() {
    check(
        "
        leader epoch=0
        append records=3
        durable 3
        follower epoch=1 leader=2
        epoch-end epoch=0 end=2
        leader epoch=2
        epoch-end epoch=0 end=3
        ",
        expect![[r#"
            leader epoch=0
            append records=3
              log: append 0..3 epoch=0
              ? ticket=0
            durable 3
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(3)
            follower epoch=1 leader=2
            epoch-end epoch=0 end=2
              ! cutting the log to 2 would remove what was visible up to 3
            leader epoch=2
            epoch-end epoch=0 end=3
              ! this replica does not follow anybody
        "#]],
    );
}
