//! Hostile clients: each costs its own connection or stream, and its neighbour notices nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_wire::frames::client::{FETCH, PRODUCE};
use ottla_wire::{transport, v1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peer::PREFACE;
use crate::support::{Door, batch, called, framed, request};

/// What the server says to these bytes, until it closes the connection.
async fn answer_to(door: &Door, bytes: &[u8]) -> Vec<u8> {
    let address = door.server.grpc_address().expect("the door is on");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it reads");
    // It may have been reset already.
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    // A reset is as good as an end.
    let _ = read.await.expect("it closes the connection");
    answer
}

/// A connection that was there before still works.
async fn still_serves(door: &Door) {
    let mut produce = door.produce().await;
    produce.send(request(1, "flights", batch(&["a"])));
    produce.answer().await.1.expect("it is stored");
}

#[tokio::test]
async fn garbage_costs_its_connection_alone() {
    let door = Door::with_topic("flights", 1).await;
    let noise: Vec<u8> =
        (0..4_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let with_preface = |bytes: &[u8]| [PREFACE, bytes].concat();
    for bytes in [
        noise.clone(),
        vec![0; 1_000],
        with_preface(&noise),
        // A frame of 16 MiB, a HEADERS frame on stream 0, a CONTINUATION from nowhere.
        with_preface(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]),
        with_preface(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0]),
        with_preface(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0, 1]),
    ] {
        answer_to(&door, &bytes).await;
        still_serves(&door).await;
    }
}

#[tokio::test]
async fn a_browser_is_told_which_port_this_is() {
    let door = Door::with_topic("flights", 1).await;
    let answer = answer_to(&door, b"GET / HTTP/1.1\r\nhost: ottla\r\n\r\n").await;
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    assert!(answer.contains("gRPC port of Ottla"), "{answer}");
}

#[tokio::test]
async fn a_message_that_is_none_ends_its_stream_with_a_reason() {
    let door = Door::with_topic("flights", 1).await;
    let good = framed(&request(1, "flights", batch(&["a"])));
    let huge = Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    let compressed = Bytes::from_static(&[1, 0, 0, 0, 1, 0]);
    let malformed = Bytes::from_static(&[0, 0, 0, 0, 2, 0xff, 0xff]);
    for path in [PRODUCE, FETCH] {
        for (parts, reason) in [
            (vec![huge.clone()], "MESSAGE_TOO_LARGE"),
            (vec![compressed.clone()], "MESSAGE_COMPRESSED"),
            (vec![malformed.clone()], "MESSAGE_MALFORMED"),
            (vec![Bytes::from_static(&[0, 0, 0])], "MESSAGE_CUT_OFF"),
            (vec![Bytes::from_static(&[0, 0, 0, 0, 9, 8])], "MESSAGE_CUT_OFF"),
        ] {
            let status = called(&door, path, &[], parts).await;
            assert_eq!(ottla_wire::RichError::from(&status).reason, reason, "{path}");
        }
    }
    let status = called(&door, PRODUCE, &[], vec![good.slice(..9), good.slice(9..), huge]).await;
    assert_eq!(ottla_wire::RichError::from(&status).reason, "MESSAGE_TOO_LARGE");
    still_serves(&door).await;
}

#[tokio::test]
async fn a_request_that_asks_for_nothing_known_ends_the_fetch_stream() {
    let door = Door::with_topic("flights", 1).await;
    // Field 99 is of a client that is newer.
    let newer = Bytes::from_static(&[0, 0, 0, 0, 3, 0x9a, 0x06, 0x00]);
    let status = called(&door, FETCH, &[], vec![newer]).await;
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let unknown = called(&door, "/ottla.v1.ProducerService/Nothing", &[], Vec::new()).await;
    assert_eq!(unknown.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn a_message_sent_twice_is_two_requests_with_two_answers() {
    let door = Door::with_topic("flights", 1).await;
    let mut produce = door.produce().await;
    for _ in 0..2 {
        produce.send(request(7, "flights", batch(&["a"])));
    }
    let offsets = [produce.answer().await, produce.answer().await]
        .map(|(correlation, answer)| (correlation, answer.expect("it is stored").base_offset));
    assert_eq!(offsets, [(7, 0), (7, 1)]);
}

#[tokio::test]
async fn a_producer_that_never_reads_stops_itself_and_nobody_else() {
    let door = Door::with_topic("flights", 1).await;
    let produce = door.produce().await;
    // Far beyond the window in requests; the answers fill what HTTP/2 may hold, then reading stops.
    for correlation in 0..100_000 {
        produce.send(request(correlation, "flights", batch(&["a"])));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    still_serves(&door).await;
}

#[tokio::test]
async fn a_consumer_that_never_reads_is_not_read_ahead_for() {
    let door = Door::with_topic("flights", 1).await;
    let large = "x".repeat(200_000);
    for _ in 0..40 {
        door.publish("flights", 0, &[&large]).await;
    }
    let fetch = door.fetch().await;
    let assign = crate::support::assign(1, "flights", 0);
    fetch.send(v1::fetch_request::Request::Assign(assign));
    tokio::time::sleep(Duration::from_millis(300)).await;
    still_serves(&door).await;
    drop(fetch);
}

#[tokio::test]
async fn a_topic_name_as_long_as_a_message_is_answered_in_few_bytes() {
    let door = Door::with_topic("flights", 1).await;
    let request =
        v1::DescribeTopicRequest { topic: Some(crate::support::named(&"x".repeat(3_000_000))) };
    let error = door.topics().describe_topic(request).await.expect_err("too long");
    assert!(error.message().contains("3000000 characters"), "{}", error.message());
    assert!(error.details().len() < 4 * 1024);
}

#[tokio::test]
async fn more_streams_than_announced_wait_their_turn() {
    let door = Door::with_topic("flights", 1).await;
    let mut streams = Vec::new();
    for _ in 0..transport::STREAMS_MAX {
        streams.push(door.fetch().await);
    }
    let began = Instant::now();
    let one_more = tokio::time::timeout(Duration::from_millis(200), door.fetch()).await;
    assert!(one_more.is_err(), "it waits: {:?}", began.elapsed());
    streams.pop();
    tokio::time::timeout(Duration::from_secs(10), still_serves(&door)).await.expect("a turn");
}
