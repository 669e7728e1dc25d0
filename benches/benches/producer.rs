//! What a record costs its sender: many records a call, and a call and a delivery for every record. Against a broker
//! in this process that keeps `relaxed` topics.
//!
//! `cargo bench -p ottla-benches --bench producer`; in `cargo test` each runs with a few records. "Sender" is the CPU of
//! the thread that calls, which does nothing else; "process" is that of everything, the broker included.

use std::time::Instant;

use ottla_client::{Client, NewTopic};
use ottla_producer::{Producer, Record, TopicProducer};

/// As the `ottla` binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Deliveries that are kept before the oldest are awaited.
const DELIVERIES_KEPT: usize = 50_000;

/// Records of one call.
const MANY: usize = 2_000;

#[derive(Clone, Copy, Debug)]
enum How {
    Many,
    Each,
}

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    println!("| record | how | million/s | sender ns | process ns |");
    println!("|---|---|---|---|---|");
    for (bytes, records) in [(100, 20_000_000), (1024, 4_000_000)] {
        for how in [How::Many, How::Each] {
            run(bytes, how, if full { records } else { 10_000 });
        }
    }
}

fn run(bytes: usize, how: How, records: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // On the thread that calls `block_on`, the tasks of the client run on others.
    runtime.block_on(async {
        let server = ottla_server::testing::start().await;
        let client = Client::connect(server.grpc()).await.expect("it is there");
        let topic = NewTopic::new("bench").partitions(16).set("durability", "relaxed");
        client.admin().create_topic(topic).await.expect("it is new");
        let producer = Producer::builder(&client).build().await.expect("defaults are sound");
        let topic = producer.topic("bench").await.expect("it was made");
        let value = vec![7; bytes];
        let (began, sender, process) = (Instant::now(), cpu("thread-self"), cpu("self"));
        match how {
            How::Many => many(&topic, &value, records).await,
            How::Each => each(&topic, &value, records).await,
        }
        let sender = (cpu("thread-self") - sender) * 1e9 / records as f64;
        producer.flush().await.expect("the driver runs");
        let process = (cpu("self") - process) * 1e9 / records as f64;
        let rate = records as f64 / began.elapsed().as_secs_f64() / 1e6;
        println!("| {bytes} B | {how:?} | {rate:.2} | {sender:.0} | {process:.0} |");
        assert_eq!(producer.metrics().records_delivered, records as u64);
    });
}

async fn many(topic: &TopicProducer, value: &[u8], records: usize) {
    for _ in 0..records / MANY {
        let call = topic.send_many((0..MANY).map(|_| Record::new(value)));
        // The flush at the end waits for all of them.
        drop(call.await.expect("the topic is there"));
    }
}

async fn each(topic: &TopicProducer, value: &[u8], records: usize) {
    let mut deliveries = std::collections::VecDeque::with_capacity(DELIVERIES_KEPT);
    for _ in 0..records {
        if deliveries.len() == DELIVERIES_KEPT {
            for delivery in deliveries.drain(..DELIVERIES_KEPT / 2) {
                delivered(delivery).await;
            }
        }
        deliveries.push_back(topic.send(Record::new(value)).await.expect("the topic is there"));
    }
    for delivery in deliveries {
        delivered(delivery).await;
    }
}

async fn delivered(delivery: ottla_producer::Delivery) {
    delivery.await.expect("it is delivered");
}

/// Seconds of CPU so far; `/proc` counts hundredths.
fn cpu(of: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{of}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
