//! Any bytes as a Kafka frame, and as the body of every message in every version: the first byte says which
//! message, the second which version.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_kafka_codec::reencode::KINDS;
use ottla_kafka_codec::{Api, RequestHead};

fuzz_target!(|input: &[u8]| {
    frame(Bytes::copy_from_slice(input));
    if let [kind, version, body @ ..] = input {
        let kind = &KINDS[usize::from(*kind) % KINDS.len()];
        let versions = (kind.max - kind.min + 2).cast_unsigned();
        let version = kind.min + (u16::from(*version) % versions).cast_signed();
        round_trip(kind, version, Bytes::copy_from_slice(body));
    }
});

/// As a listener takes it: fixed header, table, rest of the header, body.
fn frame(frame: Bytes) {
    let Ok(head) = RequestHead::parse(&frame) else { return };
    let Some(api) = Api::numbered(head.key).filter(|api| api.serves(head.version)) else { return };
    let Ok((_client, body_at)) = head.parse_rest(api, &frame) else { return };
    let request = KINDS.iter().find(|kind| kind.key == head.key).expect("what is served is known");
    round_trip(request, head.version, frame.slice(body_at..));
}

fn round_trip(kind: &ottla_kafka_codec::reencode::Kind, version: i16, body: Bytes) {
    if let Ok(once) = kind.reencode(&body, version) {
        assert_eq!(kind.reencode(&once, version), Ok(once), "{} {version}", kind.name);
    }
}
