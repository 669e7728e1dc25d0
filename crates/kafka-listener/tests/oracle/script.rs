//! What is asked, in order. Names of steps are stable: the recorded answers and the listed differences go by them.

#![allow(clippy::too_many_lines, reason = "a script is as long as it is")]

mod cluster;
mod fetches;
mod records;
mod settings;
mod topics;

use std::fmt::Write as _;

use bytes::Bytes;
use ottla_kafka_codec::messages::*;
use ottla_kafka_codec::{Message, Records};
use ottla_model::{ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{BatchBuilder, BatchOptions, Compression, NO_HEADERS};

use crate::client::{Body, Client};
use crate::shown::shown;

/// Runs the script and answers its lines.
pub(crate) fn run(client: Client) -> String {
    let mut script = Script { client, learned: Vec::new(), lines: String::new() };
    script.create_topics();
    script.metadata();
    script.produce();
    script.idempotence();
    script.timestamps();
    script.fetch();
    script.sessions();
    script.list_offsets();
    script.epochs();
    script.configs();
    script.delete_records();
    script.partitions();
    script.cluster();
    script.delete_topics();
    script.lines
}

struct Script {
    client: Client,
    /// What stands for values that no two clusters share.
    learned: Vec<(String, String)>,
    lines: String,
}

/// Asks, and shows the answer under a name.
macro_rules! step {
    ($script:ident, $name:expr, $version:expr, $answer:ty, $request:expr) => {{
        let name = format!("{} v{}", $name, $version);
        let body = $script.ask(&name, $version, &$request);
        if let Some(body) = &body {
            let answer = body.read::<$answer>();
            $script.show(&name, &answer);
        }
    }};
}
use step;

impl Script {
    fn ask<'a>(&mut self, name: &str, version: i16, request: &impl Message<'a>) -> Option<Body> {
        let body = self.client.ask(version, request);
        if body.is_none() {
            writeln!(self.lines, "{name}: the connection is closed").expect("a string");
            self.client = self.client.again();
        }
        body
    }

    fn show(&mut self, name: &str, answer: &impl std::fmt::Debug) {
        writeln!(self.lines, "{name}: {}", shown(answer, &self.learned)).expect("a string");
    }

    fn learn(&mut self, value: &impl std::fmt::Debug, name: &str) {
        self.learned.push((format!("{value:?}"), name.to_owned()));
    }
}

/// The timestamp of the first record of every batch.
const FIRST: i64 = 1_790_000_000_000;

fn plain(values: &[&str]) -> Bytes {
    batch(values, BatchOptions::default())
}

fn batch(values: &[&str], options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (place, value) in values.iter().enumerate() {
        builder.push(Timestamp(FIRST + place as i64), None, Some(value.as_bytes()), NO_HEADERS);
    }
    builder.finish(&options)
}

fn producing(topic: &str, index: i32, batches: Vec<Bytes>) -> produce::ProduceRequest<'_> {
    produce::ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![produce::TopicProduceData {
            name: topic.into(),
            partition_data: vec![produce::PartitionProduceData {
                index,
                records: Some(Records(batches)),
            }],
            ..Default::default()
        }],
    }
}
