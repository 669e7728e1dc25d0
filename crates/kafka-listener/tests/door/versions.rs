//! What is said about versions, and what happens to those that are not served.

use std::io::Write as _;

use ottla_kafka_codec::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_kafka_codec::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse,
};
use ottla_kafka_codec::{ADVERTISED, ErrorCode, Message as _};

use crate::support::Door;

fn asking() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1.0-rc.1".into(),
    }
}

#[test]
fn every_version_of_api_versions_lists_the_table() {
    let door = Door::open();
    let mut client = door.client();
    for version in 0..=4 {
        let reply = client.ask(version, &asking());
        let response = reply.read::<ApiVersionsResponse<'_>>();
        assert_eq!(response.error_code, 0);
        let listed: Vec<_> =
            response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
        let table: Vec<_> =
            ADVERTISED.iter().map(|api| (api.key as i16, api.min, api.max)).collect();
        assert_eq!(listed, table, "version {version}");
        assert_eq!(response.finalized_features.len(), usize::from(version >= 3));
        assert!(response.finalized_features_epoch >= 0 || version < 3);
    }
}

/// Closing the connection instead broke clients of other brokers.
#[test]
fn a_version_of_api_versions_that_is_too_new_is_answered_in_the_first() {
    let door = Door::open();
    let mut client = door.client();
    // Version 99, correlation 7, and a body that nobody here can know.
    client.socket.write_all(b"\0\0\0\x0c\0\x12\0\x63\0\0\0\x07\xde\xad\xbe\xef").expect("sent");
    let frame = client.receive_frame().expect("it is answered");
    assert_eq!(frame[..4], [0, 0, 0, 7]);
    let response = ApiVersionsResponse::decode(&frame, 4, 0).expect("in version 0");
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION.0);
    let keys: Vec<_> =
        response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
    assert_eq!(keys, [(18, 0, 4)]);
    // And the client asks again, on the same connection.
    assert_eq!(client.ask(4, &asking()).read::<ApiVersionsResponse<'_>>().error_code, 0);
}

#[test]
fn software_without_a_proper_name_is_refused() {
    let door = Door::open();
    let mut client = door.client();
    for name in ["", "-", "a b", ".a", "a-", "\u{e4}"] {
        let request = ApiVersionsRequest { client_software_name: name.into(), ..asking() };
        let reply = client.ask(3, &request);
        let response = reply.read::<ApiVersionsResponse<'_>>();
        assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST.0, "{name:?}");
    }
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let door = Door::open();
    let not_served = [
        (0, 2, "Produce before batches"),
        (0, 14, "Produce of the future"),
        (1, 3, "Fetch before batches"),
        (4, 0, "LeaderAndIsr"),
        (11, 0, "JoinGroup, which is not there yet"),
        (9_999, 0, "an API that nobody knows"),
        (-1, 0, "no API"),
        (3, -1, "no version"),
    ];
    for (key, version, what) in not_served {
        let mut client = door.client();
        let mut frame = vec![0, 0, 0, 10];
        frame.extend(i16::to_be_bytes(key));
        frame.extend(i16::to_be_bytes(version));
        frame.extend([0, 0, 0, 1, 0xff, 0xff]);
        client.socket.write_all(&frame).expect("sent");
        assert_eq!(client.receive_frame(), None, "{what}");
    }
}

#[test]
fn coordinators_are_not_there_yet_and_say_so() {
    let door = Door::open();
    let mut client = door.client();
    for version in 0..=6 {
        let request = FindCoordinatorRequest {
            key: "g".into(),
            coordinator_keys: vec!["g".into(), "h".into()],
            ..Default::default()
        };
        let reply = client.ask(version, &request);
        let response = reply.read::<FindCoordinatorResponse<'_>>();
        let codes: Vec<_> = response.coordinators.iter().map(|c| (&*c.key, c.error_code)).collect();
        match version {
            0..=3 => assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION.0),
            _ => assert_eq!(codes, [("g", 35), ("h", 35)]),
        }
    }
}
