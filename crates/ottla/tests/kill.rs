//! A real broker process, killed with SIGKILL under load and started again while the producer just goes on: every record
//! is there, in order, once (invariants L4, I1, I2).

mod broker;

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::{Client, NewTopic};
use ottla_consumer::{Consumer, Start};
use ottla_producer::{Producer, Record};

use crate::broker::Broker;

const PARTITIONS: u32 = 3;
const KILLS: u64 = 6;
const RECORDS_PER_CALL: u64 = 50;

#[test]
fn every_record_survives_kills_once_and_in_order() {
    let mut broker = Broker::start();
    let address = broker.address();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = runtime.block_on(async {
        let client = Client::connect(address.as_str()).await.unwrap();
        let topic = NewTopic::new("kills").partitions(PARTITIONS);
        client.admin().create_topic(topic).await.unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let sending = tokio::spawn(send(client, stopped));
        for kill in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(150 + 70 * (kill % 3))).await;
            broker.kill();
            broker.start_again();
        }
        stop.send(true).unwrap();
        sending.await.unwrap()
    });
    let read = runtime.block_on(read(&address, sent));
    check(&read, sent);
    broker.stop_cleanly();
}

/// Sends numbered records until told to stop; every one is acknowledged. Answers how many there were.
async fn send(client: Client, stopped: tokio::sync::watch::Receiver<bool>) -> u64 {
    let producer = Producer::builder(&client).build().await.unwrap();
    let topic = producer.topic("kills").await.unwrap();
    let mut number = 0_u64;
    let mut deliveries = Vec::new();
    while !*stopped.borrow() {
        let texts: Vec<String> =
            (number..number + RECORDS_PER_CALL).map(|n| n.to_string()).collect();
        let keys: Vec<String> =
            (number..number + RECORDS_PER_CALL).map(|n| format!("key-{}", n % 17)).collect();
        let records = texts.iter().zip(&keys).map(|(text, key)| Record::new(text).key(key));
        deliveries.push(topic.send_many(records).await.unwrap());
        number += RECORDS_PER_CALL;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap().records, RECORDS_PER_CALL);
    }
    producer.close().await.unwrap();
    number
}

/// The numbers of all records, by partition, in the order of their offsets.
async fn read(address: &str, expected: u64) -> BTreeMap<u32, Vec<u64>> {
    let client = Client::connect(address).await.unwrap();
    let mut consumer = Consumer::builder(&client).build().await.unwrap();
    consumer.assign_topic("kills", Start::Earliest).await.unwrap();
    let mut found: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut count = 0;
    while count < expected {
        let next = tokio::time::timeout(Duration::from_secs(20), consumer.next_batch()).await;
        let batch = next.expect("the rest comes in time").unwrap();
        for record in batch.records() {
            let text = String::from_utf8(record.value().unwrap().to_vec()).unwrap();
            let numbers = found.entry(record.partition().0).or_default();
            assert_eq!(record.offset().0, numbers.len() as i64, "offsets have no holes");
            numbers.push(text.parse().unwrap());
            count += 1;
        }
    }
    found
}

fn check(read: &BTreeMap<u32, Vec<u64>>, sent: u64) {
    let mut all: Vec<u64> = read.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..sent).collect::<Vec<_>>(), "every record is there once");
    for (partition, numbers) in read {
        assert!(numbers.is_sorted(), "partition {partition} is not in the order of sending");
    }
}
