//! Drain: what was taken is answered, streams end with a status that says so, health says no.

use ottla_model::{Outcome, Retry};
use ottla_wire::RichError;
use ottla_wire::v1::fetch_request::Request;
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

    produce.send(request(1, "flights", batch(&["a"])));
    let (_, answer) = produce.answer().await;
    answer.expect("it is stored");
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
    drop((watch, health, door.channel));
    shutdown.await.expect("it does not panic").expect("it stops cleanly");
}
