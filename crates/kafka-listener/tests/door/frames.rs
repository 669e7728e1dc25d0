//! Frames of every broken kind, and many requests at once.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_kafka_codec::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use ottla_kafka_codec::messages::fetch::FetchResponse;
use ottla_kafka_codec::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse,
};
use ottla_kafka_codec::messages::produce::ProduceResponse;
use ottla_model::limits::KAFKA_REQUEST_ELEMENTS_MAX;

use crate::fetch::fetch;
use crate::produce::produce;
use crate::support::{Client, Door, batch};

/// Far longer than it takes without optimisation on a busy machine; what is quadratic takes minutes.
const QUICKLY: Duration = Duration::from_secs(15);

fn everything() -> MetadataRequest<'static> {
    MetadataRequest { topics: None, ..Default::default() }
}

fn works(client: &mut Client) {
    let reply = client.ask(12, &everything());
    assert_eq!(reply.read::<MetadataResponse<'_>>().brokers.len(), 1);
}

#[test]
fn a_size_that_no_request_has_closes_the_connection() {
    let door = Door::open();
    for size in [0, 7, -1, i32::MIN, i32::MAX, 100 * 1024 * 1024 + 1] {
        let mut client = door.client();
        client.socket.write_all(&size.to_be_bytes()).expect("sent");
        assert_eq!(client.receive_frame(), None, "{size}");
    }
    works(&mut door.client());
}

#[test]
fn only_requests_with_records_may_be_large() {
    let door = Door::open();
    let mut client = door.client();
    // Metadata 12 of 4 MiB and a byte: refused by its first eight bytes.
    client.socket.write_all(b"\0\x40\0\x01\0\x03\0\x0c").expect("sent");
    assert_eq!(client.receive_frame(), None);
    let mut client = door.with_topic("t", 1);
    let asked = vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }; 50_000];
    let request = MetadataRequest { topics: Some(asked), ..Default::default() };
    let reply = client.ask(12, &request);
    assert_eq!(reply.read::<MetadataResponse<'_>>().topics.len(), 1, "asked often, answered once");
}

/// One name of 32 KiB and a million partitions fit into a small frame, and each must not cost a name.
#[test]
fn what_lists_too_much_closes_its_connection_before_anything_is_done() {
    let door = Door::open();
    let name = "n".repeat(32_000);
    let too_many = 1 + KAFKA_REQUEST_ELEMENTS_MAX as i32;
    let mut offsets = ListOffsetsRequest { replica_id: -1, ..Default::default() };
    let asked = |partition_index| ListOffsetsPartition { partition_index, ..Default::default() };
    let partitions = (0..too_many).map(asked).collect();
    offsets.topics = vec![ListOffsetsTopic { name: name.as_str().into(), partitions }];
    let (frame, _) = door.client().frame(7, &offsets);
    is_refused(&door, &frame);
    let partition_indexes = (0..too_many).collect();
    let topics = vec![TopicRequest { name: name.as_str().into(), partition_indexes }];
    let (frame, _) = door.client().frame(0, &DescribeProducersRequest { topics });
    is_refused(&door, &frame);
    let nothing = vec![Bytes::new(); too_many as usize];
    let (frame, _) = door.client().frame(9, &produce("unknown", &nothing));
    is_refused(&door, &frame);
    let fetch = fetch("unknown", &vec![0; too_many as usize]);
    let (frame, _) = door.client().frame(12, &fetch);
    is_refused(&door, &frame);
    works(&mut door.client());
}

fn is_refused(door: &Door, frame: &[u8]) {
    let mut client = door.client();
    let begun = Instant::now();
    client.socket.write_all(frame).expect("sent");
    assert_eq!(client.receive_frame(), None);
    assert!(begun.elapsed() < QUICKLY, "{:?}", begun.elapsed());
}

#[test]
fn as_much_as_may_be_listed_is_answered_quickly() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let many = KAFKA_REQUEST_ELEMENTS_MAX - 1;
    let begun = Instant::now();
    let reply = client.ask(9, &produce("unknown", &vec![batch(&["x"]); many]));
    let answered = &reply.read::<ProduceResponse<'_>>().responses[0].partition_responses;
    assert_eq!(answered.len(), many);
    assert!(answered.iter().all(|one| one.error_code == 3), "no such topic");
    let reply = client.ask(12, &fetch("t", &vec![0; many]));
    assert_eq!(reply.read::<FetchResponse<'_>>().responses[0].partitions.len(), many);
    let name = "n".repeat(32_000);
    let asked = |partition_index| ListOffsetsPartition { partition_index, ..Default::default() };
    let partitions = (0..many as i32).map(asked).collect();
    let topics = vec![ListOffsetsTopic { name: name.as_str().into(), partitions }];
    let reply = client.ask(7, &ListOffsetsRequest { replica_id: -1, topics, ..Default::default() });
    let answered = reply.read::<ListOffsetsResponse<'_>>();
    assert_eq!(answered.topics[0].partitions.len(), many);
    assert!(begun.elapsed() < QUICKLY, "{:?}", begun.elapsed());
}

#[test]
fn rubbish_closes_its_own_connection_and_no_other() {
    let door = Door::open();
    let mut healthy = door.client();
    let rubbish: [&[u8]; 5] = [
        // Metadata 1 that announces more topics than there are bytes.
        b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff",
        // Metadata 12 with a client id that is longer than the frame.
        b"\0\0\0\x0a\0\x03\0\x0c\0\0\0\x01\x7f\xff",
        // Produce 9 without a body.
        b"\0\0\0\x0b\0\0\0\x09\0\0\0\x01\xff\xff\0",
        // Fetch 4 with a negative count of topics.
        b"\0\0\0\x1f\0\x01\0\x04\0\0\0\x01\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xfe",
        // HTTP.
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    for bytes in rubbish {
        let mut client = door.client();
        client.socket.write_all(bytes).expect("sent");
        // HTTP's first four bytes are a size that is refused at once.
        assert_eq!(client.receive_frame(), None, "{bytes:?}");
        works(&mut healthy);
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let door = Door::open();
    let mut client = door.client();
    let (frame, sent) = client.frame(12, &everything());
    for byte in frame {
        client.socket.write_all(&[byte]).expect("sent");
    }
    client.receive(sent).read::<MetadataResponse<'_>>();
}

#[test]
fn what_was_sent_before_the_client_closed_its_side_is_answered() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let sent = client.send(9, &produce("t", &[batch(&["last words"])]));
    client.socket.shutdown(Shutdown::Write).expect("closed");
    let reply = client.receive(sent);
    assert_eq!(
        reply.read::<ProduceResponse<'_>>().responses[0].partition_responses[0].error_code,
        0
    );
    assert_eq!(client.receive_frame(), None);
}

#[test]
fn answers_keep_the_order_of_many_requests_at_once() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let (mut frames, mut sent) = (Vec::new(), Vec::new());
    for round in 0..100 {
        let (frame, expected) = match round % 10 {
            9 => client.frame(12, &everything()),
            _ => client.frame(9, &produce("t", &[batch(&["x"])])),
        };
        frames.extend(frame);
        sent.push(expected);
    }
    client.socket.write_all(&frames).expect("sent");
    let mut offset = 0;
    for expected in sent {
        let name = expected.name();
        let reply = client.receive(expected);
        if name.starts_with("Produce") {
            let response = reply.read::<ProduceResponse<'_>>();
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!((partition.error_code, partition.base_offset), (0, offset), "{name}");
            offset += 1;
        }
    }
}
