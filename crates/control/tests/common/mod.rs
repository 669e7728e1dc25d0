//! Scenarios as text: one request a line, and the whole trace of what came of it.
//!
//! ```text
//! register 1 dir=a               create NAME partitions=2 key=value validate
//! add NAME 5 validate            alter NAME set:key=value unset:key validate
//! delete NAME                    ids BROKER EPOCH
//! ```
//!
//! `+` is a record that is written, `=` the answer once it is durable, `!` a refusal. Topic ids are
//! replaced by `<1>`, `<2>` in the order in which they appear.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write;

use expect_test::Expect;
use ottla_control::{ControlSettings, decide, found, replay};
use ottla_metadata::request::{
    AddPartitions, AllocateProducerIds, AlterTopicConfig, ControllerRequest, CreateTopic,
    DeleteTopic, RegisterBroker, TopicRef,
};
use ottla_metadata::{Image, MetadataRecord};
use ottla_model::{BrokerId, ClusterId, DirectoryId, Rng, Timestamp, TopicId, TopicName};

/// A controller without a log: what is decided is pending at once.
pub(crate) struct World {
    pub(crate) image: Image,
    pub(crate) settings: ControlSettings,
    ids: Rng,
    seen: Vec<TopicId>,
    trace: String,
}

/// Runs a scenario in a cluster of one broker, and compares the trace.
pub(crate) fn check(script: &str, expect: Expect) {
    let mut world = World::with_broker();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.run(line);
    }
    expect.assert_eq(&world.trace);
}

impl World {
    pub(crate) fn new() -> Self {
        let mut image = Image::default();
        let cluster = ClusterId::from_bytes([1; 16]);
        replay(&mut image, &found(cluster, Timestamp(1))).expect("a cluster begins");
        let settings = ControlSettings { cluster_partitions_max: 10, ..Default::default() };
        let (seen, trace) = (Vec::new(), String::new());
        Self { image, settings, ids: Rng::from_number(1), seen, trace }
    }

    pub(crate) fn with_broker() -> Self {
        let mut world = Self::new();
        world.run("register 1 dir=1");
        world.trace.clear();
        world
    }

    pub(crate) fn run(&mut self, line: &str) {
        let request = parse(line);
        writeln!(self.trace, "{line}").expect("a string takes anything");
        match decide(&self.image, &request, &self.settings, &mut self.ids, Timestamp(2)) {
            Err(error) => self.say('!', &error.to_string()),
            Ok(decision) => {
                for record in &decision.records {
                    self.say_record(record);
                }
                replay(&mut self.image, &decision.records).expect("what is decided follows");
                let answer = format!("{:?}", decision.response);
                self.say('=', &answer);
            }
        }
    }

    fn say_record(&mut self, record: &MetadataRecord) {
        if let MetadataRecord::Topic(topic) = record {
            self.seen.push(topic.topic);
        }
        let text = String::from_utf8(record.encode()).expect("JSON is text");
        self.say('+', &text);
    }

    fn say(&mut self, mark: char, text: &str) {
        let mut text = text.to_owned();
        for (index, id) in self.seen.iter().enumerate() {
            text = text.replace(&id.to_string(), &format!("<{}>", index + 1));
        }
        writeln!(self.trace, "  {mark} {text}").expect("a string takes anything");
    }
}

fn parse(line: &str) -> ControllerRequest {
    let mut words = line.split_whitespace();
    let verb = words.next().expect("a line has a verb");
    let rest: Vec<&str> = words.collect();
    let validate_only = rest.contains(&"validate");
    let topic = || TopicRef::Name(name(rest[0]));
    match verb {
        "register" => ControllerRequest::RegisterBroker(RegisterBroker {
            broker: BrokerId(rest[0].parse().expect("a number")),
            directory: DirectoryId::from_bytes([number(pairs(&rest)[0].1); 16]),
            boot: "boot".to_owned(),
            endpoints: Vec::new(),
        }),
        "create" => ControllerRequest::CreateTopic(CreateTopic {
            name: name(rest[0]),
            partitions: pairs(&rest)
                .into_iter()
                .find(|(key, _)| *key == "partitions")
                .map(|(_, value)| number(value)),
            config: pairs(&rest)
                .into_iter()
                .filter(|(key, _)| *key != "partitions")
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            validate_only,
        }),
        "delete" => ControllerRequest::DeleteTopic(DeleteTopic { topic: topic() }),
        "add" => ControllerRequest::AddPartitions(AddPartitions {
            topic: topic(),
            partitions: number(rest[1]),
            validate_only,
        }),
        "alter" => ControllerRequest::AlterTopicConfig(AlterTopicConfig {
            topic: topic(),
            set: pairs(&rest)
                .into_iter()
                .filter_map(|(key, value)| Some((key.strip_prefix("set:")?, value)))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            unset: rest
                .iter()
                .filter_map(|word| word.strip_prefix("unset:"))
                .map(str::to_owned)
                .collect(),
            validate_only,
        }),
        "ids" => ControllerRequest::AllocateProducerIds(AllocateProducerIds {
            broker: BrokerId(number(rest[0])),
            broker_epoch: number(rest[1]),
        }),
        _ => panic!("there is no verb `{verb}`"),
    }
}

fn pairs<'a>(words: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    words.iter().filter_map(|word| word.split_once('=')).collect()
}

fn name(text: &str) -> TopicName {
    text.parse().expect("a scenario's names are good")
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> T {
    text.parse().expect("a number")
}
