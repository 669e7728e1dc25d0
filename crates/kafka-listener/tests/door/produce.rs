//! Batches in: acknowledged, refused, numbered.

use bytes::Bytes;
use ottla_kafka_codec::messages::init_producer_id::{
    InitProducerIdRequest, InitProducerIdResponse,
};
use ottla_kafka_codec::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use ottla_kafka_codec::{ErrorCode, Records};
use ottla_record::{BatchOptions, Compression};

use crate::support::{Client, Door, batch, batch_with, fetch_all, numbered};

/// A request with one batch for each partition from 0 on.
pub(crate) fn produce<'a>(topic: &'a str, batches: &[Bytes]) -> ProduceRequest<'a> {
    let data = |(index, batch): (i32, &Bytes)| PartitionProduceData {
        index,
        records: Some(Records(vec![batch.clone()])),
    };
    let partition_data = (0..).zip(batches).map(data).collect();
    ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn produced(
    client: &mut Client,
    version: i16,
    request: &ProduceRequest<'_>,
) -> PartitionProduceResponse<'static> {
    let reply = client.ask(version, request);
    let response = reply.read::<ProduceResponse<'_>>();
    let partition = &response.responses[0].partition_responses[0];
    PartitionProduceResponse {
        error_message: partition.error_message.clone().map(|m| m.into_owned().into()),
        record_errors: Vec::new(),
        ..partition.clone()
    }
}

/// The code and offset that one batch gets.
fn outcome(client: &mut Client, version: i16, batch: &Bytes) -> (ErrorCode, i64) {
    let answer = produced(client, version, &produce("t", std::slice::from_ref(batch)));
    (ErrorCode(answer.error_code), answer.base_offset)
}

#[test]
fn every_version_appends() {
    let door = Door::open();
    let mut client = door.client();
    let id = client.create_topic("t", 1);
    for version in 3..=13 {
        let mut request = produce("t", &[batch(&["a", "b"])]);
        request.topic_data[0].topic_id = id;
        let answer = produced(&mut client, version, &request);
        let expected = PartitionProduceResponse {
            base_offset: 2 * i64::from(version - 3),
            log_start_offset: if version >= 5 { 0 } else { -1 },
            ..Default::default()
        };
        assert_eq!(answer, expected, "version {version}");
    }
}

#[test]
fn without_acknowledgement_there_is_no_answer_and_an_error_closes() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let silent =
        |topic: &'static str| ProduceRequest { acks: 0, ..produce(topic, &[batch(&["quiet"])]) };
    client.send(9, &silent("t"));
    client.send(9, &silent("t"));
    // The next answer is the next request's.
    assert_eq!(outcome(&mut client, 9, &batch(&["loud"])), (ErrorCode::NONE, 2));
    client.send(9, &silent("nowhere"));
    assert_eq!(client.receive_frame(), None);
}

#[test]
fn what_is_wrong_with_a_batch_has_kafkas_code() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let good = batch(&["a"]);
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0xff;
        Bytes::from(bytes)
    };
    let transactional = BatchOptions { transactional: true, ..BatchOptions::default() };
    let zstd = BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() };
    let large = "x".repeat(2 * 1024 * 1024);
    let cases = [
        (9, flipped(good.len() - 1), ErrorCode::CORRUPT_MESSAGE, "bytes that changed"),
        (9, flipped(16), ErrorCode::CORRUPT_MESSAGE, "a format that never was"),
        (9, Bytes::from([&good[..], &good[..]].concat()), ErrorCode::INVALID_RECORD, "two batches"),
        (9, Bytes::new(), ErrorCode::INVALID_RECORD, "no batch"),
        (9, batch(&[&large]), ErrorCode::MESSAGE_TOO_LARGE, "too large"),
        (6, batch_with(&["a"], zstd), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "zstd before 7"),
        (
            9,
            batch_with(&["a"], transactional),
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            "a transaction without an id",
        ),
    ];
    for (version, batch, code, what) in cases {
        assert_eq!(outcome(&mut client, version, &batch), (code, -1), "{what}");
    }
    assert_eq!(outcome(&mut client, 9, &good), (ErrorCode::NONE, 0), "nothing was kept of them");
}

#[test]
fn what_is_wrong_with_a_request_has_kafkas_code() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let good = || produce("t", &[batch(&["a"])]);
    let mut other_partition = good();
    other_partition.topic_data[0].partition_data[0].index = 7;
    let mut no_partition = good();
    no_partition.topic_data[0].partition_data[0].index = -1;
    let mut no_topic_id = good();
    no_topic_id.topic_data[0].topic_id = [9; 16];
    let cases = [
        (9, ProduceRequest { acks: 2, ..good() }, ErrorCode::INVALID_REQUIRED_ACKS),
        (9, produce("nowhere", &[batch(&["a"])]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (9, produce("no topic", &[batch(&["a"])]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (9, other_partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (9, no_partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (13, no_topic_id, ErrorCode::UNKNOWN_TOPIC_ID),
        (
            9,
            ProduceRequest { transactional_id: Some("t".into()), ..good() },
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ),
    ];
    for (version, request, code) in cases {
        let answer = produced(&mut client, version, &request);
        assert_eq!(ErrorCode(answer.error_code), code, "{request:?}");
    }
}

#[test]
fn an_idempotent_producer_is_answered_the_same_when_it_repeats_itself() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let reply =
        client.ask(4, &InitProducerIdRequest { transactional_id: None, ..Default::default() });
    let id = reply.read::<InitProducerIdResponse>().producer_id;
    assert!(id >= 0);
    let mut sent = |epoch, sequence| outcome(&mut client, 9, &numbered(id, epoch, sequence));
    for sequence in 0..7 {
        assert_eq!(sent(0, sequence), (ErrorCode::NONE, i64::from(sequence)));
    }
    // The last five are remembered; older ones, and gaps, are out of order.
    assert_eq!(sent(0, 6), (ErrorCode::NONE, 6));
    assert_eq!(sent(0, 2), (ErrorCode::NONE, 2));
    assert_eq!(sent(0, 1), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    assert_eq!(sent(0, 9), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    // A new epoch begins at 0, and fences the old one.
    assert_eq!(sent(1, 3), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    assert_eq!(sent(1, 0), (ErrorCode::NONE, 7));
    assert_eq!(sent(0, 7), (ErrorCode::INVALID_PRODUCER_EPOCH, -1));
    // One that was never here begins at 0; Kafka takes any number (kafka-compat.md says why we do not).
    let unknown = outcome(&mut client, 9, &numbered(id + 500, 0, 40));
    assert_eq!(unknown, (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
}

#[test]
fn producers_get_an_identity_of_their_own_and_transactions_none() {
    let door = Door::open();
    let mut client = door.client();
    let mut ids = Vec::new();
    for version in 0..=5 {
        let ask = |transactional_id: Option<&'static str>| InitProducerIdRequest {
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let code = |reply: crate::support::Reply| {
            ErrorCode(reply.read::<InitProducerIdResponse>().error_code)
        };
        ids.push(client.ask(version, &ask(None)).read::<InitProducerIdResponse>().producer_id);
        assert_eq!(code(client.ask(version, &ask(Some("")))), ErrorCode::INVALID_REQUEST);
        let refused = code(client.ask(version, &ask(Some("tx"))));
        assert_eq!(refused, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    let first = ids[0];
    assert_eq!(ids, (first..first + 6).collect::<Vec<_>>());
}

#[test]
fn records_come_out_as_they_went_in() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let mut expected = Vec::new();
    for compression in Compression::ALL {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let batch = batch_with(&["one", "two", "three"], options);
        assert_eq!(outcome(&mut client, 9, &batch).0, ErrorCode::NONE);
        expected.push(batch);
    }
    let stored = fetch_all(&mut client, "t", 0);
    // All but offset and leader epoch, which the leader writes.
    let (mut at, mut offset) = (0, 0);
    for batch in expected {
        let (head, rest) = stored[at..at + batch.len()].split_at(16);
        assert_eq!(head[..8], i64::to_be_bytes(offset));
        assert_eq!(rest, &batch[16..]);
        at += batch.len();
        offset += 3;
    }
    assert_eq!(at, stored.len());
}
