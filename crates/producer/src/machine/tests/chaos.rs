//! Random scripts. Whatever happens on the way: once, in order, and every batch is answered for.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{Mood, World, settings};
use crate::machine::Window;

#[derive(Clone, Copy, Debug)]
enum Step {
    HandOver(usize),
    Gather(usize),
    Process(usize),
    Deliver(usize),
    Pass(u64),
    Cut,
    Drain,
    Crash,
    CrashLosing(usize),
    Reachable(bool),
    Mood(Mood),
}

fn step() -> impl Strategy<Value = Step> {
    let mood = prop_oneof![
        Just(Mood::Later),
        Just(Mood::Final),
        Just(Mood::UnclearDone),
        Just(Mood::UnclearNotDone)
    ];
    prop_oneof![
        12 => (0_usize..2).prop_map(Step::HandOver),
        6 => (0_usize..2).prop_map(Step::Gather),
        12 => (0_usize..4).prop_map(Step::Process),
        10 => (0_usize..4).prop_map(Step::Deliver),
        6 => (1_u64..200).prop_map(Step::Pass),
        1 => (1000_u64..6000).prop_map(Step::Pass),
        2 => Just(Step::Cut),
        1 => Just(Step::Drain),
        1 => Just(Step::Crash),
        1 => (1_usize..8).prop_map(Step::CrashLosing),
        1 => any::<bool>().prop_map(Step::Reachable),
        2 => mood.prop_map(Step::Mood),
    ]
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::HandOver(line) => world.hand_over(line),
        Step::Gather(line) => world.gather(line),
        Step::Process(pick) => world.process(pick),
        Step::Deliver(pick) => world.deliver(pick),
        Step::Pass(millis) => world.pass(Duration::from_millis(millis)),
        Step::Cut => world.cut(),
        Step::Drain => world.drain(),
        Step::Crash => world.crash(0),
        Step::CrashLosing(batches) => world.crash(batches),
        Step::Reachable(yes) => world.set_reachable(yes),
        Step::Mood(mood) => world.mood = Some(mood),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_record_is_in_its_log_once_and_in_order(
        steps in prop::collection::vec(step(), 1..150),
        tells_incarnation in any::<bool>(),
        requests_max in prop_oneof![1_u64..4, Just(u64::MAX)],
    ) {
        let mut world = World::new(settings(), 2, tells_incarnation);
        world.window = Window { requests_max, ..Window::OPEN };
        for step in steps {
            take(&mut world, step);
        }
        world.heal();
        world.check();
    }
}

/// Two hundred rounds in which the connection is cut and drained and the broker crashes; then all is settled.
fn ride_roughly(world: &mut World, send: impl Fn(&mut World, usize)) {
    for round in 0..200 {
        send(world, round);
        world.process(round);
        match round % 10 {
            3 => world.cut(),
            6 => world.crash(0),
            9 => world.drain(),
            _ => world.deliver(round),
        }
        world.pass(Duration::from_millis(30));
    }
    world.heal();
    world.check();
}

/// The test above cannot fail if nothing ever goes through: most batches must.
#[test]
fn most_batches_survive_a_rough_ride() {
    let mut world = World::new(settings(), 2, true);
    ride_roughly(&mut world, World::hand_over);
    assert_eq!((world.delivered(), world.failed()), (200, 0));
}

/// The same where records are gathered and the connection has room for two batches: nobody who waits for
/// a place is forgotten.
#[test]
fn most_of_what_is_gathered_survives_a_rough_ride() {
    let mut world = World::new(settings(), 8, true);
    world.window = Window { requests_max: 2, ..Window::OPEN };
    ride_roughly(&mut world, |world, round| {
        world.gather(round);
        world.gather(round + 3);
    });
    assert_eq!(world.failed(), 0);
    assert!(world.delivered() >= 50, "{} batches", world.delivered());
}
