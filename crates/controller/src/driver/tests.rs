//! The driver against C2 to C5: scenarios as text with their whole trace, and random histories with
//! crashes.
//!
//! ```text
//! ask NAME create TOPIC | delete TOPIC | ids      durable END      crash END      offline
//! ```
//!
//! `=` is an answer, `!` a refusal, `image` what is published. Ids and times are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use expect_test::{Expect, expect};
use ottla_control::ControlSettings;
use ottla_metadata::ControllerResponse;
use ottla_metadata::request::{
    AllocateProducerIds, CreateTopic, DeleteTopic, RegisterBroker, TopicRef,
};
use ottla_model::{BrokerId, ClusterId, DirectoryId, Rng, TopicName};
use proptest::prelude::*;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::log::MemoryMetadataLog;

type Answer = Result<Committed, ControllerError>;

/// A controller, its log, and who waits.
struct World {
    log: MemoryMetadataLog,
    driver: Driver,
    images: watch::Receiver<Arc<Image>>,
    waiting: Vec<(String, oneshot::Receiver<Answer>)>,
    answered: Vec<(String, Answer)>,
    trace: String,
    /// How often it was started, which is its seed.
    lives: u64,
}

fn cluster() -> ClusterId {
    ClusterId::from_bytes([1; 16])
}

fn start(log: &MemoryMetadataLog, seed: u64) -> Result<Driver, StartError> {
    let settings = ControlSettings { snapshot_records_min: 12, ..ControlSettings::default() };
    let config = ControllerConfig { cluster: cluster(), settings };
    Driver::load(Box::new(log.clone()), config, Rng::from_number(seed), Clock::start())
}

impl World {
    /// A cluster with one broker, all of it durable.
    fn new() -> Self {
        let log = MemoryMetadataLog::new();
        let driver = start(&log, 1).expect("an empty log");
        let images = driver.images();
        let (waiting, answered, trace) = (Vec::new(), Vec::new(), String::new());
        let mut world = Self { log, driver, images, waiting, answered, trace, lives: 1 };
        world.ask("broker", register());
        world.durable(world.log.end());
        world.answered.clear();
        world.trace.clear();
        world
    }

    fn run(&mut self, line: &str) {
        writeln!(self.trace, "{line}").expect("a string takes anything");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ask", name, "create", topic] => self.ask(name, create(topic)),
            ["ask", name, "delete", topic] => self.ask(name, delete(topic)),
            ["ask", name, "ids"] => self.ask(name, ids()),
            ["durable", end] => self.durable(Offset(end.parse().expect("a number"))),
            ["crash", end] => self.crash(Offset(end.parse().expect("a number"))),
            ["full"] => self.log.fail(Some(MetadataLogError::Busy { why: "full".to_owned() })),
            ["room"] => self.log.fail(None),
            ["broken"] => {
                self.log.fail(Some(MetadataLogError::Stopped { why: "broken".to_owned() }));
            }
            ["offline"] => self.signal(Signals {
                durable: Offset::ZERO,
                stopped: Some("the disk is gone".to_owned()),
            }),
            _ => panic!("there is no `{line}`"),
        }
    }

    fn ask(&mut self, name: &str, request: ControllerRequest) {
        let (reply, answer) = oneshot::channel();
        self.waiting.push((name.to_owned(), answer));
        self.driver.handle_submission(Submission { request, reply });
        self.observe();
    }

    fn durable(&mut self, end: Offset) {
        self.signal(Signals { durable: end, stopped: None });
    }

    fn signal(&mut self, signals: Signals) {
        self.driver.handle_signals(&signals);
        self.observe();
    }

    /// The process dies, and another comes up on what was durable.
    fn crash(&mut self, durable: Offset) {
        self.log.crash(durable);
        self.waiting.clear();
        self.lives += 1;
        // Two lives of one seed would give two topics one id.
        self.driver = start(&self.log, self.lives).expect("what it wrote itself");
        self.images = self.driver.images();
        self.images.mark_changed();
        self.observe();
    }

    fn observe(&mut self) {
        if self.images.has_changed().expect("the driver lives") {
            let image = self.images.borrow_and_update().clone();
            let topics: Vec<_> = image.topics().iter().map(|t| t.name.to_string()).collect();
            let topics = topics.join(" ");
            writeln!(self.trace, "  image end={} topics=[{topics}]", image.end())
                .expect("a string takes anything");
        }
        let mut still_waiting = Vec::new();
        for (name, mut answer) in std::mem::take(&mut self.waiting) {
            match answer.try_recv() {
                Ok(answer) => self.hear(name, answer),
                Err(TryRecvError::Empty) => still_waiting.push((name, answer)),
                Err(TryRecvError::Closed) => panic!("{name} was never answered"),
            }
        }
        self.waiting = still_waiting;
    }

    fn hear(&mut self, name: String, answer: Answer) {
        let text = match &answer {
            Ok(Committed { response, end }) => format!("= {name}: {} end={end}", said(response)),
            Err(error) => format!("! {name}: {error}"),
        };
        writeln!(self.trace, "  {text}").expect("a string takes anything");
        self.answered.push((name, answer));
    }
}

fn said(response: &ControllerResponse) -> String {
    match response {
        ControllerResponse::TopicCreated(_) => "created".to_owned(),
        ControllerResponse::TopicDeleted(deleted) => format!("deleted {}", deleted.name),
        ControllerResponse::ProducerIds(block) => format!("ids from {}", block.first),
        other => format!("{other:?}"),
    }
}

fn name(text: &str) -> TopicName {
    text.parse().expect("a good name")
}

fn create(topic: &str) -> ControllerRequest {
    let (partitions, config, validate_only) = (None, BTreeMap::new(), false);
    let name = name(topic);
    ControllerRequest::CreateTopic(CreateTopic { name, partitions, config, validate_only })
}

fn delete(topic: &str) -> ControllerRequest {
    ControllerRequest::DeleteTopic(DeleteTopic { topic: TopicRef::Name(name(topic)) })
}

fn ids() -> ControllerRequest {
    let (broker, broker_epoch) = (BrokerId(1), 0);
    ControllerRequest::AllocateProducerIds(AllocateProducerIds { broker, broker_epoch })
}

fn register() -> ControllerRequest {
    ControllerRequest::RegisterBroker(RegisterBroker {
        broker: BrokerId(1),
        directory: DirectoryId::from_bytes([1; 16]),
        boot: "boot".to_owned(),
        endpoints: Vec::new(),
    })
}

fn check(script: &str, expect: Expect) {
    let mut world = World::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.run(line);
    }
    expect.assert_eq(&world.trace);
}

/// C2: the entry has two records, and half an entry is no entry.
#[test]
fn an_answer_waits_until_its_entry_is_durable() {
    check(
        "
        ask a create flights
        durable 3
        durable 4
        durable 5
        durable 5
        ",
        expect![[r#"
            ask a create flights
            durable 3
            durable 4
            durable 5
              image end=5 topics=[flights]
              = a: created end=5
            durable 5
        "#]],
    );
}

#[test]
fn one_flush_answers_many() {
    check(
        "
        ask a create flights
        ask b create weather
        ask c ids
        durable 8
        ",
        expect![[r#"
            ask a create flights
            ask b create weather
            ask c ids
            durable 8
              image end=8 topics=[flights weather]
              = a: created end=5
              = b: created end=7
              = c: ids from 0 end=8
        "#]],
    );
}

/// C3: whoever is told that the topic exists can rely on it, and so is told only once it is durable.
#[test]
fn a_refusal_waits_for_what_it_rests_on() {
    check(
        "
        ask a create flights
        ask b create flights
        ask c delete weather
        durable 5
        ask d create flights
        ",
        expect![[r#"
            ask a create flights
            ask b create flights
            ask c delete weather
            durable 5
              image end=5 topics=[flights]
              = a: created end=5
              ! b: topic `flights` exists already
              ! c: there is no topic `weather`
            ask d create flights
              ! d: topic `flights` exists already
        "#]],
    );
}

#[test]
fn a_crash_before_the_flush_leaves_nothing() {
    check(
        "
        ask a create flights
        ask b create weather
        crash 6
        ask c create weather
        ask d create flights
        durable 9
        ",
        expect![[r#"
            ask a create flights
            ask b create weather
            crash 6
              image end=5 topics=[flights]
            ask c create weather
            ask d create flights
            durable 9
              image end=7 topics=[flights weather]
              = c: created end=7
              ! d: topic `flights` exists already
        "#]],
    );
}

/// I7: a block that was lost was never given to anybody; one that was given is never given again.
#[test]
fn producer_ids_survive_a_crash() {
    check(
        "
        ask a ids
        durable 4
        ask b ids
        crash 4
        ask c ids
        durable 5
        crash 5
        ask d ids
        durable 6
        ",
        expect![[r#"
            ask a ids
            durable 4
              image end=4 topics=[]
              = a: ids from 0 end=4
            ask b ids
            crash 4
              image end=4 topics=[]
            ask c ids
            durable 5
              image end=5 topics=[]
              = c: ids from 1000 end=5
            crash 5
              image end=5 topics=[]
            ask d ids
            durable 6
              image end=6 topics=[]
              = d: ids from 2000 end=6
        "#]],
    );
}

#[test]
fn a_full_disk_passes() {
    check(
        "
        full
        ask a create flights
        room
        ask b create flights
        durable 5
        ",
        expect![[r#"
            full
            ask a create flights
              ! a: the controller is not available: full
            room
            ask b create flights
            durable 5
              image end=5 topics=[flights]
              = b: created end=5
        "#]],
    );
}

#[test]
fn a_log_that_stopped_stays_stopped() {
    check(
        "
        ask a create flights
        broken
        ask b create weather
        room
        ask c ids
        durable 5
        ",
        expect![[r#"
            ask a create flights
            broken
            ask b create weather
              ! a: the controller stopped before the decision was durable: the metadata log has stopped: broken; look, then try again
              ! b: the controller stopped before the decision was durable: broken; look, then try again
            room
            ask c ids
              ! c: the controller is not available: the metadata log has stopped: broken
            durable 5
        "#]],
    );
}

#[test]
fn nobody_waits_for_a_directory_that_is_offline() {
    check(
        "
        ask a create flights
        ask b create flights
        offline
        ask c ids
        ",
        expect![[r#"
            ask a create flights
            ask b create flights
            offline
              ! a: the controller stopped before the decision was durable: the disk is gone; look, then try again
              ! b: the controller stopped before the decision was durable: the disk is gone; look, then try again
            ask c ids
              ! c: the controller is not available: the disk is gone
        "#]],
    );
}

/// The snapshot replaces what came before it once it is durable, and a start on it sees the same.
#[test]
fn a_snapshot_lets_the_log_forget() {
    let mut world = World::new();
    for round in 0..6 {
        world.run(&format!("ask a create t{round}"));
        world.run(&format!("ask b delete t{round}"));
        world.durable(world.log.end());
    }
    world.run("ask a create kept");
    world.durable(world.log.end());
    assert!(world.log.start() > Offset::ZERO, "a snapshot was due");
    let before = world.driver.images().borrow().clone();
    world.crash(world.log.end());
    assert_eq!(*world.images.borrow().topics(), *before.topics());
    assert_eq!(world.images.borrow().end(), before.end());
}

#[test]
fn a_log_of_another_cluster_is_refused() {
    let world = World::new();
    let settings = ControlSettings::default();
    let config = ControllerConfig { cluster: ClusterId::from_bytes([2; 16]), settings };
    let log = Box::new(world.log.clone());
    let error = Driver::load(log, config, Rng::from_number(1), Clock::start());
    let error = error.err().expect("the cluster is another");
    expect!["the metadata log is that of cluster 01010101-0101-0101-0101-010101010101, and the data directory that of 02020202-0202-0202-0202-020202020202; give the broker a data directory of one cluster"].assert_eq(&error.to_string());
}

/// C9: nothing of a newer release is skipped.
#[test]
fn a_record_of_a_newer_release_stops_the_start() {
    let world = World::new();
    world.log.append_bytes(br#"{"kind":"quota","version":1,"body":{}}"#);
    let error = start(&world.log, 1).err().expect("the kind is unknown");
    expect!["the metadata log cannot be read at offset 3: metadata record of kind `quota` version 1 is not known to this release; start the release that wrote it, or a newer one"].assert_eq(&error.to_string());
}

#[derive(Clone, Debug)]
enum Event {
    Create(u8),
    Delete(u8),
    Ids,
    Durable(prop::sample::Index),
    Crash(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..4_u8).prop_map(Event::Create),
        3 => (0..4_u8).prop_map(Event::Delete),
        2 => Just(Event::Ids),
        4 => any::<prop::sample::Index>().prop_map(Event::Durable),
        1 => any::<prop::sample::Index>().prop_map(Event::Crash),
    ];
    prop::collection::vec(event, 0..80)
}

/// What the callers were told, and what must therefore hold.
#[derive(Default)]
struct Told {
    durable: Offset,
    published: Offset,
    blocks: BTreeSet<i64>,
}

impl Told {
    fn hear(&mut self, world: &mut World) {
        let image = world.images.borrow().clone();
        assert!(image.end() <= self.durable.max(self.published), "C2: only what is durable");
        assert!(image.end() >= self.published, "an image never goes back");
        self.published = image.end();
        for (_, answer) in world.answered.drain(..) {
            let Ok(Committed { response, end }) = answer else { continue };
            assert!(end <= self.durable, "C2: an answer left before its entry was durable");
            assert!(end <= image.end(), "C3: who is answered finds it in the image");
            if let ControllerResponse::ProducerIds(block) = response {
                assert!(self.blocks.insert(block.first.0), "I7: a block is given once");
            }
        }
    }
}

proptest! {
    /// Whatever was answered is there after any crash, and images are what a fresh load of the log
    /// gives (C2, C4, C5, I7), with snapshots coming and going.
    #[test]
    fn what_was_answered_survives(events in events()) {
        let mut world = World::new();
        let mut told = Told { durable: world.log.end(), ..Told::default() };
        for event in events {
            // Between what is durable and the end, either inclusive.
            let somewhere = |place: prop::sample::Index| {
                let room = world.log.end().since(told.durable) as usize;
                told.durable.plus(place.index(room + 1) as i64)
            };
            match event {
                Event::Create(n) => world.ask("a", create(&format!("t{n}"))),
                Event::Delete(n) => world.ask("a", delete(&format!("t{n}"))),
                Event::Ids => world.ask("a", ids()),
                Event::Durable(place) => {
                    told.durable = somewhere(place);
                    world.durable(told.durable);
                }
                Event::Crash(place) => {
                    let durable = somewhere(place);
                    world.crash(durable);
                    told.durable = world.log.end();
                }
            }
            told.hear(&mut world);
        }
        world.durable(world.log.end());
        world.durable(world.log.end());
        let live = world.driver.images().borrow().clone();
        let fresh = start(&world.log, 7).expect("what it wrote itself");
        prop_assert_eq!(&*fresh.images().borrow().clone(), &*live);
    }
}
