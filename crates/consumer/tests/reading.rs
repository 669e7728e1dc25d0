//! The consumer against a real broker, over a network that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use ottla_client::NewTopic;
use ottla_consumer::{Client, ClientConfig, Consumer, ConsumerError, OutOfRange, Start};
use ottla_model::{ByteCount, KIB, Offset, PartitionId, Timestamp};
use ottla_producer::{Compression, Producer, Record};
use ottla_server::testing::TestServer;

const P0: PartitionId = PartitionId(0);

/// A server with a topic `numbers` whose partitions hold 0 to `count` - 1 each, the number as text
/// and as timestamp, in small batches.
async fn numbers(partitions: u32, count: u32) -> (TestServer, Client) {
    let server = ottla_server::testing::start().await;
    let client = Client::connect(server.grpc()).await.unwrap();
    let topic = NewTopic::new("numbers").partitions(partitions);
    client.admin().create_topic(topic).await.unwrap();
    append(&client, partitions, 0..count).await;
    (server, client)
}

async fn append(client: &Client, partitions: u32, numbers: std::ops::Range<u32>) {
    let producer = Producer::builder(client)
        .batch_bytes(ByteCount(2 * KIB))
        .compression(Compression::Lz4)
        .build()
        .await
        .unwrap();
    let topic = producer.topic("numbers").await.unwrap();
    let texts: Vec<_> = numbers.clone().map(|number| number.to_string()).collect();
    for partition in 0..partitions {
        let records = texts.iter().zip(numbers.clone()).map(|(text, number)| {
            let time = Timestamp(i64::from(number));
            Record::new(text).partition(PartitionId(partition)).timestamp(time)
        });
        topic.send_many(records).await.unwrap().await.unwrap();
    }
}

async fn next(consumer: &mut Consumer) -> Result<(PartitionId, i64), ConsumerError> {
    let next = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
    let record = next.expect("in time").expect("it never ends")?;
    let value = String::from_utf8(record.value().unwrap().to_vec()).unwrap();
    assert_eq!(value, record.offset().0.to_string(), "the number is the offset");
    Ok((record.partition(), record.offset().0))
}

async fn reader(client: &Client, start: Start) -> Consumer {
    let consumer = Consumer::builder(client).build().await.unwrap();
    consumer.assign_topic("numbers", start).await.unwrap();
    consumer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_start_begins_where_it_says() {
    let (_server, client) = numbers(1, 1000).await;
    for (start, first) in [
        (Start::Earliest, 0),
        (Start::Offset(Offset(513)), 513),
        (Start::Timestamp(Timestamp(700)), 700),
        (Start::Timestamp(Timestamp(-5)), 0),
    ] {
        let mut consumer = reader(&client, start).await;
        for expected in first..1000 {
            assert_eq!(next(&mut consumer).await.unwrap(), (P0, expected), "{start:?}");
        }
        assert_eq!(consumer.position("numbers", P0), Some(Offset(1000)));
        assert_eq!(consumer.high_watermark("numbers", P0), Some(Offset(1000)));
    }
    for start in [Start::Latest, Start::Timestamp(Timestamp(5000))] {
        let mut consumer = reader(&client, start).await;
        let quiet = tokio::time::timeout(Duration::from_millis(100), consumer.next()).await;
        assert!(quiet.is_err(), "{start:?}: nothing is there yet");
        assert_eq!(consumer.position("numbers", P0), Some(Offset(1000)), "{start:?}");
    }
    let mut consumer = reader(&client, Start::Latest).await;
    let quiet = tokio::time::timeout(Duration::from_millis(100), consumer.next()).await;
    assert!(quiet.is_err());
    append(&client, 1, 1000..1010).await;
    assert_eq!(next(&mut consumer).await.unwrap(), (P0, 1000), "a tail is followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_seek_nothing_comes_that_was_fetched_before() {
    let (_server, client) = numbers(2, 3000).await;
    let mut consumer = Consumer::builder(&client).build().await.unwrap();
    consumer.assign("numbers", P0, Start::Earliest).await.unwrap();
    for turn in 0..200_i64 {
        let there = (turn * 977) % 2900;
        consumer.seek("numbers", P0, Start::Offset(Offset(there))).unwrap();
        assert_eq!(consumer.position("numbers", P0), Some(Offset(there)));
        for offset in there..there + turn % 7 + 1 {
            assert_eq!(next(&mut consumer).await.unwrap(), (P0, offset), "turn {turn}");
        }
    }
    consumer.seek("numbers", P0, Start::Earliest).unwrap();
    assert_eq!(next(&mut consumer).await.unwrap(), (P0, 0));
    let rest = consumer.next_batch().await.unwrap();
    assert_eq!(
        rest.get(0).map(|record| record.offset()),
        Some(Offset(1)),
        "nothing is passed over"
    );
    assert_eq!(consumer.position("numbers", P0), Some(rest.next_offset()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_partition_is_silent_and_goes_on_where_it_stopped() {
    let (_server, client) = numbers(2, 2000).await;
    let mut consumer = reader(&client, Start::Earliest).await;
    let one = PartitionId(1);
    let mut read = [0_i64; 2];
    for _ in 0..500 {
        let (partition, offset) = next(&mut consumer).await.unwrap();
        assert_eq!(offset, read[partition.0 as usize]);
        read[partition.0 as usize] += 1;
    }
    consumer.pause("numbers", P0).unwrap();
    while read[1] < 2000 {
        assert_eq!(next(&mut consumer).await.unwrap(), (one, read[1]));
        read[1] += 1;
    }
    consumer.resume("numbers", P0).unwrap();
    while read[0] < 2000 {
        assert_eq!(next(&mut consumer).await.unwrap(), (P0, read[0]));
        read[0] += 1;
    }
    consumer.unassign("numbers", one).unwrap();
    assert_eq!(consumer.assignment().len(), 1);
    let error = consumer.seek("numbers", one, Start::Earliest).unwrap_err();
    assert!(matches!(error, ConsumerError::NotAssigned { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_is_not_there_is_handled_as_chosen() {
    let (_server, client) = numbers(1, 100).await;
    client.admin().delete_records("numbers", P0, Offset(40)).await.unwrap();
    for (policy, position) in [(OutOfRange::Earliest, 40), (OutOfRange::Latest, 100)] {
        for lost in [3, 500] {
            let consumer = Consumer::builder(&client).out_of_range(policy).build().await.unwrap();
            consumer.assign("numbers", P0, Start::Offset(Offset(lost))).await.unwrap();
            let mut consumer = consumer;
            let next = tokio::time::timeout(Duration::from_millis(200), consumer.next()).await;
            match policy {
                OutOfRange::Latest => assert!(next.is_err()),
                _ => assert_eq!(next.unwrap().unwrap().unwrap().offset(), Offset(position)),
            }
        }
    }
    let mut consumer = reader(&client, Start::Offset(Offset(3))).await;
    let error = next(&mut consumer).await.unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("numbers-0 has no offset 3 ("), "{said}");
    consumer.seek("numbers", P0, Start::Offset(Offset(41))).unwrap();
    assert_eq!(next(&mut consumer).await.unwrap(), (P0, 41), "a seek heals it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unknown_is_named() {
    let (_server, client) = numbers(1, 1).await;
    let consumer = Consumer::builder(&client).build().await.unwrap();
    let error = consumer.assign_topic("number", Start::Earliest).await.unwrap_err();
    assert!(error.to_string().contains("did you mean numbers"), "{error}");
    let error = consumer.assign("numbers", PartitionId(1), Start::Earliest).await.unwrap_err();
    assert_eq!(error.to_string(), "topic numbers has partitions 0 to 0, not 1");
    consumer.assign_topic("numbers", Start::Earliest).await.unwrap();
    let error = consumer.assign("numbers", P0, Start::Earliest).await.unwrap_err();
    assert_eq!(error.to_string(), "numbers-0 is assigned already; use `seek` to read elsewhere");
    let seen: BTreeSet<_> = consumer.assignment().into_iter().map(|(_, p)| p).collect();
    assert_eq!(seen, BTreeSet::from([P0]));
}

/// Partitions that are added are read from their beginning, whatever the start was; but for those that
/// nobody wants any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_partitions_are_read_from_their_beginning() {
    let (server, direct) = numbers(2, 50).await;
    let mut config = ClientConfig::new(&server.grpc());
    config.metadata_age_max = Duration::from_millis(20);
    let client = Client::connect(config).await.unwrap();
    let mut consumer = reader(&client, Start::Latest).await;
    consumer.unassign("numbers", P0).unwrap();
    direct.admin().add_partitions("numbers", 4).await.unwrap();
    append(&direct, 4, 0..50).await;
    let mut read = [0_i64, 50, 0, 0];
    while read[1..] != [100, 50, 50] {
        let record = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
        let record = record.expect("in time").expect("it never ends").unwrap();
        let partition = record.partition().0 as usize;
        // The start after the newest record may be looked up after some were appended.
        if partition == 1 && read[1] == 50 {
            read[1] = record.offset().0;
        }
        assert_eq!(record.offset().0, read[partition], "partition {partition}");
        read[partition] += 1;
    }
    let assigned: Vec<_> = consumer.assignment().into_iter().map(|(_, p)| p.0).collect();
    assert_eq!(assigned, [1, 2, 3]);
    direct.admin().delete_topic("numbers").await.unwrap();
    let mut failures = BTreeSet::new();
    while failures.len() < 3 {
        let next = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
        let error = next.expect("in time").expect("it never ends").unwrap_err();
        failures.insert(format!("{error} {}", failures.len()));
    }
    let quiet = tokio::time::timeout(Duration::from_millis(100), consumer.next()).await;
    assert!(quiet.is_err(), "each partition fails once: {quiet:?}");
}

/// regression: a consumer that only followed a topic waited for ever when that was deleted, or made again
/// under the same name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_only_follows_a_topic_learns_that_it_is_gone() {
    let (server, direct) = numbers(1, 0).await;
    let mut config = ClientConfig::new(&server.grpc());
    config.metadata_age_max = Duration::from_millis(50);
    let client = Client::connect(config).await.unwrap();
    for made_again in [false, true] {
        let mut consumer = Consumer::builder(&client).build().await.unwrap();
        consumer.follow_topic("numbers").await.unwrap();
        direct.admin().delete_topic("numbers").await.unwrap();
        if made_again {
            direct.admin().create_topic(NewTopic::new("numbers")).await.unwrap();
        }
        let error = next(&mut consumer).await.unwrap_err();
        assert!(matches!(error, ConsumerError::TopicGone { .. }), "{error}");
        let quiet = tokio::time::timeout(Duration::from_millis(200), consumer.next()).await;
        assert!(quiet.is_err(), "it is told once: {quiet:?}");
        if !made_again {
            direct.admin().create_topic(NewTopic::new("numbers").partitions(1)).await.unwrap();
        }
    }
}
