//! The producer against a real broker, over a network that fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use ottla_client::produce::ProduceEvent;
use ottla_client::{Client, NewTopic};
use ottla_consumer::{Consumer, Start};
use ottla_model::{ByteCount, KIB, Offset, PartitionId, Timestamp};
use ottla_producer::{Compression, Producer, ProducerError, Record};
use ottla_testkit::Proxy;

async fn topic(client: &Client, name: &str, partitions: u32) {
    let topic = NewTopic::new(name).partitions(partitions);
    client.admin().create_topic(topic).await.expect("the topic is new");
}

/// The values of every partition of a topic, from its beginning to its end now.
async fn everything(client: &Client, name: &str) -> BTreeMap<u32, Vec<String>> {
    let description = client.admin().describe_topic(name).await.expect("it exists");
    let consumer = Consumer::builder(client).build().await.expect("the defaults are sound");
    consumer.assign_topic(name, Start::Earliest).await.expect("it exists");
    let mut consumer = consumer;
    let ends = description.partitions.iter();
    let count: i64 = ends.map(|p| p.high_watermark.expect("it is led").0).sum();
    let mut values: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for _ in 0..count {
        let next = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
        let record = next.expect("in time").expect("it never ends").expect("a record");
        let of_partition = values.entry(record.partition().0).or_default();
        assert_eq!(record.offset(), Offset(of_partition.len() as i64), "no gap, no repeat");
        let value = record.value().expect("none is a tombstone");
        of_partition.push(String::from_utf8(value.to_vec()).expect("it was text"));
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_arrives_as_it_was_sent_in_every_codec() {
    let server = ottla_server::testing::start().await;
    let client = Client::connect(server.grpc()).await.unwrap();
    for codec in Compression::ALL {
        let name = format!("codec-{codec}");
        topic(&client, &name, 3).await;
        let producer = Producer::builder(&client).compression(codec).build().await.unwrap();
        let topic = producer.topic(&name).await.unwrap();
        let headers = [("trace", Some(&b"1"[..])), ("trace", None), ("", Some(b"2"))];
        let record = Record::new("value").key("key").headers(&headers).timestamp(Timestamp(77));
        let delivered = topic.send(record).await.unwrap().await.unwrap();
        let tombstone = Record::tombstone("key").partition(delivered.partition);
        let second = topic.send(tombstone).await.unwrap().await.unwrap();
        assert_eq!((delivered.offset, second.offset), (Offset(0), Offset(1)), "{codec}");

        let mut consumer = Consumer::builder(&client).build().await.unwrap();
        consumer.assign(&name, delivered.partition, Start::Earliest).await.unwrap();
        let first = consumer.next().await.unwrap().unwrap();
        assert_eq!(first.key(), Some(&b"key"[..]));
        assert_eq!(first.value(), Some(&b"value"[..]));
        assert_eq!(first.timestamp(), Timestamp(77));
        let expected = headers.map(|(key, value)| (key.as_bytes(), value));
        assert_eq!(first.headers().collect::<Vec<_>>(), expected);
        let second = consumer.next().await.unwrap().unwrap();
        assert_eq!((second.key(), second.value()), (Some(&b"key"[..]), None));
        assert_eq!(second.headers().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stay_together_as_kafka_puts_them_and_the_rest_is_spread() {
    let server = ottla_server::testing::start().await;
    let client = Client::connect(server.grpc()).await.unwrap();
    topic(&client, "spread", 4).await;
    let producer = Producer::builder(&client).batch_bytes(ByteCount(KIB)).build().await.unwrap();
    let topic = producer.topic("spread").await.unwrap();
    for key in ["a", "b", "hello world", ""] {
        let kafka = ottla_record::partitioner::partition_for_key(key.as_bytes(), 4);
        let delivered = topic.send(Record::new("x").key(key)).await.unwrap().await.unwrap();
        assert_eq!(delivered.partition, kafka, "{key}");
    }
    let records: Vec<_> = (0..2000).map(|number| format!("{number:05}")).collect();
    let many = topic.send_many(records.iter().map(Record::new)).await.unwrap().await.unwrap();
    assert_eq!(many.records, 2000);
    let mut share = [0; 4];
    for run in &many.runs {
        share[run.first.partition.0 as usize] += run.records;
    }
    assert!(share.iter().all(|records| (400..600).contains(records)), "{share:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_are_added_are_used() {
    let server = ottla_server::testing::start().await;
    let mut config = ottla_client::ClientConfig::new(&server.grpc());
    config.metadata_age_max = Duration::from_millis(20);
    let client = Client::connect(config).await.unwrap();
    topic(&client, "growing", 1).await;
    let producer = Producer::builder(&client).build().await.unwrap();
    let topic = producer.topic("growing").await.unwrap();
    client.admin().add_partitions("growing", 3).await.unwrap();
    let grown = async {
        while topic.partitions() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), grown).await.expect("they are noticed");
    let last = Record::new("x").partition(PartitionId(2));
    assert_eq!(topic.send(last).await.unwrap().await.unwrap().offset, Offset(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_is_refused_by_name() {
    let server = ottla_server::testing::start().await;
    let client = Client::connect(server.grpc()).await.unwrap();
    topic(&client, "refusals", 2).await;
    let producer = Producer::builder(&client).build().await.unwrap();
    let error = producer.topic("refusal").await.unwrap_err();
    assert!(error.to_string().contains("did you mean refusals"), "{error}");
    let topic = producer.topic("refusals").await.unwrap();
    let error = topic.send(Record::new("x").partition(PartitionId(2))).await.unwrap_err();
    assert_eq!(error.to_string(), "topic refusals has no partition 2, only 2 from 0 on");
    let error = topic.send(Record::new(&vec![0; 2_000_000])).await.unwrap_err();
    assert!(matches!(error, ProducerError::RecordTooLarge { .. }), "{error}");
    let large = vec![7; 900_000];
    topic.send(Record::new(&large)).await.unwrap().await.expect("it fits a batch of its own");
    producer.close().await.unwrap();
    assert_eq!(topic.send(Record::new("x")).await.unwrap_err(), ProducerError::Closed);
}

/// I1, I2: whatever the network does, once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_and_lost_answers_neither_duplicate_nor_reorder() {
    let server = ottla_server::testing::start().await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let direct = Client::connect(server.grpc()).await.unwrap();
    topic(&direct, "faults", 3).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    let producer =
        Producer::builder(&client).batch_bytes(ByteCount(4 * KIB)).build().await.unwrap();
    let topic = producer.topic("faults").await.unwrap();
    let mut deliveries = Vec::new();
    for number in 0..6000_u32 {
        let value = format!("{number:06}");
        let partition = PartitionId(number % 3);
        let record = Record::new(&value).partition(partition);
        deliveries.push(topic.send(record).await.unwrap());
        match number % 600 {
            200 => proxy.cut(),
            400 => proxy.mute(true),
            450 => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                proxy.cut();
                proxy.mute(false);
            }
            _ if number % 20 == 0 => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => {}
        }
    }
    producer.flush().await.unwrap();
    let mut offsets: BTreeMap<u32, Vec<Offset>> = BTreeMap::new();
    for delivery in deliveries {
        let delivered = delivery.await.expect("everything is delivered in the end");
        offsets.entry(delivered.partition.0).or_default().push(delivered.offset);
    }
    let metrics = producer.metrics();
    assert!(metrics.retries > 0 && metrics.disconnects > 0, "the network failed: {metrics:?}");
    assert!(proxy.swallowed() > 0, "answers were lost");
    for (partition, values) in everything(&direct, "faults").await {
        let sent = (0..6000).filter(|number| number % 3 == partition);
        let sent: Vec<_> = sent.map(|number| format!("{number:06}")).collect();
        assert_eq!(values, sent, "partition {partition}");
        let expected: Vec<_> = (0..sent.len() as i64).map(Offset).collect();
        assert_eq!(offsets[&partition], expected, "I3: the offsets told are those of the log");
    }
}

/// I1, I2 when batches are compressed side by side, large ones and small ones in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compression_beside_the_sending_keeps_the_order() {
    let server = ottla_server::testing::start().await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let direct = Client::connect(server.grpc()).await.unwrap();
    topic(&direct, "packed", 2).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    let producer = Producer::builder(&client)
        .compression(Compression::Zstd)
        .batch_bytes(ByteCount(32 * KIB))
        .build()
        .await
        .unwrap();
    let topic = producer.topic("packed").await.unwrap();
    let mut sent = [Vec::new(), Vec::new()];
    for burst in 0..60_usize {
        // From one small record to several full batches.
        for number in 0..[1, 3, 40, 400][burst % 4] {
            let partition = burst / 4 % 2;
            let value = format!("{burst:03}-{number:04} {}", "x".repeat(300));
            let record = Record::new(&value).partition(PartitionId(partition as u32));
            let _unwatched = topic.send(record).await.unwrap();
            sent[partition].push(value);
        }
        match burst % 20 {
            7 => proxy.cut(),
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    producer.flush().await.unwrap();
    let metrics = producer.metrics();
    let all = (sent[0].len() + sent[1].len()) as u64;
    assert_eq!((metrics.records_delivered, metrics.records_failed), (all, 0), "{metrics:?}");
    assert!(metrics.bytes_delivered < all * 150, "it was compressed: {metrics:?}");
    assert_eq!(metrics.buffer_bytes, 0, "all room is given back");
    let log = everything(&direct, "packed").await;
    assert_eq!([&log[&0], &log[&1]], [&sent[0], &sent[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_makes_callers_wait_and_loses_nobody() {
    let server = ottla_server::testing::start().await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let direct = Client::connect(server.grpc()).await.unwrap();
    topic(&direct, "full", 1).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    let producer = Producer::builder(&client)
        .batch_bytes(ByteCount(16 * KIB))
        .buffer_bytes_max(ByteCount(64 * KIB))
        .build()
        .await
        .unwrap();
    let topic = producer.topic("full").await.unwrap();
    topic.send(Record::new("first")).await.unwrap().await.unwrap();
    proxy.mute(true);
    let value = "x".repeat(1000);
    let mut taken = 1;
    let soon = Duration::from_millis(50);
    // A batch that is handed over gives back what it took in advance: so full is what is full again.
    for _ in 0..3 {
        let error = loop {
            match topic.try_send(Record::new(&value)) {
                Ok(_unwatched) => taken += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, ProducerError::BufferFull { size_max: ByteCount(64 * KIB) });
        tokio::time::sleep(soon).await;
    }
    assert!(producer.metrics().buffer_bytes <= 64 * KIB);
    assert!((40..=66).contains(&taken), "{taken} records of 1000 B in 64 KiB");
    // A call that is given up while it waits has not taken its record.
    let lost = format!("lost {value}");
    let waiting = tokio::time::timeout(soon, topic.send(Record::new(&lost))).await;
    assert!(waiting.is_err(), "there is no room");
    let later = topic.clone();
    let waits = format!("waited {value}");
    let waiter = tokio::spawn(async move { later.send(Record::new(&waits)).await });
    tokio::time::sleep(soon).await;
    assert!(!waiter.is_finished(), "there is no room yet");
    proxy.cut();
    proxy.mute(false);
    waiter.await.unwrap().unwrap().await.unwrap();
    producer.flush().await.unwrap();
    let values = everything(&direct, "full").await;
    assert_eq!(values[&0].len(), taken + 1);
    assert!(values[&0].iter().all(|value| !value.starts_with("lost")));
    assert_eq!(producer.metrics().buffer_bytes, 0, "all room is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_answered_in_time_is_given_up_as_unknown() {
    let server = ottla_server::testing::start().await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let direct = Client::connect(server.grpc()).await.unwrap();
    topic(&direct, "late", 1).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    let patience = Duration::from_millis(300);
    let producer = Producer::builder(&client).delivery_timeout(patience).build().await.unwrap();
    let topic = producer.topic("late").await.unwrap();
    topic.send(Record::new("0")).await.unwrap().await.unwrap();
    proxy.mute(true);
    let error = topic.send(Record::new("1")).await.unwrap().await.unwrap_err();
    assert!(matches!(error, ProducerError::TimedOutUnknown { .. }), "{error}");
    proxy.cut();
    proxy.mute(false);
    // The next goes under a new epoch; nothing is there twice.
    let next = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Ok(delivered) = topic.send(Record::new("2")).await.unwrap().await {
                return delivered;
            }
        }
    });
    next.await.expect("the producer recovers");
    let values = everything(&direct, "late").await;
    assert_eq!(values[&0], ["0", "1", "2"]);
    assert!(producer.metrics().epoch_bumps >= 1);
}

/// I1, I2 across the life of a broker: it is stopped and started again under a producer that goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_starts_again_has_every_record_once() {
    let directory = tempfile::tempdir().unwrap();
    let config = || ottla_server::ServerConfig {
        data_dir: directory.path().join("data"),
        grpc: ottla_server::ListenAddress::At(([127, 0, 0, 1], 0).into()),
        http: ottla_server::ListenAddress::Off,
        ..ottla_server::ServerConfig::default()
    };
    let mut server = ottla_server::Server::start(config()).await.unwrap();
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    topic(&client, "lives", 2).await;
    let producer = Producer::builder(&client).batch_bytes(ByteCount(KIB)).build().await.unwrap();
    let lives = producer.topic("lives").await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let sender = tokio::spawn(async move {
        let mut number = 0_u32;
        while !stopped.load(Ordering::Relaxed) || !number.is_multiple_of(100) {
            let value = format!("{number:06}");
            let record = Record::new(&value).partition(PartitionId(number % 2));
            let _unwatched = lives.send(record).await.unwrap();
            number += 1;
            if number.is_multiple_of(10) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        number
    });
    let first_life = life(&client).await;
    assert_eq!(life(&client).await, first_life, "one life has one name");
    for lives in 1..=3 {
        // Every life is connected to, and takes something.
        let before = producer.metrics().records_delivered;
        while producer.metrics().records_delivered < before + 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server = ottla_server::Server::start(config()).await.unwrap();
        proxy.retarget(server.grpc_address().unwrap());
        proxy.cut();
        while producer.metrics().disconnects < lives {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let sent = sender.await.unwrap();
    producer.close().await.unwrap();
    assert_ne!(life(&client).await, first_life, "every life has its own");
    let metrics = producer.metrics();
    let decided = (metrics.records_delivered, metrics.records_failed);
    assert_eq!(decided, (u64::from(sent), 0), "{metrics:?}");
    assert!(metrics.disconnects >= 3, "{metrics:?}");
    for (partition, values) in everything(&client, "lives").await {
        let sent = (0..sent).filter(|number| number % 2 == partition);
        let sent: Vec<_> = sent.map(|number| format!("{number:06}")).collect();
        assert_eq!(values, sent, "partition {partition}");
    }
}

/// Which life of the broker answers.
async fn life(client: &Client) -> bytes::Bytes {
    let cluster = client.admin().describe_cluster().await.unwrap();
    let (_sender, mut receiver) = client.open_produce(cluster.brokers[0].id).await.unwrap();
    match receiver.next().await.unwrap() {
        Some(ProduceEvent::Window { incarnation: Some(incarnation), .. }) => incarnation,
        other => panic!("a broker begins with its window and its life, not with {other:?}"),
    }
}
