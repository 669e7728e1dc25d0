//! Both doors at once: what is written at one is read at the other, byte for byte and header for header.

use std::time::Duration;

use bytes::Bytes;
use ottla_consumer::{Client, ConsumedRecord, Consumer, Start};
use ottla_kafka_codec::Records;
use ottla_kafka_codec::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use ottla_model::Timestamp;
use ottla_producer::{Compression, Producer, Record};
use ottla_record::{BatchBuilder, BatchOptions, BatchView, Batches, RecordHeader, Scratch};
use ottla_server::testing::TestServer;

use support::Client as Kafka;
use support::fetch_all;

#[path = "door/support.rs"]
#[allow(dead_code, reason = "the door's own tests use the rest")]
mod support;

/// A record as both doors show it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

type Header = (&'static str, Option<&'static [u8]>);
/// Timestamp, key, value, headers.
type Made = (i64, Option<&'static [u8]>, Option<&'static [u8]>, &'static [Header]);

/// Keys and values there and not, empty and not; headers of the same key, without a value, none.
const RECORDS: [Made; 4] = [
    (
        1_700_000_000_000,
        Some(b"k"),
        Some(b"v"),
        &[("h", Some(b"1")), ("h", Some(b"2")), ("", None)],
    ),
    (1_600_000_000_000, None, Some(b"\0\xff"), &[]),
    (1_700_000_000_001, Some(b""), Some(b""), &[("empty", Some(b""))]),
    (1_700_000_000_002, Some(b"gone"), None, &[]),
];

fn expected(from: i64) -> Vec<Seen> {
    let owned = |bytes: &[u8]| bytes.to_vec();
    let seen = |(place, (timestamp, key, value, headers)): (i64, &Made)| Seen {
        offset: from + place,
        timestamp: *timestamp,
        key: key.map(owned),
        value: value.map(owned),
        headers: headers.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.map(owned))).collect(),
    };
    (0..).zip(&RECORDS).map(seen).collect()
}

fn of_consumer(record: &ConsumedRecord) -> Seen {
    Seen {
        offset: record.offset().0,
        timestamp: record.timestamp().0,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: record.headers().map(|(k, v)| (k.to_vec(), v.map(<[u8]>::to_vec))).collect(),
    }
}

/// Reads what a Kafka client was answered.
fn of_batches(bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for batch in Batches::new(bytes) {
        let view: BatchView<'_> = batch.expect("whole batches");
        view.verify_crc().expect("as they were sent");
        let mut scratch = Scratch::new();
        for record in view.records(&mut scratch, 1 << 20).expect("records") {
            let record = record.expect("a record");
            let headers = record.headers();
            seen.push(Seen {
                offset: record.offset.0,
                timestamp: record.timestamp.0,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: headers.map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect(),
            });
        }
    }
    seen
}

async fn grpc(server: &TestServer) -> Client {
    Client::connect(server.grpc()).await.expect("the gRPC door is open")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_over_grpc_is_read_over_kafka() {
    let server = ottla_server::testing::start().await;
    let mut kafka = Kafka::connect(&server.kafka());
    kafka.create_topic("t", 1);
    let client = grpc(&server).await;
    for (round, compression) in (0..).zip(Compression::ALL) {
        let producer = Producer::builder(&client).compression(compression).build().await;
        let producer = producer.expect("a producer");
        let topic = producer.topic("t").await.expect("the topic is there");
        for (timestamp, key, value, headers) in RECORDS {
            let mut record = match value {
                Some(value) => Record::new(value),
                None => Record::tombstone(key.expect("a tombstone has a key")),
            };
            if let Some(key) = key {
                record = record.key(key);
            }
            let record = record.headers(headers).timestamp(Timestamp(timestamp));
            topic.send(record).await.expect("room").await.expect("acknowledged");
        }
        producer.close().await.expect("everything is sent");
        let from = 4 * round;
        assert_eq!(
            of_batches(&fetch_all(&mut kafka, "t", from)),
            expected(from),
            "{compression:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_over_kafka_is_read_over_grpc() {
    let server = ottla_server::testing::start().await;
    let mut kafka = Kafka::connect(&server.kafka());
    kafka.create_topic("t", 1);
    let mut all = Vec::new();
    for (round, compression) in (0..).zip(Compression::ALL) {
        let mut builder = BatchBuilder::new();
        for (timestamp, key, value, headers) in RECORDS {
            let headers = headers.iter().map(|(key, value)| RecordHeader::new(key, *value));
            builder.push(Timestamp(timestamp), key, value, headers);
        }
        let batch = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
        assert_eq!(produce_one(&mut kafka, "t", batch), (0, 4 * round));
        all.extend(expected(4 * round));
    }
    let mut consumer = Consumer::builder(&grpc(&server).await).build().await.expect("a consumer");
    consumer.assign_topic("t", Start::Earliest).await.expect("the topic is there");
    let mut seen = Vec::new();
    while seen.len() < all.len() {
        let batch = tokio::time::timeout(Duration::from_secs(20), consumer.next_batch()).await;
        seen.extend(batch.expect("in time").expect("records").records().map(|r| of_consumer(&r)));
    }
    assert_eq!(seen, all);
}

/// Sends a batch to partition 0: the code and offset that it gets.
fn produce_one(client: &mut Kafka, topic: &str, batch: Bytes) -> (i16, i64) {
    let data = PartitionProduceData { index: 0, records: Some(Records(vec![batch])) };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![topic],
    };
    let reply = client.ask(9, &request);
    let answer = &reply.read::<ProduceResponse<'_>>().responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset)
}
