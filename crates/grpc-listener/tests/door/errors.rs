//! Whoever asks for something impossible learns what, why, and what to do.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use ottla_wire::frames::client::FETCH;
use ottla_wire::{RichError, v1};
use tonic::Status;

use crate::support::{Door, assign, batch, called, framed, named, request};

fn check(error: impl Into<RichError>, expected: &Expect) {
    let error = error.into();
    let facts: Vec<_> =
        error.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let text = format!(
        "{} ({:?}): {error}\noutcome={} retry={} fault={}\n{}\n",
        error.reason,
        error.code,
        error.outcome.name(),
        error.retry.name(),
        error.fault.name(),
        facts.join(" "),
    );
    expected.assert_eq(&text);
}

async fn described(door: &Door, topic: &str) -> Status {
    let request = v1::DescribeTopicRequest { topic: Some(named(topic)) };
    door.topics().describe_topic(request).await.expect_err("it is not there")
}

#[tokio::test]
async fn an_unknown_topic_is_answered_with_the_nearest() {
    let door = Door::with_topic("flights", 1).await;
    check(
        described(&door, "flihgts").await,
        &expect![[r#"
            UNKNOWN_TOPIC (NotFound): there is no topic flihgts (did you mean flights?) (list the topics, or create it: ottla topic create flihgts)
            outcome=did_not_happen retry=after_refresh fault=caller
            nearest_topic=flights topic=flihgts
        "#]],
    );
    check(
        described(&door, "something-else-altogether").await,
        &expect![[r#"
        UNKNOWN_TOPIC (NotFound): there is no topic something-else-altogether (list the topics, or create it: ottla topic create something-else-altogether)
        outcome=did_not_happen retry=after_refresh fault=caller
        topic=something-else-altogether
    "#]],
    );
}

#[tokio::test]
async fn a_bad_name_is_answered_with_the_character_and_its_place() {
    let door = Door::open().await;
    let error = door.create_topic("my topic", 1).await.expect_err("a space");
    check(
        error,
        &expect![[r#"
        INVALID_TOPIC_NAME (InvalidArgument): topic name `my topic` has ' ' at position 3; only a-z A-Z 0-9 . _ - are allowed
        outcome=did_not_happen retry=never fault=caller

    "#]],
    );
}

#[tokio::test]
async fn a_batch_over_the_limit_is_answered_with_the_limit() {
    let door = Door::open().await;
    let create = v1::CreateTopicRequest {
        name: "small".to_owned(),
        partitions: 1,
        config: BTreeMap::from([("max.message.bytes".to_owned(), "1024".to_owned())]),
        ..Default::default()
    };
    door.topics().create_topic(create).await.expect("a good setting");
    let mut produce = door.produce().await;
    produce.send(request(1, "small", batch(&[&"x".repeat(2_000)])));
    let (_, answer) = produce.answer().await;
    check(
        answer.expect_err("too large"),
        &expect![[r#"
        BATCH_TOO_LARGE (InvalidArgument): a batch of 2.0 KiB is over the 1 KiB that topic small allows (send smaller batches, or raise max.message.bytes of the topic)
        outcome=did_not_happen retry=never fault=caller
        limit=1024 size=2070 topic=small
    "#]],
    );
}

#[tokio::test]
async fn a_name_that_is_taken_and_a_setting_that_is_none_are_said_so() {
    let door = Door::with_topic("flights", 1).await;
    let error = door.create_topic("flights", 1).await.expect_err("it exists");
    check(
        error,
        &expect![[r#"
        TOPIC_EXISTS (AlreadyExists): topic flights exists already (describe it, or choose another name)
        outcome=did_not_happen retry=never fault=caller
        topic=flights
    "#]],
    );
    let alter = v1::AlterTopicConfigRequest {
        topic: Some(named("flights")),
        set: BTreeMap::from([("retention.msec".to_owned(), "1".to_owned())]),
        ..Default::default()
    };
    let error = door.topics().alter_topic_config(alter).await.expect_err("no such setting");
    check(
        error,
        &expect![[r#"
            INVALID_CONFIG (InvalidArgument): `retention.msec` is no setting of a topic (did you mean `retention.ms`?) (see the settings: ottla topic describe TOPIC --all)
            outcome=did_not_happen retry=never fault=caller

        "#]],
    );
}

#[tokio::test]
async fn a_request_without_a_topic_names_the_field() {
    let door = Door::open().await;
    let request = v1::DescribeTopicRequest { topic: None };
    let error = RichError::from(door.topics().describe_topic(request).await.expect_err("none"));
    assert_eq!(error.violations[0].field, "topic");
    check(
        error,
        &expect![[r#"
        INVALID_ARGUMENT (InvalidArgument): the request names no topic; give it a name or an id
        outcome=did_not_happen retry=never fault=caller

    "#]],
    );
}

#[tokio::test]
async fn a_deadline_is_kept_on_calls_and_on_streams() {
    let door = Door::with_topic("flights", 1).await;
    let wait =
        v1::FetchOnceRequest { topic: "flights".into(), wait_ms: 60_000, ..Default::default() };
    let once = "/ottla.v1.ConsumerService/FetchOnce";
    let soon = [("grpc-timeout", "50m")];
    check(
        called(&door, once, &soon, vec![framed(&wait)]).await,
        &expect![[r#"
        DEADLINE_EXCEEDED (DeadlineExceeded): the call's deadline has passed (look whether it happened, or allow more time)
        outcome=unknown retry=same_sequence fault=nobody

    "#]],
    );
    let assign = v1::fetch_request::Request::Assign(assign(1, "flights", 0));
    let request = v1::FetchRequest { request: Some(assign) };
    let ended = called(&door, FETCH, &soon, vec![framed(&request)]).await;
    assert_eq!(RichError::from(ended).reason, "DEADLINE_EXCEEDED");
}
