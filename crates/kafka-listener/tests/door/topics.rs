//! Topics made, listed and deleted.

use ottla_kafka_codec::ErrorCode;
use ottla_kafka_codec::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    CreateTopicsResponse,
};
use ottla_kafka_codec::messages::delete_topics::{
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use ottla_kafka_codec::messages::describe_log_dirs::{
    DescribeLogDirsRequest, DescribeLogDirsResponse,
};
use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse,
};

use crate::support::{Client, Door};

/// The topics that are answered: name, code, partitions.
fn metadata(
    client: &mut Client,
    version: i16,
    names: Option<&[&'static str]>,
    create: bool,
) -> Vec<(String, ErrorCode, usize)> {
    let topic = |name: &&'static str| MetadataRequestTopic {
        name: Some((*name).into()),
        ..Default::default()
    };
    let request = MetadataRequest {
        topics: names.map(|names| names.iter().map(topic).collect()),
        allow_auto_topic_creation: create,
        ..Default::default()
    };
    let reply = client.ask(version, &request);
    let response = reply.read::<MetadataResponse<'_>>();
    let described = response.topics.into_iter().map(|topic| {
        let name = topic.name.unwrap_or_default().into_owned();
        (name, ErrorCode(topic.error_code), topic.partitions.len())
    });
    described.collect()
}

fn found(name: &str, partitions: usize) -> (String, ErrorCode, usize) {
    (name.to_owned(), ErrorCode::NONE, partitions)
}

#[test]
fn no_list_is_every_topic_and_an_empty_one_is_none_but_in_the_first_version() {
    let door = Door::open();
    let mut client = door.with_topic("b", 2);
    client.create_topic("a", 1);
    let both = [found("a", 1), found("b", 2)];
    assert_eq!(metadata(&mut client, 0, Some(&[]), true), both);
    for version in 1..=13 {
        assert_eq!(metadata(&mut client, version, None, true), both, "version {version}");
        assert_eq!(metadata(&mut client, version, Some(&[]), true), []);
        assert_eq!(metadata(&mut client, version, Some(&["b"]), true), [found("b", 2)]);
    }
}

#[test]
fn a_topic_is_made_by_asking_where_both_sides_allow_it() {
    let door = Door::open();
    let mut client = door.client();
    let unknown = |name: &str| (name.to_owned(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0);
    assert_eq!(metadata(&mut client, 4, Some(&["a"]), false), [unknown("a")]);
    assert_eq!(metadata(&mut client, 4, Some(&["a"]), true), [found("a", 1)]);
    assert_eq!(metadata(&mut client, 3, Some(&["b"]), false), [found("b", 1)]);
    let bad = ("a b".to_owned(), ErrorCode::INVALID_TOPIC_EXCEPTION, 0);
    assert_eq!(metadata(&mut client, 4, Some(&["a b"]), true), [bad]);
    let closed = Door::open_with(|config| config.topics.auto_create = false);
    assert_eq!(metadata(&mut closed.client(), 4, Some(&["a"]), true), [unknown("a")]);
}

#[test]
fn a_client_is_told_the_address_that_it_reached_unless_another_is_advertised() {
    let address = |door: &Door| {
        let reply = door.client().ask(13, &MetadataRequest::default());
        let response = reply.read::<MetadataResponse<'_>>();
        assert_eq!((response.controller_id, response.brokers[0].node_id), (1, 1));
        assert_eq!(response.cluster_id.expect("an id").len(), 22);
        (response.brokers[0].host.clone().into_owned(), response.brokers[0].port)
    };
    let door = Door::open();
    let (host, port) = address(&door);
    assert_eq!(format!("{host}:{port}"), door.server.kafka());
    let door = Door::open_with(|config| {
        config.kafka.0[0].advertised = Some(("broker.example".to_owned(), 19_092));
    });
    assert_eq!(address(&door), ("broker.example".to_owned(), 19_092));
}

#[test]
fn topics_are_found_by_id() {
    let door = Door::open();
    let mut client = door.client();
    let id = client.create_topic("t", 1);
    let by = |topic_id, name: Option<&'static str>| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: name.map(Into::into) }]),
        ..Default::default()
    };
    let mut ask = |version, request: &MetadataRequest<'_>| {
        let reply = client.ask(version, request);
        let topic = reply.read::<MetadataResponse<'_>>().topics.remove(0);
        (topic.name.map(|n| n.into_owned()), topic.topic_id, ErrorCode(topic.error_code))
    };
    assert_eq!(ask(12, &by(id, None)), (Some("t".to_owned()), id, ErrorCode::NONE));
    assert_eq!(ask(12, &by([9; 16], None)), (None, [9; 16], ErrorCode::UNKNOWN_TOPIC_ID));
    assert_eq!(ask(10, &by(id, None)).2, ErrorCode::INVALID_REQUEST);
}

fn wanted(name: &str, partitions: i32, replicas: i16) -> CreatableTopic<'_> {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: replicas,
        ..Default::default()
    }
}

#[test]
fn every_version_makes_a_topic() {
    let door = Door::open_with(|config| config.topics.partitions = 3);
    let mut client = door.client();
    for version in 2..=7 {
        let name = format!("t{version}");
        let mut topic = wanted(&name, -1, -1);
        topic.configs =
            vec![CreatableTopicConfig { name: "retention.ms".into(), value: Some("60000".into()) }];
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let reply = client.ask(version, &request);
        let made = reply.read::<CreateTopicsResponse<'_>>().topics.remove(0);
        assert_eq!((made.error_code, made.error_message), (0, None), "version {version}");
        if version >= 5 {
            assert_eq!((made.num_partitions, made.replication_factor), (3, 1));
            let configs = made.configs.expect("settings");
            let set: Vec<_> = configs.iter().filter(|c| c.config_source == 1).collect();
            assert_eq!(set.len(), 1);
            assert_eq!((&*set[0].name, set[0].value.as_deref()), ("retention.ms", Some("60000")));
        }
        assert_eq!(made.topic_id != [0; 16], version >= 7);
    }
}

#[test]
fn what_is_wrong_with_a_wanted_topic_has_kafkas_code() {
    let door = Door::open();
    let mut client = door.with_topic("there", 1);
    let with_config = |name: &'static str, value: Option<&'static str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: name.into(), value: value.map(Into::into) }],
        ..wanted("t", 1, 1)
    };
    let assigned = |indexes: &[i32], broker| CreatableTopic {
        assignments: indexes
            .iter()
            .map(|index| CreatableReplicaAssignment {
                partition_index: *index,
                broker_ids: vec![broker],
            })
            .collect(),
        ..wanted("t", -1, -1)
    };
    let cases = [
        (wanted("there", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS),
        (wanted("", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (wanted("..", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (wanted("t", 0, 1), ErrorCode::INVALID_PARTITIONS),
        (wanted("t", -2, 1), ErrorCode::INVALID_PARTITIONS),
        (wanted("t", 1_000_000, 1), ErrorCode::INVALID_PARTITIONS),
        (wanted("t", 1, 3), ErrorCode::INVALID_REPLICATION_FACTOR),
        (wanted("t", 1, 0), ErrorCode::INVALID_REPLICATION_FACTOR),
        (with_config("no.such.setting", Some("1")), ErrorCode::INVALID_CONFIG),
        (with_config("retention.ms", Some("soon")), ErrorCode::INVALID_CONFIG),
        (with_config("retention.ms", None), ErrorCode::INVALID_CONFIG),
        (with_config("compression.type", Some("gzip")), ErrorCode::INVALID_CONFIG),
        (assigned(&[0, 2], 1), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[0, 1], 5), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (CreatableTopic { num_partitions: 1, ..assigned(&[0], 1) }, ErrorCode::INVALID_REQUEST),
        (assigned(&[1, 0], 1), ErrorCode::NONE),
    ];
    for (topic, code) in cases {
        let request =
            CreateTopicsRequest { topics: vec![topic], validate_only: true, ..Default::default() };
        let reply = client.ask(7, &request);
        let made = reply.read::<CreateTopicsResponse<'_>>().topics.remove(0);
        assert_eq!(ErrorCode(made.error_code), code, "{request:?}: {made:?}");
        assert_eq!(made.error_message.is_some(), code != ErrorCode::NONE, "{request:?}");
    }
    assert_eq!(metadata(&mut client, 4, None, true), [found("there", 1)], "only validated");
    let twice = vec![wanted("t", 1, 1), wanted("t", 1, 1)];
    let reply = client.ask(7, &CreateTopicsRequest { topics: twice, ..Default::default() });
    let made = reply.read::<CreateTopicsResponse<'_>>().topics;
    assert!(made.iter().all(|topic| ErrorCode(topic.error_code) == ErrorCode::INVALID_REQUEST));
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let door = Door::open();
    let mut client = door.client();
    for version in 1..=6 {
        let id = client.create_topic("t", 1);
        let state = DeleteTopicState { name: None, topic_id: id };
        let request = DeleteTopicsRequest {
            topics: vec![state],
            topic_names: vec!["t".into()],
            ..Default::default()
        };
        let mut delete = || {
            let reply = client.ask(version, &request);
            let deleted = reply.read::<DeleteTopicsResponse<'_>>().responses.remove(0);
            (deleted.name.map(|name| name.into_owned()), ErrorCode(deleted.error_code))
        };
        assert_eq!(delete(), (Some("t".to_owned()), ErrorCode::NONE), "version {version}");
        let again = match version {
            6 => (None, ErrorCode::UNKNOWN_TOPIC_ID),
            _ => (Some("t".to_owned()), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
        assert_eq!(delete(), again);
    }
}

#[test]
fn the_directory_says_how_large_its_disk_is() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let reply = client.ask(4, &DescribeLogDirsRequest { topics: None });
    let answer = reply.read::<DescribeLogDirsResponse<'_>>();
    let [directory] = &answer.results[..] else { panic!("one directory: {answer:?}") };
    assert!(0 < directory.usable_bytes && directory.usable_bytes <= directory.total_bytes);
}
