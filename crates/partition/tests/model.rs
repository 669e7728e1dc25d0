//! Random interleavings of appends, retries, completions and crashes against a naive model, with the
//! invariants checked after every step (I1 to I4, I6, L11, R8, R9, R13).

mod common;

use std::collections::BTreeMap;

use common::{FakeLog, World, batch, config};
use ottla_model::{Acks, Durability, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use ottla_partition::invariants::{offsets_are_ordered, offsets_only_advance};
use ottla_partition::{
    AppendError, Appended, Effect, Offsets, Replica, ReplicaConfig, ReplicaLog, Ticket,
};
use proptest::prelude::*;

/// How many batches of a producer are remembered.
const WINDOW: usize = 5;

#[derive(Clone, Debug)]
enum Event {
    /// A plain batch.
    Plain {
        records: i32,
        acks: Acks,
    },
    /// A producer's next batch.
    Send {
        producer: u8,
        records: i32,
        acks: Acks,
    },
    /// A batch that the producer sent before, this many ago.
    Resend {
        producer: u8,
        ago: usize,
        acks: Acks,
    },
    /// A batch that leaves one out.
    Skip {
        producer: u8,
    },
    /// The producer begins again under the next epoch.
    Bump {
        producer: u8,
    },
    /// A straggler of an earlier epoch.
    Zombie {
        producer: u8,
    },
    Flush(prop::sample::Index),
    Crash,
    Park,
    MoveStart(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let acks = || prop::sample::select(vec![Acks::All, Acks::Leader, Acks::None]);
    let producer = || 0..3_u8;
    let event = prop_oneof![
        2 => (1..4, acks()).prop_map(|(records, acks)| Event::Plain { records, acks }),
        8 => (producer(), 1..4, acks())
            .prop_map(|(producer, records, acks)| Event::Send { producer, records, acks }),
        6 => (producer(), 1..8_usize, acks())
            .prop_map(|(producer, ago, acks)| Event::Resend { producer, ago, acks }),
        1 => producer().prop_map(|producer| Event::Skip { producer }),
        1 => producer().prop_map(|producer| Event::Bump { producer }),
        1 => producer().prop_map(|producer| Event::Zombie { producer }),
        6 => any::<prop::sample::Index>().prop_map(Event::Flush),
        1 => Just(Event::Crash),
        3 => Just(Event::Park),
        1 => any::<prop::sample::Index>().prop_map(Event::MoveStart),
    ];
    prop::collection::vec(event, 0..120)
}

/// One batch as its producer sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sent {
    epoch: i16,
    first: i32,
    records: i32,
}

/// One producer: what it sent in its epoch, and what of it is in the log.
#[derive(Default)]
struct Producer {
    epoch: i16,
    next: i32,
    sent: Vec<Sent>,
    /// In the order of the log, whatever the epoch.
    stored: Vec<(Sent, Offset)>,
}

/// What must become of a batch.
#[derive(PartialEq, Eq, Debug)]
enum Fate {
    Append,
    Duplicate(Offset),
    Forgotten,
    OutOfOrder,
    Fenced,
}

impl Producer {
    fn next(&mut self, records: i32) -> Sent {
        let sent = Sent { epoch: self.epoch, first: self.next, records };
        self.next += records;
        self.sent.push(sent);
        sent
    }

    /// By the words of the promise: nothing but the log counts.
    fn fate(&self, batch: Sent) -> Fate {
        let Some((newest, _)) = self.stored.last() else {
            return if batch.first == 0 { Fate::Append } else { Fate::OutOfOrder };
        };
        if batch.epoch < newest.epoch {
            return Fate::Fenced;
        }
        let of_epoch = || self.stored.iter().filter(|(stored, _)| stored.epoch == batch.epoch);
        let expected = of_epoch().next_back().map_or(0, |(last, _)| last.first + last.records);
        match of_epoch().position(|(stored, _)| *stored == batch) {
            Some(index) if index + WINDOW >= of_epoch().count() => {
                Fate::Duplicate(of_epoch().nth(index).expect("it was found").1)
            }
            Some(_) => Fate::Forgotten,
            None if batch.first == expected => Fate::Append,
            // Whatever batches they came in, these records are here.
            None if batch.first + batch.records <= expected => Fate::Forgotten,
            None => Fate::OutOfOrder,
        }
    }
}

/// A producer that waits for its answer.
struct Waiter {
    end: Offset,
    base: Offset,
    acks: Acks,
    duplicate: bool,
}

struct Test {
    world: World,
    durability: Durability,
    epoch: i32,
    producers: BTreeMap<u8, Producer>,
    waiters: BTreeMap<Ticket, Waiter>,
    /// The end of everything that was acknowledged with `all`, or on fsync with `leader`.
    promised: Offset,
    parked: bool,
    before: Offsets,
}

impl Test {
    fn new(durability: Durability) -> Self {
        let mut world = World::new(ReplicaConfig { durability, ..config() });
        world.replica.become_leader(&world.log, LeaderEpoch(0)).expect("a fresh log");
        let before = world.replica.offsets();
        let (producers, waiters) = (BTreeMap::new(), BTreeMap::new());
        let (epoch, promised, parked) = (0, Offset::ZERO, false);
        Self { world, durability, epoch, producers, waiters, promised, parked, before }
    }

    fn run(&mut self, event: &Event) {
        match event {
            Event::Plain { records, acks } => self.plain(*records, *acks),
            Event::Send { producer, records, acks } => {
                let sent = self.producer(*producer).next(*records);
                self.send(*producer, sent, *acks);
            }
            Event::Resend { producer, ago, acks } => {
                let sent = &self.producer(*producer).sent;
                let again = sent.len().checked_sub(*ago).map(|index| sent[index]);
                if let Some(sent) = again {
                    self.send(*producer, sent, *acks);
                }
            }
            Event::Skip { producer } => {
                self.producer(*producer).next(1);
            }
            Event::Bump { producer } => {
                let state = self.producer(*producer);
                (state.epoch, state.next) = (state.epoch + 1, 0);
                state.sent.clear();
            }
            Event::Zombie { producer } => {
                let epoch = self.producer(*producer).epoch - 1;
                if epoch >= 0 {
                    self.send(*producer, Sent { epoch, first: 0, records: 1 }, Acks::All);
                }
            }
            Event::Flush(place) => self.flush(*place),
            Event::Crash => self.crash(),
            Event::Park => {
                let end = self.world.replica.high_watermark();
                assert!(self.world.replica.park_fetch(end), "there is nothing at the end");
                self.parked = true;
            }
            Event::MoveStart(place) => self.move_start(*place),
        }
        self.drain();
        self.check();
    }

    fn producer(&mut self, producer: u8) -> &mut Producer {
        self.producers.entry(producer).or_default()
    }

    fn plain(&mut self, records: i32, acks: Acks) {
        let base = self.world.log.offsets().log_end;
        let batch = batch(None, records, self.world.now);
        let World { log, replica, now, moment, .. } = &mut self.world;
        let appended = replica.append(log, batch, acks, *now, *moment).expect("nothing refuses it");
        let end = base.plus(records.into());
        self.take(appended, Waiter { end, base, acks, duplicate: false });
    }

    fn send(&mut self, producer: u8, sent: Sent, acks: Acks) {
        let base = self.world.log.offsets().log_end;
        let numbers =
            (ProducerId(producer.into()), ProducerEpoch(sent.epoch), Sequence(sent.first));
        let batch = batch(Some(numbers), sent.records, self.world.now);
        let World { log, replica, now, moment, .. } = &mut self.world;
        let appended = replica.append(log, batch, acks, *now, *moment);
        let fate = self.producer(producer).fate(sent);
        match (&appended, &fate) {
            (Ok(appended), Fate::Append) => {
                self.producer(producer).stored.push((sent, base));
                let end = base.plus(sent.records.into());
                self.take(*appended, Waiter { end, base, acks, duplicate: false });
            }
            (Ok(appended), Fate::Duplicate(base)) => {
                let end = base.plus(sent.records.into());
                self.take(*appended, Waiter { end, base: *base, acks, duplicate: true });
            }
            (Err(AppendError::DuplicateForgotten { .. }), Fate::Forgotten)
            | (Err(AppendError::OutOfOrder { .. }), Fate::OutOfOrder)
            | (Err(AppendError::Fenced { .. }), Fate::Fenced) => {}
            _ => panic!("{sent:?} must be {fate:?}, and was {appended:?}"),
        }
    }

    fn take(&mut self, appended: Appended, waiter: Waiter) {
        match appended {
            Appended::Waiting(ticket) => {
                assert!(!self.is_due(&waiter), "there was nothing to wait for");
                assert!(self.waiters.insert(ticket, waiter).is_none(), "a ticket is given once");
            }
            Appended::Answered(produced) => {
                assert!(self.is_due(&waiter), "an answer left early");
                assert_eq!(
                    (produced.base_offset, produced.duplicate),
                    (waiter.base, waiter.duplicate)
                );
                self.promise(&waiter);
            }
        }
    }

    /// Whether the answer may leave, by what the log itself says.
    fn is_due(&self, waiter: &Waiter) -> bool {
        waiter.acks == Acks::None || self.world.log.offsets().durable_end >= waiter.end
    }

    fn promise(&mut self, waiter: &Waiter) {
        if waiter.acks != Acks::None {
            self.promised = self.promised.max(waiter.end);
        }
    }

    /// A round makes a prefix durable, in whole batches.
    fn flush(&mut self, place: prop::sample::Index) {
        let ends: Vec<Offset> =
            self.world.log.batches().iter().map(ottla_record::BatchHeader::next_offset).collect();
        if !ends.is_empty() {
            let end = ends[place.index(ends.len())];
            self.world.log.flush(end);
            self.world.replica.handle_durable(end);
        }
    }

    /// What waits is never answered by the next life; what was promised is there.
    fn crash(&mut self) {
        self.drain();
        let World { log, replica, .. } = &mut self.world;
        log.crash();
        *replica = Replica::new(replica.config().clone(), log);
        self.epoch += 1;
        replica.become_leader(log, LeaderEpoch(self.epoch)).expect("epochs rise");
        let end = log.offsets().log_end;
        assert!(end >= self.promised, "what was promised up to {} is gone", self.promised);
        assert!(replica.high_watermark() >= self.before.high_watermark, "R9 across a restart");
        for producer in self.producers.values_mut() {
            producer.stored.retain(|(_, base)| *base < end);
        }
        self.waiters.clear();
        self.parked = false;
        self.before = replica.offsets();
    }

    fn move_start(&mut self, place: prop::sample::Index) {
        let World { log, replica, .. } = &mut self.world;
        let start = replica.log_start();
        let room = replica.high_watermark().since(start) as usize;
        let to = start.plus(place.index(room + 1) as i64);
        assert_eq!(replica.move_start(log, to), Ok(to));
    }

    fn drain(&mut self) {
        let mut wakes = 0;
        while let Some(effect) = self.world.replica.poll_effect() {
            match effect {
                Effect::Reply { ticket, produced, when } => {
                    let waiter = self.waiters.remove(&ticket).expect("answered once, if ever");
                    assert!(self.is_due(&waiter) && when.holds(&self.world.replica.offsets()));
                    assert_eq!(produced.base_offset, waiter.base, "I3: the original's offset");
                    assert_eq!(produced.duplicate, waiter.duplicate);
                    self.promise(&waiter);
                }
                Effect::WakeFetches { end } => {
                    assert_eq!(end, self.world.replica.high_watermark());
                    wakes += 1;
                }
                Effect::Refuse { error, .. } => panic!("nothing stops here: {error}"),
            }
        }
        let advanced = self.world.replica.high_watermark() > self.before.high_watermark;
        let expected = u32::from(self.parked && advanced);
        assert_eq!(wakes, expected, "parked fetches are woken once for each advance");
        self.parked &= !advanced;
    }

    fn check(&mut self) {
        let offsets = self.world.replica.offsets();
        assert!(offsets_are_ordered(&offsets), "{offsets:?}");
        assert!(offsets_only_advance(&self.before, &offsets), "{:?} to {offsets:?}", self.before);
        self.before = offsets;
        let log = self.world.log.offsets();
        assert_eq!(offsets.log_end, log.log_end);
        assert_eq!(offsets.high_watermark, log.durable_end.max(log.log_start), "R8");
        assert_eq!(self.world.replica.waiting(), self.waiters.len());
        assert!(
            self.waiters.values().all(|waiter| !self.is_due(waiter)),
            "R13: nobody waits in vain"
        );
        if self.durability == Durability::Relaxed {
            assert!(self.waiters.is_empty());
        }
        no_duplicates(&self.world.log);
    }
}

/// I1 and I2: each numbered batch is in the log once, and a producer's are in their order.
fn no_duplicates(log: &FakeLog) {
    let mut newest = BTreeMap::new();
    for batch in log.batches().iter().filter(|batch| batch.is_idempotent()) {
        let number = (batch.producer_epoch, batch.base_sequence);
        let before = newest.insert(batch.producer_id, number);
        assert!(before < Some(number), "producer {} repeats or goes back", batch.producer_id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn on_fsync_topics(events in events()) {
        let mut test = Test::new(Durability::Fsync);
        events.iter().for_each(|event| test.run(event));
    }

    #[test]
    fn on_relaxed_topics(events in events()) {
        let mut test = Test::new(Durability::Relaxed);
        events.iter().for_each(|event| test.run(event));
    }
}
