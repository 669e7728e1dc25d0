//! Bytes that nobody should send.

use bytes::Bytes;
use ottla_kafka_codec::messages::metadata::MetadataRequest;
use ottla_kafka_codec::reencode::KINDS;
use ottla_kafka_codec::{CodecError, Message as _, RequestHead};
use proptest::prelude::*;

fn metadata(version: i16, body: &'static [u8]) -> Result<(), CodecError> {
    MetadataRequest::decode(&Bytes::from_static(body), 0, version).map(|_| ())
}

#[test]
fn a_count_that_the_bytes_do_not_hold_is_refused_before_anything_is_allocated() {
    // Each of these takes down a broker that believes it.
    assert!(metadata(1, b"\x7f\xff\xff\xff").is_err());
    assert!(metadata(12, b"\xff\xff\xff\xff\x0f").is_err());
    assert_eq!(metadata(1, b"\xff\xff\xff\xfe"), Err(CodecError::Length { length: -2 }));
    assert_eq!(metadata(12, b"\xff\xff\xff\xff\xff"), Err(CodecError::Varint));
}

#[test]
fn null_is_refused_where_the_version_knows_none() {
    assert_eq!(metadata(0, b"\xff\xff\xff\xff"), Err(CodecError::Null { version: 0 }));
    assert_eq!(metadata(1, b"\xff\xff\xff\xff"), Ok(()));
}

#[test]
fn what_grows_out_of_proportion_is_refused() {
    // Names of no length: one byte each in the frame, a reference each in memory.
    let mut body = vec![0x81, 0x80, 0x40];
    body.extend(std::iter::repeat_n(1, 1 << 20));
    let decoded = MetadataRequest::decode(&Bytes::from(body), 0, 9).map(|_| ());
    assert!(matches!(decoded, Err(CodecError::Budget { .. })), "{decoded:?}");
}

#[test]
fn what_lists_more_than_it_may_is_refused() {
    // Two topics without id, of one letter; no creation, no operations.
    let id = [0; 16];
    let topic = [&id[..], b"\x02t\x00"].concat();
    let body = Bytes::from([&b"\x03"[..], &topic, &topic, b"\x00\x00\x00"].concat());
    let within = |max| MetadataRequest::decode_listing(&body, 0, 12, max).map(|_| ());
    assert_eq!(within(2), Ok(()));
    assert_eq!(within(1), Err(CodecError::Elements { max: 1 }));
}

#[test]
fn a_frame_shorter_than_a_header_is_refused() {
    for size in 0..8 {
        assert!(RequestHead::parse(&Bytes::from(vec![0; size])).is_err());
    }
}

#[test]
fn tags_that_nobody_knows_are_skipped() {
    // No topics, no creation, no operations, then one unknown field of two bytes.
    assert_eq!(metadata(12, b"\x01\x00\x00\x01\x63\x02ab"), Ok(()));
    assert!(metadata(12, b"\x01\x00\x00\x01\x63\x7fab").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// No bytes make a decoder panic, and whatever decodes is the same when it is written and read.
    #[test]
    fn any_bytes_are_a_message_or_an_error(
        kind in 0..KINDS.len(),
        version in 0..20i16,
        body in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..200),
    ) {
        let kind = &KINDS[kind];
        if let Ok(once) = kind.reencode(&Bytes::from(body), version) {
            prop_assert_eq!(kind.reencode(&once, version), Ok(once));
        }
    }
}
