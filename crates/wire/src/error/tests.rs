//! Errors cross the wire unchanged, whichever way they travel.
#![cfg(test)]

use expect_test::expect;
use proptest::prelude::*;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::*;

fn full() -> RichError {
    RichError {
        reason: "NOT_LEADER".to_owned(),
        code: Code::Unavailable,
        message: "broker 2 leads flights-3".to_owned(),
        outcome: Outcome::DidNotHappen,
        retry: Retry::AfterRefresh,
        fault: Fault::Nobody,
        advice: "ask broker 2".to_owned(),
        retry_after: Some(Duration::from_millis(20)),
        metadata: BTreeMap::from([(key::TOPIC.to_owned(), "flights".to_owned())]),
        leader: Some(LeaderHint {
            broker: BrokerId(2),
            address: "two:9095".to_owned(),
            epoch: LeaderEpoch(7),
        }),
        violations: vec![Violation { field: "topic".to_owned(), description: "elsewhere".into() }],
    }
}

#[test]
fn an_error_crosses_unchanged_inside_a_stream_and_as_a_status() {
    let error = full();
    assert_eq!(RichError::from(v1::Error::from(error.clone())), error);
    assert_eq!(RichError::from(Status::from(error.clone())), error);
}

#[test]
fn tools_that_know_only_googles_details_read_the_same() {
    let status = Status::from(full());
    let info = status.get_details_error_info().expect("every error has one");
    let mut facts: Vec<_> = info.metadata.into_iter().collect();
    facts.sort();
    expect![[r#"("NOT_LEADER", "ottla", [("advice", "ask broker 2"), ("fault", "nobody"), ("outcome", "did_not_happen"), ("retry", "after_refresh"), ("topic", "flights")])"#]]
    .assert_eq(&format!("{:?}", (info.reason, info.domain, facts)));
    let pause = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert_eq!(pause, Some(Duration::from_millis(20)));
    let request = status.get_details_bad_request().expect("there is a violation");
    assert_eq!(request.field_violations[0].field, "topic");
}

#[test]
fn a_status_of_somebody_else_gets_careful_answers() {
    let error = RichError::from(Status::unavailable("connection refused"));
    assert_eq!((error.outcome, error.retry), (Outcome::Unknown, Retry::SameSequence));
    let error = RichError::from(Status::invalid_argument("no"));
    assert_eq!((error.outcome, error.fault), (Outcome::DidNotHappen, Fault::Caller));
}

#[test]
fn a_long_message_is_cut_so_that_the_status_fits_into_headers() {
    let long = RichError::refused("X", Code::Internal, "ä".repeat(100_000));
    let status = Status::from(long.with("size", "9".repeat(100_000)));
    assert!(status.details().len() < 6 * 1024, "{}", status.details().len());
    assert!(status.message().ends_with("..."));
}

#[test]
fn enum_values_of_a_newer_server_fall_to_the_careful_side() {
    let newer = v1::Error { outcome: 77, retry: 77, fault: 77, code: 77, ..Default::default() };
    let error = RichError::from(newer);
    assert_eq!(error.code, Code::Unknown);
    assert_eq!((error.outcome, error.retry), (Outcome::Unknown, Retry::Never));
}

proptest! {
    #[test]
    fn any_details_make_an_error_and_none_a_panic(details: Vec<u8>, code in -1..20_i32) {
        let status = Status::with_details(Code::from_i32(code), "m", details.into());
        let error = RichError::from(&status);
        prop_assert_eq!(RichError::from(Status::from(error.clone())), error);
    }
}
