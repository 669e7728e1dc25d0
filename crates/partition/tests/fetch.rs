//! What consumers may read, and when they are woken (R8 to R10, R13).

mod common;

use common::check;
use expect_test::expect;

#[test]
fn nothing_is_read_before_it_is_durable() {
    check(
        "
        leader epoch=0
        append records=2
        fetch 0
        durable 2
        fetch 0
        fetch 2
        ",
        expect![[r#"
            leader epoch=0
            append records=2
              log: append 0..2 epoch=0
              ? ticket=0
            fetch 0
              = nothing yet
            durable 2
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(2)
            fetch 0
              = read up to 2
            fetch 2
              = nothing yet
        "#]],
    );
}

#[test]
fn parked_fetches_are_woken_once_for_each_advance() {
    check(
        "
        leader epoch=0
        park 0
        park 0
        append
        append
        durable 1
        durable 2
        park 1
        park 2
        durable 2
        append
        durable 3
        ",
        expect![[r#"
            leader epoch=0
            park 0
              = parked
            park 0
              = parked
            append
              log: append 0..1 epoch=0
              ? ticket=0
            append
              log: append 1..2 epoch=0
              ? ticket=1
            durable 1
              wake fetches, end=1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            durable 2
              = ticket=1 offset=1 acks=all durability=fsync when=Committed(2)
            park 1
              = no need
            park 2
              = parked
            durable 2
            append
              log: append 2..3 epoch=0
              ? ticket=2
            durable 3
              wake fetches, end=3
              = ticket=2 offset=2 acks=all durability=fsync when=Committed(3)
        "#]],
    );
}

#[test]
fn what_is_not_there_is_out_of_range() {
    check(
        "
        leader epoch=0
        append records=4
        durable 4
        move-start 2
        fetch 1
        fetch 2
        fetch 4
        fetch 5
        append
        fetch 5
        ",
        expect![[r#"
            leader epoch=0
            append records=4
              log: append 0..4 epoch=0
              ? ticket=0
            durable 4
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(4)
            move-start 2
              log: move start to 2
              = 2
            fetch 1
              ! offset 1 is out of range; the partition holds 2 to 4
            fetch 2
              = read up to 4
            fetch 4
              = nothing yet
            fetch 5
              ! offset 5 is out of range; the partition holds 2 to 4
            append
              log: append 4..5 epoch=0
              ? ticket=1
            fetch 5
              = nothing yet
        "#]],
    );
}

#[test]
fn only_the_leader_serves() {
    check(
        "
        fetch 0
        park 0
        leader epoch=0
        append
        durable 1
        park 1
        follower epoch=1 leader=2
        fetch 0
        park 1
        ",
        expect![[r#"
            fetch 0
              ! this replica does not lead the partition; nobody does now
            park 0
              = no need
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            park 1
              = parked
            follower epoch=1 leader=2
              wake fetches, end=1
            fetch 0
              ! this replica does not lead the partition; broker 2 does
            park 1
              = no need
        "#]],
    );
}
