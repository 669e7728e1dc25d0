//! Any bytes, in any pieces, as the body of a gRPC stream: messages come out or one error does, what is
//! decoded can be translated or refused, and what is encoded again reads the same.

#![no_main]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::frames::{Message, Messages};
use ottla_wire::{RichError, convert, v1};
use tokio_stream::Stream as _;
use tonic::{Code, Status};

/// Largest message that the streams under test accept.
const BYTES_MAX: usize = 32 * 1024;

#[derive(Arbitrary, Debug)]
struct Body<'a> {
    method: u8,
    /// Framed for the target when set, so that it reaches the messages themselves.
    framed: bool,
    pieces: Vec<u16>,
    bytes: &'a [u8],
}

fuzz_target!(|body: Body<'_>| {
    match body.method % 14 {
        0 => each(&body, produce),
        1 => each(&body, fetch),
        2 => each(&body, publish),
        3 => each(&body, |m: v1::FetchOnceRequest| drop(convert::topic_named(&m.topic))),
        4 => each(&body, |m: v1::CreateTopicRequest| drop(convert::topic_named(&m.name))),
        5 => each(&body, |_: v1::ListTopicsRequest| {}),
        6 => each(&body, |m: v1::DescribeTopicRequest| topic(m.topic)),
        7 => each(&body, |m: v1::AlterTopicConfigRequest| topic(m.topic)),
        8 => each(&body, |m: v1::AddPartitionsRequest| topic(m.topic)),
        9 => each(&body, |m: v1::DeleteTopicRequest| topic(m.topic)),
        10 => each(&body, |m: v1::DeleteRecordsRequest| topic(m.topic)),
        11 => each(&body, |m: v1::ListOffsetsRequest| topic(m.topic)),
        12 => each(&body, error),
        _ => status(body.bytes),
    }
});

/// Every message in the body; after the first error there is nothing.
fn each<T>(body: &Body<'_>, check: impl Fn(T))
where
    T: prost::Message + Default + Clone + PartialEq + std::fmt::Debug + 'static,
{
    let bytes = if body.framed { framed(body.bytes) } else { Bytes::copy_from_slice(body.bytes) };
    let parts = in_pieces(bytes, &body.pieces).into_iter();
    let frames = parts.map(|part| Ok::<_, Status>(http_body::Frame::data(part)));
    let stream = http_body_util::StreamBody::new(tokio_stream::iter(frames));
    let mut messages = Messages::<T>::of_request(tonic::body::Body::new(stream), BYTES_MAX);
    let mut context = Context::from_waker(Waker::noop());
    let mut failed = false;
    // Everything is there already, so nothing is ever waited for.
    while let Poll::Ready(Some(message)) = Pin::new(&mut messages).poll_next(&mut context) {
        assert!(!failed, "nothing comes after an error");
        match message {
            Ok(message) => same_again(message, &check),
            Err(_) => failed = true,
        }
    }
}

fn same_again<T>(message: T, check: &impl Fn(T))
where
    T: prost::Message + Default + Clone + PartialEq + std::fmt::Debug,
{
    let bytes = message.encode_to_vec();
    assert_eq!(T::decode(&bytes[..]).expect("what prost wrote"), message);
    check(message);
}

fn framed(bytes: &[u8]) -> Bytes {
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat().into()
}

fn in_pieces(mut bytes: Bytes, pieces: &[u16]) -> Vec<Bytes> {
    let split = |size: &u16| bytes.split_to(usize::from(*size).min(bytes.len()));
    let mut parts: Vec<_> = pieces.iter().map(split).collect();
    parts.push(bytes);
    parts
}

fn produce(request: v1::ProduceRequest) {
    let _ = convert::acks_of_request(request.acks);
    match &request.topic {
        Some(v1::produce_request::Topic::TopicName(name)) => drop(convert::topic_named(name)),
        Some(v1::produce_request::Topic::TopicId(id)) => drop(convert::topic_id(id)),
        None => {}
    }
    let length = 5 + prost::Message::encoded_len(&request);
    let ours = Message::of_produce(request.clone()).bytes();
    // An empty batch is left out by prost and written by us.
    assert_eq!(ours, if request.batch.is_empty() { length + 2 } else { length });
}

fn fetch(request: v1::FetchRequest) {
    if let Some(v1::fetch_request::Request::Assign(assign)) = request.request {
        topic(assign.topic);
    }
}

fn publish(request: v1::PublishRequest) {
    drop(convert::topic_named(&request.topic));
    let _ = convert::acks_of_request(request.acks);
    let _ = convert::compression_of_request(request.compression);
}

fn topic(topic: Option<v1::TopicRef>) {
    drop(convert::topic_of_request(topic));
}

fn error(error: v1::Error) {
    let rich = RichError::from(error);
    assert_eq!(RichError::from(v1::Error::from(rich.clone())), rich);
    drop(Status::from(rich));
}

/// A status with any details has an error in our words.
fn status(details: &[u8]) {
    let status = Status::with_details(Code::Internal, "m", Bytes::copy_from_slice(details));
    drop(RichError::from(&status));
}
