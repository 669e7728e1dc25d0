//! What wakes the shell. The rest is tested against a broker (`tests/`).

use std::time::Duration;

use ottla_client::{ClientError, TopicRoute};
use ottla_model::{Backoff, BrokerId, Moment, PartitionId, Rng, TopicId, TopicName};

use super::{ConnectionId, Effect, Session, SessionSettings};
use crate::config::{OutOfRange, Start};

const BROKER: BrokerId = BrokerId(1);

struct World {
    session: Session,
    now: Moment,
    /// Until when the shell sleeps unless there is an effect.
    asleep_until: Option<Moment>,
}

impl World {
    /// A consumer of one partition that is about to connect to its leader.
    fn new() -> Self {
        let backoff = Backoff { min: Duration::from_millis(20), max: Duration::from_secs(1) };
        let out_of_range = OutOfRange::Error;
        let refresh_after = Duration::from_secs(60);
        let settings =
            SessionSettings { prefetch_bytes_max: 1 << 20, out_of_range, backoff, refresh_after };
        let session = Session::new(settings, Rng::from_number(7));
        let mut world = Self { session, now: Moment(Duration::from_secs(1)), asleep_until: None };
        world.input(|session, _| session.assign(&route(), PartitionId(0), Start::Earliest));
        world
    }

    /// An input from outside the shell, and what the shell does next, if it wakes at all.
    fn input(&mut self, input: impl FnOnce(&mut Session, Moment)) -> Vec<Effect> {
        input(&mut self.session, self.now);
        let due = self.session.poll_timeout();
        let slept = self.asleep_until.unwrap_or(Moment(Duration::MAX));
        if due.is_some_and(|due| due < slept) {
            assert!(self.session.has_effects(), "the shell sleeps past {due:?}");
        }
        self.awake()
    }

    fn awake(&mut self) -> Vec<Effect> {
        let effects = std::iter::from_fn(|| self.session.poll_effect()).collect();
        self.asleep_until = self.session.poll_timeout();
        effects
    }

    fn sleep(&mut self) -> Vec<Effect> {
        self.now = self.asleep_until.expect("there is something to wait for");
        self.session.handle_timeout(self.now);
        self.awake()
    }
}

fn route() -> TopicRoute {
    TopicRoute {
        name: TopicName::new("numbers").unwrap(),
        id: TopicId::from_bytes([7; 16]),
        leaders: vec![Some(BROKER)],
        batch_bytes_max: 1 << 20,
    }
}

fn fails(session: &mut Session, now: Moment) {
    session.handle_connect_failed(BROKER, now);
}

/// regression: while it was still being asked who leads, a second failure to connect set a timer that
/// nobody waited for, and the consumer read nothing for up to a minute.
#[test]
fn whoever_sleeps_learns_of_every_new_timer() {
    let mut world = World::new();
    let asked = Effect::AskRoutes(route().name);
    assert!(world.input(fails).contains(&asked));
    for _ in 0..5 {
        assert_eq!(world.sleep(), [Effect::Connect(BROKER)]);
        assert!(!world.input(fails).contains(&asked), "nobody answered the first question yet");
    }
    assert_eq!(world.sleep(), [Effect::Connect(BROKER)]);
}

#[test]
fn a_failed_look_up_is_made_again() {
    let mut world = World::new();
    let silent = || ClientError::NoAnswer { address: String::new(), waited: Duration::ZERO };
    world.input(|session, now| session.handle_connected(BROKER, ConnectionId(1), now));
    world.input(|session, now| session.handle_disconnected(ConnectionId(1), now));
    world.input(|session, now| session.handle_routes_failed(&route().name, &silent(), now));
    let mut effects = Vec::new();
    while !effects.contains(&Effect::Connect(BROKER)) {
        effects = world.sleep();
    }
}
