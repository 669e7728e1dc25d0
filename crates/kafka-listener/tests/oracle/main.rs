//! The same requests to Ottla and to Kafka, answers compared: against the recorded ones everywhere, and against a Kafka
//! that runs where there is one.
//!
//! A script ([`script`]) is run over one connection; each answer becomes one line ([`shown`]), with ids, times and the
//! wording of errors taken out. What Kafka 4.3.1 answered lies in `kafka-4.3.1.txt`. Lines that differ on purpose are in
//! [`DIFFERENCES`], with the reason; a difference that is not there any more fails the test too.
//!
//! To compare with a Kafka that runs: `KAFKA_ORACLE=127.0.0.1:19092 cargo test -p ottla-kafka-listener --test oracle`
//! (node id 1, an empty cluster of one broker). To record it anew, also set `UPDATE_EXPECT=1`.

mod client;
mod differences;
mod script;
mod shown;

use client::Client;
use differences::DIFFERENCES;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/kafka-4.3.1.txt");

fn lines_of(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn ottla_answers_as_kafka_did() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(ottla_server::testing::start());
    let ours = script::run(Client::connect(&server.kafka()));
    let ours = lines_of(&ours);
    let recorded = std::fs::read_to_string(RECORDED).expect("the record is there");
    let kafkas = lines_of(&recorded);
    let mut unexplained = String::new();
    for (ours, kafkas) in ours.iter().zip(&kafkas) {
        let (name, _) = ours.split_once(": ").expect("every line has a name");
        let explained = DIFFERENCES.iter().any(|(of, _)| *of == name);
        if (ours == kafkas) == explained {
            unexplained.push_str(&format!("ottla {ours}\nkafka {kafkas}\n\n"));
        }
    }
    assert_eq!(ours.len(), kafkas.len(), "record the oracle anew: the script has changed");
    assert!(unexplained.is_empty(), "\n{unexplained}");
}

#[test]
fn kafka_answers_as_it_did() {
    let Ok(address) = std::env::var("KAFKA_ORACLE") else {
        return eprintln!("SKIPPED: no Kafka to compare with; set KAFKA_ORACLE to its address");
    };
    let now = script::run(Client::connect(&address));
    let now = format!("# Recorded from Apache Kafka 4.3.1.\n{now}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(RECORDED, now).expect("the record can be written");
    } else {
        let recorded = std::fs::read_to_string(RECORDED).expect("the record is there");
        assert_eq!(lines_of(&now), lines_of(&recorded));
    }
}
