//! What can be seen from outside: health, metrics and their page; and how fast a server starts.

mod common;

use std::time::{Duration, Instant};

use common::get;
use ottla_server::testing;

#[tokio::test]
async fn the_http_door_tells_health_metrics_and_what_it_is() {
    let server = testing::start().await;
    let http = server.http_address().unwrap();
    assert!(get(http, "/").await.contains("a durable event log"));
    assert!(get(http, "/health/live").await.starts_with("HTTP/1.1 200"));
    assert!(get(http, "/health/ready").await.starts_with("HTTP/1.1 200"));
    assert!(get(http, "/nowhere").await.starts_with("HTTP/1.1 404"));
    common::create(server.broker(), "flights", 3, &[]).await;
    common::produce(server.broker(), "flights", 0, common::numbered(0, 4)).await.unwrap();
    let metrics = get(http, "/metrics").await;
    let of_process = ["ottla_process_cpu_milliseconds_total", "ottla_process_resident_bytes"];
    for name in of_process.iter().filter(|_| cfg!(target_os = "linux")) {
        let value = metrics.lines().find_map(|line| line.strip_prefix(*name));
        assert!(value.is_some_and(|value| value.trim() != "0"), "{name}: {value:?}");
    }
    for line in ["ottla_partitions 3", "ottla_produce_records_total 4", "ottla_panics_total 0"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn the_busiest_partitions_are_those_that_something_went_through() {
    let server = testing::start().await;
    let http = server.http_address().unwrap();
    common::create(server.broker(), "flights", 3, &[]).await;
    common::produce(server.broker(), "flights", 0, common::numbered(0, 4)).await.unwrap();
    let lines = |answer: String| answer.lines().filter(|l| l.starts_with("flights")).count();
    assert_eq!(lines(get(http, "/partitions/busiest").await), 0, "the first look has no span");
    common::produce(server.broker(), "flights", 2, common::numbered(0, 4)).await.unwrap();
    assert_eq!(lines(get(http, "/partitions/busiest").await), 0, "too soon: the same answer");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let answer = get(http, "/partitions/busiest").await;
    assert!(answer.contains("flights 2 "), "{answer}");
    assert_eq!(lines(answer), 1);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(lines(get(http, "/partitions/busiest").await), 0, "nothing went through since");
}

#[tokio::test]
async fn what_drains_is_not_ready() {
    let server = testing::start().await;
    assert!(server.broker().drain(Duration::from_secs(1)).await);
    let ready = get(server.http_address().unwrap(), "/health/ready").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("shutting down"), "{ready}");
    assert!(get(server.http_address().unwrap(), "/health/live").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_page_of_metrics_is_what_is_registered() {
    let server = testing::start().await;
    let mut page = String::from(
        "# Metrics\n\nServed at `/metrics` of the HTTP address, in the text format of Prometheus. \
         Counters start at 0 with the\nprocess. A test keeps this page and the registry the same \
         (`UPDATE_EXPECT=1 cargo test -p ottla-server --test seen`).\n\n\
         | name | kind | what it says |\n|---|---|---|\n",
    );
    for metric in server.metrics().described() {
        page.push_str(&format!("| `{}` | {} | {} |\n", metric.name, metric.kind, metric.help));
    }
    expect_test::expect_file!["../../../docs/metrics.md"].assert_eq(&page);
}

#[tokio::test]
async fn a_server_for_a_test_starts_in_no_time() {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let server = testing::start().await;
        fastest = fastest.min(begun.elapsed());
        drop(server);
    }
    println!("a server starts in {fastest:?}");
    assert!(fastest < Duration::from_secs(2), "{fastest:?}");
}
