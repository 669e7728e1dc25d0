//! Batches out: all of them, some of them, later ones.

use std::time::{Duration, Instant};

use ottla_kafka_codec::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use ottla_kafka_codec::{ErrorCode, Records};

use crate::produce::produce;
use crate::support::{Client, Door, Reply, batch, fetch_all};

/// A fetch of the partitions from 0 on, from these offsets on.
pub(crate) fn fetch<'a>(topic: &'a str, offsets: &[i64]) -> FetchRequest<'a> {
    let from = |(partition, fetch_offset): (i32, &i64)| FetchPartition {
        partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let partitions = (0..).zip(offsets).map(from).collect();
    FetchRequest {
        replica_id: -1,
        min_bytes: 1,
        topics: vec![FetchTopic { topic: topic.into(), partitions, ..Default::default() }],
        ..Default::default()
    }
}

fn partitions(reply: &Reply) -> Vec<PartitionData> {
    let response = reply.read::<FetchResponse<'_>>();
    assert_eq!((response.error_code, response.session_id), (0, 0));
    response.responses.into_iter().flat_map(|topic| topic.partitions).collect()
}

fn sizes(reply: &Reply) -> Vec<usize> {
    let size = |data: PartitionData| data.records.unwrap_or_default().len();
    partitions(reply).into_iter().map(size).collect()
}

fn append(client: &mut Client, topic: &str, values: &[&str]) -> usize {
    let batch = batch(values);
    client.ask(9, &produce(topic, std::slice::from_ref(&batch)));
    batch.len()
}

#[test]
fn every_version_reads() {
    let door = Door::open();
    let mut client = door.client();
    let id = client.create_topic("t", 1);
    let size = append(&mut client, "t", &["a", "b"]);
    for version in 4..=18 {
        for isolation_level in [0, 1] {
            let mut request = FetchRequest { isolation_level, ..fetch("t", &[0]) };
            request.topics[0].topic_id = id;
            let reply = client.ask(version, &request);
            let data = &partitions(&reply)[0];
            assert_eq!(data.records.as_ref().map(Records::len), Some(size), "version {version}");
            assert_eq!((data.high_watermark, data.last_stable_offset), (2, 2));
            assert_eq!(data.log_start_offset, if version >= 5 { 0 } else { -1 });
            let aborted = data.aborted_transactions.as_ref().map(Vec::len);
            assert_eq!(aborted, (isolation_level == 1).then_some(0));
        }
    }
}

#[test]
fn a_batch_is_answered_whole_wherever_the_offset_is_in_it() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let first = append(&mut client, "t", &["a", "b", "c"]);
    let second = append(&mut client, "t", &["d"]);
    for (offset, size) in [(0, first + second), (2, first + second), (3, second), (4, 0)] {
        assert_eq!(fetch_all(&mut client, "t", offset).len(), size, "offset {offset}");
    }
}

#[test]
fn an_offset_that_is_not_there_is_out_of_range() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    append(&mut client, "t", &["a"]);
    for offset in [-1, 2, i64::MAX] {
        let reply = client.ask(12, &fetch("t", &[offset]));
        let data = &partitions(&reply)[0];
        assert_eq!(ErrorCode(data.error_code), ErrorCode::OFFSET_OUT_OF_RANGE, "{offset}");
        assert_eq!(data.high_watermark, -1);
    }
}

#[test]
fn one_batch_is_answered_even_where_it_is_larger_than_wanted_and_only_one() {
    let door = Door::open();
    let mut client = door.with_topic("t", 2);
    let size = batch(&["some value"]).len();
    for _ in 0..2 {
        client.ask(9, &produce("t", &[batch(&["some value"]), batch(&["some value"])]));
    }
    let mut limited = |max_bytes: usize, each: usize| {
        let mut request = fetch("t", &[0, 0]);
        request.max_bytes = max_bytes as i32;
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = each as i32;
        }
        sizes(&client.ask(12, &request))
    };
    assert_eq!(limited(1, 1), [size, 0]);
    assert_eq!(limited(0, 0), [size, 0]);
    assert_eq!(limited(1 << 20, 1), [size, 0]);
    assert_eq!(limited(2 * size, size), [size, size]);
    assert_eq!(limited(3 * size, 1 << 20), [2 * size, size]);
    assert_eq!(limited(1 << 20, 1 << 20), [2 * size, 2 * size]);
}

#[test]
fn a_fetch_at_the_end_waits_for_records_and_no_longer() {
    let door = Door::open();
    let mut client = door.with_topic("t", 3);
    let waiting = |millis| FetchRequest { max_wait_ms: millis, ..fetch("t", &[0, 0, 0]) };
    let begun = Instant::now();
    assert_eq!(sizes(&client.ask(12, &waiting(300))), [0, 0, 0]);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // Woken by another connection.
    let sent = client.send(12, &waiting(20_000));
    std::thread::sleep(Duration::from_millis(50));
    let size = append(&mut door.client(), "t", &["wake up"]);
    assert_eq!(sizes(&client.receive(sent)), [size, 0, 0]);
}

#[test]
fn a_fetch_waits_until_there_is_as_much_as_it_wants() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let size = batch(&["x"]).len() as i32;
    let wanted = |bytes| FetchRequest { min_bytes: bytes, max_wait_ms: 20_000, ..fetch("t", &[0]) };
    let sent = client.send(12, &wanted(2 * size + 1));
    let mut other = door.client();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(30));
        append(&mut other, "t", &["x"]);
    }
    assert_eq!(sizes(&client.receive(sent)), [3 * size as usize]);
    // What is there already and does not fit is no reason to be woken for ever, and what fits is
    // answered when the time is over.
    let mut request = FetchRequest { max_wait_ms: 200, ..wanted(2 * size) };
    request.topics[0].partitions[0].partition_max_bytes = size;
    let begun = Instant::now();
    assert_eq!(sizes(&client.ask(12, &request)), [size as usize]);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_client_that_goes_while_its_fetch_waits_is_let_go() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let scrape = || door.server.metrics().render();
    client.send(12, &FetchRequest { max_wait_ms: 60_000, ..fetch("t", &[0]) });
    drop(client);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !scrape().contains("kafka_connections 0\n") {
        assert!(Instant::now() < deadline, "{}", scrape());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_wrong_with_a_fetch_has_kafkas_code() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    append(&mut client, "t", &["a"]);
    let mut other_partition = fetch("t", &[0]);
    other_partition.topics[0].partitions[0].partition = 7;
    let mut no_topic_id = fetch("t", &[0]);
    no_topic_id.topics[0].topic_id = [9; 16];
    let epoch = |epoch| {
        let mut request = fetch("t", &[0]);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        request
    };
    let cases = [
        (12, fetch("nowhere", &[0]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (12, other_partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (13, no_topic_id, ErrorCode::UNKNOWN_TOPIC_ID),
        (12, epoch(1_000), ErrorCode::UNKNOWN_LEADER_EPOCH),
        (
            12,
            FetchRequest { replica_id: 1, ..fetch("t", &[0]) },
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ),
    ];
    for (version, request, code) in cases {
        // An error is told at once.
        let request = FetchRequest { max_wait_ms: 60_000, min_bytes: 1 << 20, ..request };
        let reply = client.ask(version, &request);
        assert_eq!(ErrorCode(partitions(&reply)[0].error_code), code, "{request:?}");
    }
}

#[test]
fn a_session_that_nobody_was_given_is_not_found() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let request = FetchRequest { session_id: 5, session_epoch: 1, ..fetch("t", &[0]) };
    let reply = client.ask(12, &request);
    let response = reply.read::<FetchResponse<'_>>();
    assert_eq!(ErrorCode(response.error_code), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert!(response.responses.is_empty());
}

#[test]
fn a_client_that_knows_more_than_the_log_is_told_where_they_differ() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    append(&mut client, "t", &["a"]);
    let epoch = partitions(&client.ask(12, &fetch("t", &[0])))[0].records.clone();
    let epoch =
        i32::from_be_bytes(epoch.expect("records").into_bytes()[12..16].try_into().expect("4"));
    let mut request = fetch("t", &[1]);
    request.topics[0].partitions[0].last_fetched_epoch = epoch;
    assert_eq!(partitions(&client.ask(12, &request))[0].diverging_epoch.epoch, -1);
    request.topics[0].partitions[0].fetch_offset = 5;
    let diverging = partitions(&client.ask(12, &request))[0].diverging_epoch.clone();
    assert_eq!((diverging.epoch, diverging.end_offset), (epoch, 1));
}
