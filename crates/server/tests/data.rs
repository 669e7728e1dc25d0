//! What is written is read, and stays: over a graceful stop, over a drop, over a deletion.

mod common;

use std::time::Duration;

use common::{batch, create, fetch_request, numbered, produce, read_all, topic, values_of};
use ottla_broker::{
    AlterTopicConfig, Explains as _, FetchError, LookupError, OffsetAt, ProduceError,
};
use ottla_model::{Answers as _, Durability, Offset, Outcome, PartitionId, Retry, Timestamp};
use ottla_server::config::ListenAddress;
use ottla_server::{RunningServer, Server, ServerConfig, testing};

async fn start_in(directory: &std::path::Path) -> RunningServer {
    let any = ListenAddress::At(([127, 0, 0, 1], 0).into());
    let data_dir = directory.to_owned();
    let config = ServerConfig { data_dir, grpc: any, http: any, ..ServerConfig::default() };
    Server::start(config).await.unwrap()
}

#[tokio::test]
async fn a_batch_is_acknowledged_when_it_is_durable_and_read_back() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "flights", 2, &[]).await;
    let first = produce(broker, "flights", 1, numbered(0, 3)).await.unwrap();
    let second = produce(broker, "flights", 1, numbered(3, 2)).await.unwrap();
    assert_eq!((first.base_offset, second.base_offset), (Offset(0), Offset(3)));
    assert!(!second.duplicate);
    let values = read_all(broker, "flights", 1).await;
    assert_eq!(values, (0..5).map(|n| format!("record {n}")).collect::<Vec<_>>());
    assert!(read_all(broker, "flights", 0).await.is_empty());
}

#[tokio::test]
async fn everything_is_there_after_a_stop_and_after_a_drop() {
    let directory = tempfile::tempdir().unwrap();
    for life in 0..4 {
        let server = start_in(directory.path()).await;
        let broker = server.broker();
        if life == 0 {
            create(broker, "flights", 1, &[]).await;
        }
        let expected: Vec<_> = (0..life * 10).map(|n| format!("record {n}")).collect();
        assert_eq!(read_all(broker, "flights", 0).await, expected, "in life {life}");
        produce(broker, "flights", 0, numbered(life * 10, 10)).await.unwrap();
        if life % 2 == 0 {
            server.shutdown().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_relaxed_topic_says_so() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "clicks", 1, &[("durability", "relaxed")]).await;
    let produced = produce(broker, "clicks", 0, numbered(0, 1)).await.unwrap();
    assert_eq!(produced.durability, Durability::Relaxed);
    assert_eq!(read_all(broker, "clicks", 0).await, ["record 0"]);
}

#[tokio::test]
async fn a_parked_fetch_is_woken_by_the_next_batch() {
    let server = testing::start().await;
    let broker = server.broker().clone();
    create(&broker, "flights", 1, &[]).await;
    let mut request = fetch_request("flights", 0, 0);
    request.wait = Some(common::WAIT);
    let parked = tokio::spawn({
        let broker = broker.clone();
        async move { broker.fetch(request).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!parked.is_finished());
    produce(&broker, "flights", 0, numbered(0, 1)).await.unwrap();
    assert_eq!(values_of(&parked.await.unwrap().unwrap()), ["record 0"]);
}

#[tokio::test]
async fn a_parked_fetch_ends_with_its_wait() {
    let server = testing::start().await;
    create(server.broker(), "flights", 1, &[]).await;
    let mut request = fetch_request("flights", 0, 0);
    request.wait = Some(Duration::from_millis(20));
    assert!(server.broker().fetch(request).await.unwrap().is_empty());
    let text = server.metrics().render();
    assert!(text.contains("ottla_fetches_parked 0"), "{text}");
}

#[tokio::test]
async fn offsets_are_found_by_place_and_by_time() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "flights", 1, &[]).await;
    produce(broker, "flights", 0, numbered(0, 10)).await.unwrap();
    let at = |at| broker.list_offset(&TOPIC, PartitionId(0), at);
    static TOPIC: std::sync::LazyLock<ottla_broker::TopicRef> =
        std::sync::LazyLock::new(|| topic("flights"));
    assert_eq!(at(OffsetAt::Earliest).await.unwrap().offset, Offset(0));
    assert_eq!(at(OffsetAt::Latest).await.unwrap().offset, Offset(10));
    let found = at(OffsetAt::Timestamp(Timestamp(1_700_000_000_004))).await.unwrap();
    assert_eq!((found.offset, found.timestamp), (Offset(4), Some(Timestamp(1_700_000_000_004))));
    let beyond = at(OffsetAt::Timestamp(Timestamp(i64::MAX))).await.unwrap();
    assert_eq!((beyond.offset, beyond.timestamp), (Offset(10), None));
    assert_eq!(at(OffsetAt::MaxTimestamp).await.unwrap().offset, Offset(9));
}

#[tokio::test]
async fn deleted_records_are_gone_and_say_so() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "flights", 1, &[]).await;
    produce(broker, "flights", 0, numbered(0, 5)).await.unwrap();
    produce(broker, "flights", 0, numbered(5, 5)).await.unwrap();
    let flights = topic("flights");
    let start = broker.delete_records(&flights, PartitionId(0), Some(Offset(5))).await.unwrap();
    assert_eq!(start, Offset(5));
    let refused = broker.fetch(fetch_request("flights", 0, 0)).await.unwrap_err();
    let range = FetchError::OutOfRange {
        offset: Offset(0),
        log_start: Offset(5),
        high_watermark: Offset(10),
    };
    assert_eq!(refused, range);
    let kept = broker.fetch(fetch_request("flights", 0, 5)).await.unwrap();
    assert_eq!(values_of(&kept).len(), 5);
}

#[tokio::test]
async fn deleted_records_stay_deleted_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let flights = topic("flights");
    let server = start_in(directory.path()).await;
    create(server.broker(), "flights", 1, &[]).await;
    produce(server.broker(), "flights", 0, numbered(0, 5)).await.unwrap();
    server.broker().delete_records(&flights, PartitionId(0), None).await.unwrap();
    drop(server);
    let server = start_in(directory.path()).await;
    let again = server.broker().delete_records(&flights, PartitionId(0), Some(Offset(2)));
    assert_eq!(again.await, Ok(Offset(5)));
}

#[tokio::test]
async fn a_deleted_topic_is_gone_and_its_name_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_in(directory.path()).await;
    let broker = server.broker();
    create(broker, "flights", 3, &[]).await;
    produce(broker, "flights", 0, numbered(0, 5)).await.unwrap();
    broker.delete_topic(&topic("flights")).await.unwrap();
    let gone = produce(broker, "flights", 0, numbered(0, 1)).await.unwrap_err();
    assert!(matches!(gone, ProduceError::Lookup(LookupError::UnknownTopic { .. })), "{gone}");
    create(broker, "flights", 1, &[]).await;
    assert!(read_all(broker, "flights", 0).await.is_empty());
    server.shutdown().await.unwrap();
    let server = start_in(directory.path()).await;
    assert!(read_all(server.broker(), "flights", 0).await.is_empty());
    assert_eq!(server.broker().list_topics().len(), 1);
}

#[tokio::test]
async fn settings_and_partitions_change_while_it_serves() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "flights", 1, &[]).await;
    let flights = topic("flights");
    broker.add_partitions(&flights, 3, false).await.unwrap();
    produce(broker, "flights", 2, numbered(0, 1)).await.unwrap();
    let set = [("max.message.bytes".to_owned(), "1KiB".to_owned())].into();
    let change = AlterTopicConfig { set, ..AlterTopicConfig::default() };
    broker.alter_topic_config(&flights, change).await.unwrap();
    let large = batch(&["x".repeat(2000)]);
    let refused = produce(broker, "flights", 0, large).await.unwrap_err();
    assert!(refused.to_string().contains("over the 1 KiB that topic flights allows"), "{refused}");
    let described = broker.describe_topic(&flights).unwrap();
    assert_eq!(described.partitions.len(), 3);
    let set = described.config.iter().find(|entry| entry.name == "max.message.bytes").unwrap();
    assert_eq!((set.value.as_str(), set.is_set), ("1024", true));
}

#[tokio::test]
async fn mistakes_are_answered_with_the_nearest_name_or_the_range() {
    let server = testing::start().await;
    let broker = server.broker();
    create(broker, "flights", 2, &[]).await;
    let said = |error: ProduceError| error.to_string();
    assert_eq!(
        said(produce(broker, "flihgts", 0, numbered(0, 1)).await.unwrap_err()),
        "there is no topic flihgts (did you mean flights?)"
    );
    assert_eq!(
        said(produce(broker, "flights", 2, numbered(0, 1)).await.unwrap_err()),
        "topic flights has no partition 2; it has 0 to 1"
    );
    let mut damaged = numbered(0, 1).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let refused = produce(broker, "flights", 0, damaged.into()).await.unwrap_err();
    assert!(refused.to_string().contains("checksum"), "{refused}");
    let text = server.metrics().render();
    for reason in ["UNKNOWN_TOPIC", "UNKNOWN_PARTITION", "INVALID_BATCH"] {
        let line = format!("ottla_produce_refused_total{{reason=\"{reason}\"}} 1");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn producer_ids_are_never_given_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for life in 0..3 {
        let server = start_in(directory.path()).await;
        for _ in 0..3 {
            let identity = server.broker().allocate_producer_id().await.unwrap();
            assert!(seen.insert(identity.id), "{:?} came twice, in life {life}", identity.id);
        }
        if life == 0 {
            server.shutdown().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_thousand_partitions_start_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_in(directory.path()).await;
    create(server.broker(), "many", 1000, &[]).await;
    for partition in (0..1000).step_by(50) {
        produce(server.broker(), "many", partition, numbered(0, 1)).await.unwrap();
    }
    server.shutdown().await.unwrap();
    let begun = std::time::Instant::now();
    let server = start_in(directory.path()).await;
    let took = begun.elapsed();
    assert_eq!(read_all(server.broker(), "many", 950).await, ["record 0"]);
    println!("started with 1,000 partitions in {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// regression: what recovery could not bring back looked like the healthy end of the partition.
#[tokio::test]
async fn a_damaged_partition_serves_what_is_left_and_then_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_in(directory.path()).await;
    create(server.broker(), "flights", 1, &[]).await;
    create(server.broker(), "clicks", 1, &[]).await;
    for batch in 0..6 {
        produce(server.broker(), "flights", 0, numbered(batch * 10, 10)).await.unwrap();
        produce(server.broker(), "clicks", 0, numbered(batch * 10, 1)).await.unwrap();
    }
    drop(server);
    spoil(&directory.path().join("journal"), b"record 35");

    let server = start_in(directory.path()).await;
    let (broker, flights) = (server.broker(), topic("flights"));
    let mut offset = 0;
    let error = loop {
        let mut request = fetch_request("flights", 0, offset);
        request.wait = Some(common::WAIT);
        match broker.fetch(request).await {
            Ok(fetched) => offset = fetched.next_offset.0,
            Err(error) => break error,
        }
    };
    assert_eq!((offset, error.code()), (30, "PARTITION_DAMAGED"), "{error}");
    assert_eq!((error.outcome(), error.retry()), (Outcome::DidNotHappen, Retry::Never));
    assert!(error.advice().contains("ottla doctor"), "{}", error.advice());
    // Who had read further is not sent back, and nobody begins at an end that is none.
    let beyond = broker.fetch(fetch_request("flights", 0, 45)).await.unwrap_err();
    assert_eq!(beyond.code(), "PARTITION_DAMAGED", "{beyond}");
    let latest = broker.list_offset(&flights, PartitionId(0), OffsetAt::Latest).await;
    assert_eq!(latest.unwrap_err().code(), "PARTITION_DAMAGED");
    let earliest = broker.list_offset(&flights, PartitionId(0), OffsetAt::Earliest).await;
    assert_eq!(earliest.unwrap().offset, Offset(0));
    let refused = produce(broker, "flights", 0, numbered(0, 1)).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry()), ("PARTITION_DAMAGED", Retry::Never));
    let described = broker.describe_topic(&flights).unwrap();
    let why = described.partitions[0].offline.as_ref().unwrap();
    assert!(why.contains("from offset 30 on") && why.contains("ottla doctor"), "{why}");
    assert!(described.partitions[0].damaged);
    // The broker serves the others.
    assert_eq!(broker.health(), Ok(()));
    assert_eq!(broker.damaged().len(), 1);
    assert_eq!(read_all(broker, "clicks", 0).await.len(), 6);
    produce(broker, "clicks", 0, numbered(60, 1)).await.unwrap();

    // A probe does not send the clients of all others away, and a person who looks is told.
    let http = server.http_address().unwrap();
    let ready = common::get(http, "/health/ready").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert!(ready.contains("flights") && ready.contains("from offset 30 on"), "{ready}");
    assert!(ready.contains("ottla doctor"), "{ready}");
    let metrics = common::get(http, "/metrics").await;
    for line in ["ottla_partitions_offline 1", "ottla_log_streams_damaged 1"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

/// Changes one byte of the only place where `text` is in the files there.
fn spoil(journal: &std::path::Path, text: &[u8]) {
    for entry in std::fs::read_dir(journal).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text) {
            bytes[at] ^= 0x40;
            return std::fs::write(&path, bytes).unwrap();
        }
    }
    panic!("it is in no file of the journal");
}
