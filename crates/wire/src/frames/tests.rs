//! What is framed by hand is what prost and tonic read and write.
#![cfg(test)]

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt as _, StreamBody};
use ottla_model::MIB;
use proptest::prelude::*;
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::*;
use crate::v1;

fn batches(length: usize) -> v1::fetch_response::Batches {
    v1::fetch_response::Batches {
        fetch_id: 7,
        next_offset: 12,
        high_watermark: 400,
        log_start: 0,
        bytes: length as u32,
        batches: Bytes::new(),
    }
}

fn pieces(whole: &Bytes, sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = whole.clone();
    let mut pieces: Vec<_> =
        sizes.iter().map(|size| rest.split_to((*size).min(rest.len()))).collect();
    pieces.push(rest);
    pieces
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Everything that the body sends, and the status in its trailers.
async fn sent(messages: Vec<Result<Message, Status>>) -> (Bytes, Status) {
    let collected = FramedBody::of_answer(tokio_stream::iter(messages)).collect().await;
    let collected = collected.expect("the body itself does not fail");
    let trailers = collected.trailers().cloned().expect("there are always trailers");
    let status = Status::from_header_map(&trailers).expect("with a status in them");
    (collected.to_bytes(), status)
}

/// The messages in these bytes when they arrive in pieces.
async fn received<T: prost::Message + Default + 'static>(
    parts: Vec<Bytes>,
    bytes_max: usize,
) -> Vec<Result<T, Status>> {
    let frames = parts.into_iter().map(|part| Ok::<_, Status>(http_body::Frame::data(part)));
    let body = tonic::body::Body::new(StreamBody::new(tokio_stream::iter(frames)));
    Messages::<T>::of_request(body, bytes_max).collect().await
}

fn framed(message: &impl prost::Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len() as u32);
    message.encode(&mut bytes).expect("a BytesMut grows");
    bytes.freeze()
}

proptest! {
    #[test]
    fn a_produce_request_is_the_message_that_prost_reads(
        batch in proptest::collection::vec(any::<u8>(), 0..20_000),
        correlation: u64,
        topic in "[a-z]{0,9}",
        timeout_ms: u32,
    ) {
        let topic = Some(v1::produce_request::Topic::TopicName(topic));
        let batch = Bytes::from(batch);
        let request = v1::ProduceRequest { correlation, topic, timeout_ms, batch, ..Default::default() };
        let message = Message::of_produce(request.clone());
        let bytes = [&[message.head.clone()][..], &message.chunks].concat().concat();
        prop_assert_eq!(bytes[..5].to_vec(), [&[0][..], &(bytes.len() as u32 - 5).to_be_bytes()].concat());
        prop_assert_eq!(v1::ProduceRequest::decode(&bytes[5..]).expect("prost reads it"), request);
    }

    #[test]
    fn a_fetch_in_chunks_is_the_message_that_prost_reads(
        payload in proptest::collection::vec(any::<u8>(), 0..200_000),
        sizes in proptest::collection::vec(0..70_000_usize, 0..5),
    ) {
        let payload = Bytes::from(payload);
        let message = Message::of_batches(batches(payload.len()), pieces(&payload, &sizes));
        let length = message.bytes();
        let (bytes, status) = run(sent(vec![Ok(message)]));
        prop_assert_eq!(status.code(), tonic::Code::Ok);
        prop_assert_eq!(bytes.len(), length);
        prop_assert_eq!(&bytes[..5], &[&[0][..], &(length as u32 - 5).to_be_bytes()].concat()[..]);
        let decoded = v1::FetchResponse::decode(&bytes[5..]).expect("prost reads it");
        let expected = v1::fetch_response::Batches { batches: payload.clone(), ..batches(payload.len()) };
        let expected = v1::fetch_response::Response::Batches(expected);
        prop_assert_eq!(decoded.response, Some(expected));
    }

    #[test]
    fn messages_are_read_whatever_pieces_they_arrive_in(
        batches in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..5),
        sizes in proptest::collection::vec(0..400_usize, 0..12),
    ) {
        let requests: Vec<_> = batches.into_iter().enumerate().map(|(index, batch)| {
            v1::ProduceRequest { correlation: index as u64, batch: batch.into(), ..Default::default() }
        }).collect();
        let whole = Bytes::from(requests.iter().map(framed).collect::<Vec<_>>().concat());
        let read = run(received::<v1::ProduceRequest>(pieces(&whole, &sizes), 4096));
        let read: Vec<_> = read.into_iter().map(|message| message.expect("well formed")).collect();
        prop_assert_eq!(read, requests);
    }

    #[test]
    fn arbitrary_bytes_end_the_stream_at_the_latest(
        bytes: Vec<u8>,
        sizes in proptest::collection::vec(0..40_usize, 0..4),
    ) {
        let parts = pieces(&Bytes::from(bytes), &sizes);
        let read = run(received::<v1::ProduceRequest>(parts, 1000));
        let errors = read.iter().filter(|message| message.is_err()).count();
        prop_assert!(errors <= 1 && read[..read.len() - errors].iter().all(Result::is_ok));
    }
}

#[test]
fn large_chunks_go_out_as_they_are_and_small_ones_together() {
    let large = Bytes::from(vec![1; 40_000]);
    let chunks = vec![Bytes::from_static(b"head"), large.clone(), Bytes::from_static(b"tail")];
    let message = Message::of_batches(batches(40_008), chunks);
    let mut body = FramedBody::of_answer(tokio_stream::iter([Ok(message.clone()), Ok(message)]));
    let mut parts = Vec::new();
    run(async {
        while let Some(Ok(frame)) = body.frame().await {
            parts.extend(frame.into_data());
        }
    });
    let shared = parts.iter().filter(|part| part.as_ptr() == large.as_ptr()).count();
    assert_eq!((parts.len(), shared), (5, 2), "head, large, tail and head, large, tail");
}

#[test]
fn a_batch_is_copied_once_into_an_allocation_of_its_own_size() {
    let request = v1::ProduceRequest { batch: vec![9; 5000].into(), ..Default::default() };
    let whole = framed(&request);
    let mut read = run(received::<v1::ProduceRequest>(vec![whole.clone()], 8192));
    let batch = read.remove(0).expect("well formed").batch;
    assert!(!whole.as_ptr_range().contains(&batch.as_ptr()));
    let unshared = batch.try_into_mut().ok();
    assert_eq!(unshared.map(|batch| batch.capacity()), Some(5000));
}

#[test]
fn a_declared_length_over_the_limit_is_refused_before_anything_arrives() {
    let mut prefix = BytesMut::new();
    prefix.put_u8(0);
    prefix.put_u32(u32::MAX);
    let read = run(received::<v1::ProduceRequest>(vec![prefix.freeze()], MIB as usize));
    let status = read[0].as_ref().expect_err("4 GiB");
    assert_eq!(status.message(), "a message of 4.0 GiB is over the 1 MiB that one may have");
}

#[test]
fn what_has_arrived_of_all_messages_is_within_its_budget() {
    let budget = crate::Budget::new(ottla_model::ByteCount(20_000));
    let request = v1::ProduceRequest { batch: vec![9; 15_000].into(), ..Default::default() };
    let whole = framed(&request);
    let half = |body: Bytes| {
        let frames = [Ok::<_, Status>(http_body::Frame::data(body))];
        let stream = tokio_stream::iter(frames).chain(tokio_stream::pending());
        let body = tonic::body::Body::new(StreamBody::new(stream));
        Messages::<v1::ProduceRequest>::of_request(body, 100_000).within(&budget)
    };
    let mut polled = std::task::Context::from_waker(std::task::Waker::noop());
    let mut next = |messages: &mut Messages<_>| {
        tokio_stream::Stream::poll_next(std::pin::Pin::new(messages), &mut polled)
    };
    let mut first = half(whole.slice(..14_000));
    assert!(next(&mut first).is_pending());
    let mut second = half(whole.slice(..14_999));
    let refused = next(&mut second);
    let std::task::Poll::Ready(Some(Err(status))) = refused else { panic!("{refused:?}") };
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    drop(first);
    assert_eq!(budget.held(), 0);
    let mut third = half(whole);
    assert!(matches!(next(&mut third), std::task::Poll::Ready(Some(Ok(read))) if read == request));
    assert_eq!(budget.held(), 0, "a whole message is its taker's");
}

#[test]
fn frames_of_a_byte_cost_about_a_byte_each() {
    let request = v1::ProduceRequest { batch: vec![9; 3000].into(), ..Default::default() };
    let whole = framed(&request);
    let bytes: Vec<_> = (0..whole.len()).map(|at| whole.slice(at..=at)).collect();
    let read = run(received::<v1::ProduceRequest>(bytes, 8192));
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].as_ref().expect("well formed"), &request);
}

#[test]
fn a_message_that_is_compressed_or_cut_off_says_so() {
    for (bytes, expected) in [
        (&[1, 0, 0, 0, 0][..], "a message has compression flag 1; this stream takes none"),
        (&[0, 0, 0, 0, 9, 1], "the stream ended in the middle of a message"),
        (&[0, 0], "the stream ended in the middle of a message"),
    ] {
        let read = run(received::<v1::ProduceRequest>(vec![Bytes::from_static(bytes)], 100));
        assert_eq!(read[0].as_ref().expect_err("not a message").message(), expected);
    }
}

#[test]
fn an_error_ends_the_body_after_what_was_sent_before() {
    let ended = Message::of(&v1::FetchResponse::default());
    let (bytes, status) = run(sent(vec![Ok(ended), Err(Status::unavailable("bye"))]));
    assert_eq!(
        (bytes.len(), status.code(), status.message()),
        (5, tonic::Code::Unavailable, "bye")
    );
}
