//! Scenarios, with the full trace of what the machine wants done.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::world::{Mood, World, settings};
use crate::machine::Window;

/// Runs a script until all is settled, and compares what was done on the way.
fn check(script: impl FnOnce(&mut World), trace: Expect) {
    let mut world = World::new(settings(), 1, true);
    script(&mut world);
    world.heal();
    world.check();
    trace.assert_eq(&world.take_trace());
}

fn settle_one(world: &mut World) {
    world.process(0);
    world.deliver(0);
}

/// Until the first acknowledgement one batch goes alone: a broker that does not know the producer
/// would take any number.
#[test]
fn the_first_batch_goes_alone() {
    let script = |world: &mut World| (0..7).for_each(|_| world.hand_over(0));
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            0 ms: send batch=1 epoch=0 sequence=10 connection=0
            0 ms: send batch=2 epoch=0 sequence=20 connection=0
            0 ms: send batch=3 epoch=0 sequence=30 connection=0
            0 ms: send batch=4 epoch=0 sequence=40 connection=0
            0 ms: send batch=5 epoch=0 sequence=50 connection=0
            0 ms: delivered batch=1 offset=10
            0 ms: send batch=6 epoch=0 sequence=60 connection=0
            0 ms: delivered batch=2 offset=20
            0 ms: delivered batch=3 offset=30
            0 ms: delivered batch=4 offset=40
            0 ms: delivered batch=5 offset=50
            0 ms: delivered batch=6 offset=60
        "#]],
    );
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_number() {
    let script = |world: &mut World| {
        world.hand_over(0);
        settle_one(world);
        world.hand_over(0);
        world.hand_over(0);
        world.process(0);
        world.cut();
    };
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            0 ms: send batch=1 epoch=0 sequence=10 connection=0
            0 ms: send batch=2 epoch=0 sequence=20 connection=0
            10 ms: connect
            10 ms: send batch=1 epoch=0 sequence=10 connection=1
            20 ms: delivered batch=1 offset=10 duplicate
            20 ms: send batch=2 epoch=0 sequence=20 connection=1
            20 ms: delivered batch=2 offset=20 duplicate
        "#]],
    );
}

/// The batches behind a refused one cannot follow under their numbers: once all are known not to be
/// in the log, they go under the next epoch.
#[test]
fn a_refusal_for_good_raises_the_epoch_for_those_behind() {
    let script = |world: &mut World| {
        world.hand_over(0);
        settle_one(world);
        world.mood = Some(Mood::Final);
        (0..3).for_each(|_| world.hand_over(0));
        world.process(0);
    };
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            0 ms: send batch=1 epoch=0 sequence=10 connection=0
            0 ms: send batch=2 epoch=0 sequence=20 connection=0
            0 ms: send batch=3 epoch=0 sequence=30 connection=0
            0 ms: failed batch=1 outcome=did_not_happen
            0 ms: send batch=2 epoch=1 sequence=0 connection=0
            0 ms: delivered batch=2 offset=10
            0 ms: send batch=3 epoch=1 sequence=10 connection=0
            0 ms: delivered batch=3 offset=20
        "#]],
    );
}

/// The broker came back without what it had acknowledged. What was under way is nowhere, for its
/// former life is over, so that it may be renumbered.
#[test]
fn what_a_crash_made_the_broker_forget_is_renumbered() {
    let script = |world: &mut World| {
        for _ in 0..3 {
            world.hand_over(0);
            settle_one(world);
        }
        world.hand_over(0);
        world.crash(1);
    };
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            0 ms: send batch=1 epoch=0 sequence=10 connection=0
            0 ms: delivered batch=1 offset=10
            0 ms: send batch=2 epoch=0 sequence=20 connection=0
            0 ms: delivered batch=2 offset=20
            0 ms: send batch=3 epoch=0 sequence=30 connection=0
            10 ms: connect
            10 ms: send batch=3 epoch=0 sequence=30 connection=1
            20 ms: send batch=3 epoch=1 sequence=0 connection=1
            20 ms: delivered batch=3 offset=20
        "#]],
    );
}

/// regression: a line without anything under way did not turn careful when its broker came back
/// without its memory; the second of two batches landed while the first was refused for the moment.
#[test]
fn regression_an_idle_line_is_careful_with_a_new_connection() {
    let script = |world: &mut World| {
        world.hand_over(0);
        settle_one(world);
        world.crash(1);
        world.hand_over(0);
        world.hand_over(0);
        world.pass(Duration::from_millis(50));
        world.mood = Some(Mood::Later);
        settle_one(world);
    };
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            10 ms: connect
            10 ms: send batch=1 epoch=0 sequence=10 connection=1
            63 ms: send batch=1 epoch=0 sequence=10 connection=1
            70 ms: delivered batch=1 offset=0
            70 ms: send batch=2 epoch=0 sequence=20 connection=1
            70 ms: delivered batch=2 offset=10
        "#]],
    );
}

/// regression: behind a batch that was refused for a gap, another without an answer was sent again
/// under its old number; a broker that had forgotten the producer took it before the first.
#[test]
fn regression_what_is_lost_behind_a_refused_batch_is_given_up() {
    let script = |world: &mut World| {
        world.hand_over(0);
        settle_one(world);
        world.mood = Some(Mood::Final);
        (0..4).for_each(|_| world.hand_over(0));
        settle_one(world);
        settle_one(world);
        world.crash(1);
    };
    check(
        script,
        expect![[r#"
            0 ms: connect
            0 ms: ask producer id
            0 ms: send batch=0 epoch=0 sequence=0 connection=0
            0 ms: delivered batch=0 offset=0
            0 ms: send batch=1 epoch=0 sequence=10 connection=0
            0 ms: send batch=2 epoch=0 sequence=20 connection=0
            0 ms: send batch=3 epoch=0 sequence=30 connection=0
            0 ms: send batch=4 epoch=0 sequence=40 connection=0
            0 ms: failed batch=1 outcome=did_not_happen
            0 ms: failed batch=3 outcome=unknown
            0 ms: failed batch=4 outcome=unknown
            10 ms: connect
            10 ms: send batch=2 epoch=1 sequence=0 connection=1
            20 ms: delivered batch=2 offset=0
        "#]],
    );
}

/// While the connection has no room nobody is asked for what is gathered, so that it grows; a line that
/// is asked has its place. One that has nothing to hand over gives its place back.
#[test]
fn what_is_gathered_stays_while_the_connection_has_no_room() {
    let mut world = World::new(settings(), 4, true);
    world.window = Window { requests_max: 1, ..Window::OPEN };
    (0..4).for_each(|line| world.gather(line));
    world.heal();
    world.check();
    expect![[r#"
        0 ms: connect
        0 ms: ask producer id
        0 ms: take line=0
        0 ms: send batch=0 epoch=0 sequence=0 connection=0
        0 ms: delivered batch=0 offset=0
        0 ms: take line=1
        0 ms: send batch=1 epoch=0 sequence=0 connection=0
        0 ms: delivered batch=1 offset=0
        0 ms: take line=2
        0 ms: send batch=2 epoch=0 sequence=0 connection=0
        0 ms: delivered batch=2 offset=0
        0 ms: take line=3
        0 ms: send batch=3 epoch=0 sequence=0 connection=0
        0 ms: delivered batch=3 offset=0
    "#]]
    .assert_eq(&world.take_trace());
}
