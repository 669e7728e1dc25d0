//! Offsets by place and by time.

use ottla_kafka_codec::ErrorCode;
use ottla_kafka_codec::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};

use crate::produce::produce;
use crate::support::{Client, Door, batch};

const FIRST: i64 = 1_700_000_000_000;

fn ask(client: &mut Client, version: i16, timestamp: i64) -> (ErrorCode, i64, i64) {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let reply = client.ask(version, &request);
    let found = reply.read::<ListOffsetsResponse<'_>>().topics[0].partitions[0].clone();
    (ErrorCode(found.error_code), found.offset, found.timestamp)
}

#[test]
fn offsets_are_found_by_place_and_by_time() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    client.ask(9, &produce("t", &[batch(&["a", "b"])]));
    client.ask(9, &produce("t", &[batch(&["c", "d", "e"])]));
    for version in 1..=11 {
        let mut at = |timestamp| ask(&mut client, version, timestamp);
        let since = |from: i16, found: (i64, i64)| match version >= from {
            true => (ErrorCode::NONE, found.0, found.1),
            false => (ErrorCode::UNSUPPORTED_VERSION, -1, -1),
        };
        assert_eq!(at(-1), (ErrorCode::NONE, 5, -1), "latest");
        assert_eq!(at(-2), (ErrorCode::NONE, 0, -1), "earliest");
        assert_eq!(at(-3), since(7, (4, FIRST + 2)), "largest timestamp");
        assert_eq!(at(-4), since(8, (0, -1)), "earliest that is local");
        assert_eq!(at(-5), since(9, (-1, -1)), "latest that is tiered");
        assert_eq!(at(-6), since(11, (-1, -1)), "earliest that waits to be tiered");
        assert_eq!(at(0), (ErrorCode::NONE, 0, FIRST), "any time");
        assert_eq!(at(FIRST + 1), (ErrorCode::NONE, 1, FIRST + 1), "within a batch");
        assert_eq!(at(FIRST + 2), (ErrorCode::NONE, 4, FIRST + 2), "in the second batch");
        assert_eq!(at(FIRST + 3), (ErrorCode::NONE, -1, -1), "later than everything");
    }
}

#[test]
fn an_empty_partition_has_no_largest_timestamp() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    assert_eq!(ask(&mut client, 7, -3), (ErrorCode::NONE, -1, -1));
    assert_eq!(ask(&mut client, 7, -1), (ErrorCode::NONE, 0, -1));
    assert_eq!(ask(&mut client, 7, 0), (ErrorCode::NONE, -1, -1));
}

#[test]
fn what_is_asked_twice_is_refused() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let partition = ListOffsetsPartition { timestamp: -1, ..Default::default() };
    let partitions = vec![partition.clone(), partition];
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions }];
    let reply = client.ask(7, &ListOffsetsRequest { replica_id: -1, topics, ..Default::default() });
    let response = reply.read::<ListOffsetsResponse<'_>>();
    let codes: Vec<_> = response.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::INVALID_REQUEST.0], "and answered once");
}
