//! Drain: what was taken is answered, streams end with a status that says so, health says no.

use std::time::Duration;

use ottla_model::{Outcome, Retry};
use ottla_wire::v1::fetch_request::Request;
use ottla_wire::{RichError, v1};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Door, assign, batch, request};

#[tokio::test]
async fn health_is_serving_from_the_start() {
    let door = Door::open().await;
    let mut health = HealthClient::new(door.channel.clone());
    for service in ["", "ottla.v1.ProducerService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("it answers").into_inner();
        assert_eq!(answer.status().as_str_name(), "SERVING");
    }
}

#[tokio::test]
async fn streams_end_with_a_status_that_says_what_became_of_the_rest() {
    let door = Door::with_topic("flights", 1).await;
    let mut produce = door.produce().await;
    let mut fetch = door.fetch().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    fetch.assigned().await;
    let mut health = HealthClient::new(door.channel.clone());
    let watch = health.watch(HealthCheckRequest::default()).await.expect("it answers");
    let mut watch = watch.into_inner();
    assert_eq!(watch.message().await.expect("it watches").expect("a state").status, 1);

    let once = v1::FetchOnceRequest {
        topic: "flights".to_owned(),
        start: Some(v1::FetchStart { start: Some(v1::fetch_start::Start::Offset(1)) }),
        wait_ms: 60_000,
        ..Default::default()
    };
    produce.send(request(1, "flights", batch(&["a"])));
    let (_, answer) = produce.answer().await;
    answer.expect("it is stored");
    let mut consumer = door.consumer();
    let waiting = tokio::spawn(async move { consumer.fetch_once(once).await.map(|_| ()) });
    // Time to begin to wait; were it too little, the call would fail in another way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let shutdown = tokio::spawn(door.server.shutdown());

    for error in [
        produce.try_next().await.map(|_| ()).expect_err("the stream ends"),
        // The record may come first.
        loop {
            match fetch.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an end without a reason"),
                Err(error) => break error,
            }
        },
    ] {
        let error = RichError::from(error);
        assert_eq!(error.reason, "SHUTTING_DOWN");
        assert_eq!((error.outcome, error.retry), (Outcome::DidNotHappen, Retry::AfterRefresh));
    }
    assert_eq!(watch.message().await.expect("it watches").expect("a state").status, 2);
    assert!(watch.message().await.expect("it ends well").is_none());
    let error = RichError::from(waiting.await.expect("no panic").expect_err("nothing came"));
    assert_eq!(error.reason, "SHUTTING_DOWN");
    // Nothing is left that could hold the drain up, though the client keeps its connection.
    let stopped = tokio::time::timeout(Duration::from_secs(5), shutdown).await;
    stopped.expect("in time").expect("it does not panic").expect("it stops cleanly");
}
