//! Frames of every broken kind, and many requests at once.

use std::io::Write as _;
use std::net::Shutdown;

use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse,
};
use ottla_kafka_codec::messages::produce::ProduceResponse;

use crate::produce::produce;
use crate::support::{Client, Door, batch};

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
    let asked =
        vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }; 100_000];
    let request = MetadataRequest { topics: Some(asked), ..Default::default() };
    let reply = client.ask(12, &request);
    assert_eq!(reply.read::<MetadataResponse<'_>>().topics.len(), 1, "asked often, answered once");
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
