//! Topics, their settings, their offsets; the cluster; reflection.

use std::collections::BTreeMap;

use ottla_wire::v1;
use ottla_wire::v1::cluster_service_client::ClusterServiceClient;
use tokio_stream::StreamExt as _;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{Door, named};

#[tokio::test]
async fn a_topic_is_made_described_changed_and_deleted() {
    let door = Door::open().await;
    let mut topics = door.topics();
    let request = v1::CreateTopicRequest {
        name: "flights".to_owned(),
        partitions: 3,
        config: BTreeMap::from([("retention.ms".to_owned(), "60000".to_owned())]),
        ..Default::default()
    };
    let dry = v1::CreateTopicRequest { validate_only: true, ..request.clone() };
    let dry = topics.create_topic(dry).await.expect("it could be made").into_inner();
    assert!(dry.validated_only && dry.topic.expect("described").id.is_empty());
    let made = topics.create_topic(request).await.expect("it is made").into_inner();
    let made = made.topic.expect("described");
    assert_eq!((made.id.len(), made.partitions), (16, 3));

    let topic = Some(named("flights"));
    let add =
        v1::AddPartitionsRequest { topic: topic.clone(), partitions: 5, validate_only: false };
    let added = topics.add_partitions(add).await.expect("more").into_inner();
    assert_eq!(added.topic.expect("described").partitions, 5);

    let alter = v1::AlterTopicConfigRequest {
        topic: topic.clone(),
        set: BTreeMap::from([("durability".to_owned(), "relaxed".to_owned())]),
        unset: vec!["retention.ms".to_owned()],
        validate_only: false,
    };
    let altered = topics.alter_topic_config(alter).await.expect("good settings").into_inner();
    let entry = |name: &str| {
        let entry = altered.config.iter().find(|entry| entry.name == name);
        entry.unwrap_or_else(|| panic!("{name} is a setting")).clone()
    };
    assert_eq!(entry("durability").value, "relaxed");
    assert_eq!(entry("durability").source(), v1::ConfigSource::Topic);
    assert_eq!(entry("retention.ms").source(), v1::ConfigSource::Default);
    assert!(altered.config.iter().all(|entry| !entry.documentation.is_empty()));

    let describe = v1::DescribeTopicRequest { topic: topic.clone() };
    let described = topics.describe_topic(describe.clone()).await.expect("there").into_inner();
    assert_eq!(described.partitions.len(), 5);
    let first = &described.partitions[0];
    assert_eq!((first.leader.is_some(), first.high_watermark), (true, Some(0)));

    let listed = topics.list_topics(v1::ListTopicsRequest::default()).await.expect("a list");
    let names: Vec<_> = listed.into_inner().topics.into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, ["flights"]);

    let deleted = topics.delete_topic(v1::DeleteTopicRequest { topic }).await.expect("deleted");
    assert_eq!(deleted.into_inner().id, made.id);
    topics.describe_topic(describe).await.expect_err("it is gone");
}

#[tokio::test]
async fn offsets_are_listed_and_records_deleted_partition_by_partition() {
    use v1::offset_at::At;
    let door = Door::with_topic("flights", 2).await;
    let records = [1_000, 3_000, 2_000]
        .map(|time| v1::Record { timestamp_ms: Some(time), ..Default::default() });
    let request = v1::PublishRequest {
        topic: "flights".to_owned(),
        partition: Some(0),
        records: records.to_vec(),
        ..Default::default()
    };
    door.producer().publish(request).await.expect("stored");
    let mut topics = door.topics();
    let queries = [
        (0, At::Earliest(v1::offset_at::Earliest {})),
        (0, At::Latest(v1::offset_at::Latest {})),
        (0, At::TimestampMs(1_500)),
        (0, At::TimestampMs(9_000)),
        (0, At::MaxTimestamp(v1::offset_at::MaxTimestamp {})),
        (9, At::Latest(v1::offset_at::Latest {})),
    ];
    let queries = queries.map(|(partition, at)| v1::OffsetQuery {
        partition,
        at: Some(v1::OffsetAt { at: Some(at) }),
    });
    let topic = Some(named("flights"));
    let request = v1::ListOffsetsRequest { topic: topic.clone(), queries: queries.to_vec() };
    let listed = topics.list_offsets(request).await.expect("a topic").into_inner();
    let offsets: Vec<_> = listed.offsets.iter().map(|listed| listed.offset).collect();
    assert_eq!(offsets, [Some(0), Some(3), Some(1), None, Some(1), None]);
    assert_eq!(listed.offsets[4].timestamp_ms, Some(3_000));
    let error = listed.offsets[5].error.as_ref().expect("there is no partition 9");
    assert_eq!(error.reason, "UNKNOWN_PARTITION");

    let all = v1::ListOffsetsRequest { topic: topic.clone(), queries: Vec::new() };
    let all = topics.list_offsets(all).await.expect("a topic").into_inner();
    assert_eq!(all.offsets.iter().map(|o| o.offset).collect::<Vec<_>>(), [Some(3), Some(0)]);

    let before = |partition, before_offset| v1::RecordsBefore { partition, before_offset };
    let partitions = vec![before(0, 2), before(1, 7), before(0, -1), before(0, -2)];
    let request = v1::DeleteRecordsRequest { topic, partitions };
    let deleted = topics.delete_records(request).await.expect("a topic").into_inner().partitions;
    let told: Vec<_> = deleted
        .iter()
        .map(|deleted| {
            (deleted.log_start, deleted.error.as_ref().map(|error| error.reason.as_str()))
        })
        .collect();
    let expected =
        [(2, None), (0, Some("OFFSET_OUT_OF_RANGE")), (3, None), (0, Some("INVALID_ARGUMENT"))];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_cluster_says_where_its_brokers_are() {
    let door = Door::open().await;
    let mut cluster = ClusterServiceClient::new(door.channel.clone());
    let described = cluster.describe_cluster(v1::DescribeClusterRequest {}).await;
    let described = described.expect("it answers").into_inner();
    assert_eq!((described.cluster_id.len(), described.brokers.len()), (16, 1));
    let broker = &described.brokers[0];
    assert_eq!(broker.id, described.broker_id);
    let port = door.server.grpc_address().expect("the door is on").port();
    assert!(broker.address.ends_with(&format!(":{port}")), "{}", broker.address);
    assert!(!described.version.is_empty());
    let features: Vec<_> = described.features.iter().map(|f| (&*f.name, f.version)).collect();
    assert_eq!(features, [("log.format", 1), ("metadata.version", 1)]);
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let door = Door::open().await;
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(door.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("it answers").into_inner().next().await.expect("one");
    let Some(MessageResponse::ListServicesResponse(listed)) =
        answer.expect("no error").message_response
    else {
        panic!("no list")
    };
    let names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    for name in [
        "ottla.v1.ProducerService",
        "ottla.v1.ConsumerService",
        "ottla.v1.TopicService",
        "ottla.v1.ClusterService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.iter().any(|listed| listed == name), "{name} in {names:?}");
    }
}
