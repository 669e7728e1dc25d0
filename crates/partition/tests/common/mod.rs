//! Scenarios as text: one input or command a line, and the whole trace of what came of it.
//!
//! ```text
//! leader epoch=N        follower epoch=N leader=B      alter durability=relaxed min_insync=2
//! append producer=P epoch=E sequence=S records=N acks=all|leader|none durability=fsync
//! durable N   flushed N   stopped        crash         time MILLIS        days N
//! fetch N               park N           move-start N  epoch-end epoch=E end=N
//! ```
//!
//! A producer's numbers are left out for a plain one. `log:` is what was asked of the log, `?` an
//! answer that is still to come, `=` one that is there, `!` a refusal.

#![allow(dead_code, reason = "each test file uses its part")]

mod log;

use std::fmt::Write;
use std::time::Duration;

use expect_test::Expect;
use ottla_model::{
    Acks, BrokerId, Durability, LeaderEpoch, Moment, Offset, ProducerEpoch, ProducerId, Sequence,
    StreamId, Timestamp,
};
use ottla_partition::{Appended, Effect, Fetch, Produced, Replica, ReplicaConfig, Wanted};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, CheckedBatch, NO_HEADERS, TimestampSpans,
    TimestampType, validate,
};

pub(crate) use log::FakeLog;

/// How long a producer waits in these scenarios.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(30);

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A replica, its log, and the time.
pub(crate) struct World {
    pub(crate) log: FakeLog,
    pub(crate) replica: Replica,
    pub(crate) now: Timestamp,
    pub(crate) moment: Moment,
    trace: String,
}

pub(crate) fn config() -> ReplicaConfig {
    ReplicaConfig {
        stream: StreamId::METADATA,
        broker: BrokerId(1),
        durability: Durability::Fsync,
        flushes: true,
        min_insync: 1,
        rules: BatchRules::default(),
        timestamp_spans: TimestampSpans::ANY,
        timestamp_type: TimestampType::CreateTime,
        ack_wait_max: ACK_WAIT,
    }
}

/// Runs a scenario, and compares the trace.
pub(crate) fn check(script: &str, expect: Expect) {
    check_with(config(), script, expect);
}

pub(crate) fn check_with(config: ReplicaConfig, script: &str, expect: Expect) {
    let mut world = World::new(config);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.run(line);
    }
    expect.assert_eq(&world.trace);
}

impl World {
    pub(crate) fn new(config: ReplicaConfig) -> Self {
        let log = FakeLog::new(config.durability);
        let replica = Replica::new(config, &log);
        let (now, moment) = (Timestamp(1_000), Moment::START);
        Self { log, replica, now, moment, trace: String::new() }
    }

    fn run(&mut self, line: &str) {
        writeln!(self.trace, "{line}").expect("a string takes anything");
        let said = self.command(line);
        for call in self.log.take_calls() {
            self.say(&format!("log: {call}"));
        }
        said.into_iter().for_each(|text| self.say(&text));
        while let Some(effect) = self.replica.poll_effect() {
            let text = effect_text(&effect);
            self.say(&text);
        }
    }

    fn say(&mut self, text: &str) {
        writeln!(self.trace, "  {text}").expect("a string takes anything");
    }

    fn command(&mut self, line: &str) -> Option<String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words = Words(rest);
        match verb {
            "leader" => {
                let epoch = LeaderEpoch(words.get("epoch"));
                refused(self.replica.become_leader(&self.log, epoch))
            }
            "follower" => {
                let (epoch, leader) = (LeaderEpoch(words.get("epoch")), words.find("leader"));
                let leader = leader.map(BrokerId);
                refused(self.replica.become_follower(&self.log, epoch, leader))
            }
            "epoch-end" => {
                let (epoch, end) = (LeaderEpoch(words.get("epoch")), Offset(words.get("end")));
                answer(self.replica.handle_epoch_end(&self.log, epoch, end))
            }
            "append" => self.append(&words),
            "alter" => self.alter(&words),
            "durable" => {
                self.log.flush(words.offset());
                self.replica.handle_durable(words.offset());
                None
            }
            "flushed" => {
                self.log.flush(words.offset());
                self.replica.handle_flushed(words.offset());
                None
            }
            "stopped" => {
                self.log.stop();
                self.replica.handle_log_stopped("the disk is gone");
                None
            }
            "crash" => {
                self.log.crash();
                self.replica = Replica::new(self.replica.config().clone(), &self.log);
                None
            }
            "time" => {
                self.moment = Moment(Duration::from_millis(rest.parse().expect("a number")));
                self.replica.handle_timeout(self.moment);
                None
            }
            "days" => {
                self.now.0 += DAY_MILLIS * rest.parse::<i64>().expect("a number");
                None
            }
            "fetch" => match self.replica.fetch(words.offset()) {
                Ok(Fetch::Read(bounds)) => Some(format!("= read up to {}", bounds.high_watermark)),
                Ok(Fetch::AtEnd(_)) => Some("= nothing yet".to_owned()),
                Err(error) => Some(format!("! {error}")),
            },
            "park" => match self.replica.park_fetch(words.offset()) {
                true => Some("= parked".to_owned()),
                false => Some("= no need".to_owned()),
            },
            "move-start" => answer(self.replica.move_start(&self.log, words.offset())),
            _ => panic!("there is no verb `{verb}`"),
        }
    }

    fn append(&mut self, words: &Words<'_>) -> Option<String> {
        let producer = words.find("producer").map(|id| {
            let (epoch, sequence) = (words.get("epoch"), words.get("sequence"));
            (ProducerId(id), ProducerEpoch(epoch), Sequence(sequence))
        });
        let batch = batch(producer, words.find("records").unwrap_or(1), self.now);
        let acks = match words.text("acks") {
            None | Some("all") => Acks::All,
            Some("leader") => Acks::Leader,
            Some("none") => Acks::None,
            Some(other) => panic!("there are no acks `{other}`"),
        };
        let durability = match words.text("durability") {
            None => None,
            Some("relaxed") => Some(Durability::Relaxed),
            Some("fsync") => Some(Durability::Fsync),
            Some(other) => panic!("there is no durability `{other}`"),
        };
        let wanted = Wanted { acks, durability };
        Some(match self.replica.append(&self.log, batch, wanted, self.now, self.moment) {
            Ok(Appended::Waiting(ticket)) => format!("? ticket={}", ticket.0),
            Ok(Appended::Answered(produced)) => format!("= {}", produced_text(&produced)),
            Err(error) => format!("! {error}"),
        })
    }

    fn alter(&mut self, words: &Words<'_>) -> Option<String> {
        let mut config = self.replica.config().clone();
        match words.text("durability") {
            Some("fsync") => config.durability = Durability::Fsync,
            Some("relaxed") => config.durability = Durability::Relaxed,
            _ => {}
        }
        config.min_insync = words.find("min_insync").unwrap_or(config.min_insync);
        self.log.set_durability(config.durability);
        self.replica.alter(&self.log, config);
        None
    }
}

/// A batch of plain records.
pub(crate) fn batch(
    producer: Option<(ProducerId, ProducerEpoch, Sequence)>,
    records: i32,
    now: Timestamp,
) -> CheckedBatch {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.push(now, None, Some(b"value"), NO_HEADERS);
    }
    let mut options = BatchOptions::default();
    if let Some((id, epoch, sequence)) = producer {
        options = BatchOptions {
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: sequence,
            ..options
        };
    }
    validate(builder.finish(&options), &BatchRules::default()).expect("it was only just built")
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::Reply { ticket, produced, when } => {
            format!("= ticket={} {} when={when:?}", ticket.0, produced_text(produced))
        }
        Effect::Refuse { ticket, error } => format!("! ticket={} {error}", ticket.0),
        Effect::WakeFetches { end } => format!("wake fetches, end={end}"),
    }
}

fn produced_text(produced: &Produced) -> String {
    let Produced { base_offset, log_append_time, log_start: _, acks, durability, duplicate } =
        produced;
    let (acks, durability) = (acks.name(), durability.name());
    let mut text = format!("offset={base_offset} acks={acks} durability={durability}");
    if let Some(time) = log_append_time {
        write!(text, " append_time={time}").expect("a string takes anything");
    }
    if *duplicate {
        text.push_str(" duplicate");
    }
    text
}

fn refused<E: std::fmt::Display>(result: Result<(), E>) -> Option<String> {
    result.err().map(|error| format!("! {error}"))
}

fn answer<E: std::fmt::Display>(result: Result<Offset, E>) -> Option<String> {
    Some(match result {
        Ok(offset) => format!("= {offset}"),
        Err(error) => format!("! {error}"),
    })
}

/// The words after a verb.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        let pairs = self.0.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn find<T: std::str::FromStr<Err = std::num::ParseIntError>>(&self, key: &str) -> Option<T> {
        self.text(key).map(|text| text.parse().expect("a number"))
    }

    fn get<T: std::str::FromStr<Err = std::num::ParseIntError>>(&self, key: &str) -> T {
        self.find(key).unwrap_or_else(|| panic!("`{key}` is missing"))
    }

    fn offset(&self) -> Offset {
        Offset(self.0.parse().expect("a number"))
    }
}
