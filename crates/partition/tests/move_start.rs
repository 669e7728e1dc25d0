//! Records are deleted from the start (L11).

mod common;

use common::check;
use expect_test::expect;

#[test]
fn the_start_moves_up_to_what_may_be_seen() {
    check(
        "
        leader epoch=0
        append records=3
        durable 2
        move-start 2
        durable 3
        move-start 2
        move-start 1
        move-start 3
        move-start 4
        fetch 2
        ",
        expect![[r#"
            leader epoch=0
            append records=3
              log: append 0..3 epoch=0
              ? ticket=0
            durable 2
            move-start 2
              log: move start to 2
              = 2
            durable 3
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(3)
            move-start 2
              = 2
            move-start 1
              = 2
            move-start 3
              log: move start to 3
              = 3
            move-start 4
              ! records can be deleted up to offset 3, and 4 is beyond; the partition begins at 3
            fetch 2
              ! offset 2 is out of range; the partition holds 3 to 3
        "#]],
    );
}

#[test]
fn only_the_leader_deletes_and_only_while_its_log_works() {
    check(
        "
        move-start 0
        leader epoch=0
        append
        durable 1
        stopped
        move-start 1
        follower epoch=1
        move-start 1
        ",
        expect![[r#"
            move-start 0
              ! this replica does not lead the partition; nobody does now
            leader epoch=0
            append
              log: append 0..1 epoch=0
              ? ticket=0
            durable 1
              = ticket=0 offset=0 acks=all durability=fsync when=Committed(1)
            stopped
            move-start 1
              ! the data directory is offline: the disk is gone; look at the disk, then restart
            follower epoch=1
            move-start 1
              ! this replica does not lead the partition; nobody does now
        "#]],
    );
}
