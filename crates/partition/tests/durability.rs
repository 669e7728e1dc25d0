//! A topic's durability changes while it is written.

mod common;

use common::check;
use expect_test::expect;

#[test]
fn relaxing_answers_who_waited_for_the_disk() {
    check(
        "
        leader epoch=0
        append
        append
        durable 1
        alter durability=relaxed
        append
        ",
        expect![[r#"
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            append
              log: append 1..2 epoch=0
              ? ticket=1
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            alter durability=relaxed
              = ticket=1 offset=1 acks=all durability=relaxed when=Committed(2)
            append
              log: append 2..3 epoch=0
              = offset=2 acks=all durability=relaxed
        "#]],
    );
}

/// R9: what consumers saw stays visible, and new batches wait for the disk.
#[test]
fn raising_keeps_what_was_seen_and_waits_from_there() {
    check(
        "
        alter durability=relaxed
        leader epoch=0
        append records=3
        fetch 0
        alter durability=fsync
        fetch 0
        append
        durable 3
        fetch 3
        durable 4
        ",
        expect![[r#"
            alter durability=relaxed
            leader epoch=0
            append records=3
              log: append 0..3 epoch=0
              = offset=0 acks=all durability=relaxed
            fetch 0
              = read up to 3
            alter durability=fsync
            fetch 0
              = read up to 3
            append
              log: append 3..4 epoch=0
              ? ticket=0
            durable 3
            fetch 3
              = nothing yet
            durable 4
              = ticket=0 offset=3 acks=all durability=fsync when=Committed(4)
        "#]],
    );
}
