//! What is asked, in order. Names of steps are stable: the recorded answers and the listed differences go by them.

#![allow(clippy::too_many_lines, reason = "a script is as long as it is")]

use std::fmt::Write as _;

use bytes::Bytes;
use ottla_kafka_codec::messages::*;
use ottla_kafka_codec::{Message, Records};
use ottla_model::{ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{BatchBuilder, BatchOptions, Compression, NO_HEADERS};

use crate::client::{Body, Client};
use crate::shown::shown;

/// Runs the script and answers its lines.
pub(crate) fn run(client: Client) -> String {
    let mut script = Script { client, learned: Vec::new(), lines: String::new() };
    script.create_topics();
    script.metadata();
    script.produce();
    script.idempotence();
    script.fetch();
    script.list_offsets();
    script.epochs();
    script.configs();
    script.delete_records();
    script.partitions();
    script.cluster();
    script.delete_topics();
    script.lines
}

struct Script {
    client: Client,
    /// What stands for values that no two clusters share.
    learned: Vec<(String, String)>,
    lines: String,
}

/// Asks, and shows the answer under a name.
macro_rules! step {
    ($script:ident, $name:expr, $version:expr, $answer:ty, $request:expr) => {{
        let name = format!("{} v{}", $name, $version);
        let body = $script.ask(&name, $version, &$request);
        if let Some(body) = &body {
            let answer = body.read::<$answer>();
            $script.show(&name, &answer);
        }
    }};
}

impl Script {
    fn ask<'a>(&mut self, name: &str, version: i16, request: &impl Message<'a>) -> Option<Body> {
        let body = self.client.ask(version, request);
        if body.is_none() {
            writeln!(self.lines, "{name}: the connection is closed").expect("a string");
            self.client = self.client.again();
        }
        body
    }

    fn show(&mut self, name: &str, answer: &impl std::fmt::Debug) {
        writeln!(self.lines, "{name}: {}", shown(answer, &self.learned)).expect("a string");
    }

    fn learn(&mut self, value: &impl std::fmt::Debug, name: &str) {
        self.learned.push((format!("{value:?}"), name.to_owned()));
    }

    fn create_topics(&mut self) {
        use create_topics::*;
        let topic = |name: &'static str, partitions, replicas| CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: replicas,
            ..Default::default()
        };
        let create = |topics| CreateTopicsRequest { topics, ..Default::default() };
        for (version, name) in (2..=7).zip(["c2", "c3", "c4", "c5", "c6", "c7"]) {
            let body =
                self.client.ask(version, &create(vec![topic(name, 2, 1)])).expect("answered");
            let mut answer = body.read::<CreateTopicsResponse<'_>>();
            if version == 7 {
                self.learn(&answer.topics[0].topic_id, "ID");
            }
            // The settings of a topic are compared where they are described.
            answer.topics[0].configs = None;
            self.show(&format!("create v{version}"), &answer);
        }
        let with = |name: &'static str, value: Option<&'static str>| CreatableTopic {
            configs: vec![CreatableTopicConfig { name: name.into(), value: value.map(Into::into) }],
            ..topic("n", 1, 1)
        };
        let assigned = |partitions: &[(i32, i32)]| CreatableTopic {
            assignments: partitions
                .iter()
                .map(|(index, broker)| CreatableReplicaAssignment {
                    partition_index: *index,
                    broker_ids: vec![*broker],
                })
                .collect(),
            ..topic("n", -1, -1)
        };
        let cases = [
            ("exists", vec![topic("c7", 1, 1)]),
            ("no name", vec![topic("", 1, 1)]),
            ("two dots", vec![topic("..", 1, 1)]),
            ("bad name", vec![topic("a b", 1, 1)]),
            ("no partitions", vec![topic("n", 0, 1)]),
            ("negative partitions", vec![topic("n", -2, 1)]),
            ("too many replicas", vec![topic("n", 1, 3)]),
            ("no replicas", vec![topic("n", 1, 0)]),
            ("unknown setting", vec![with("no.such", Some("1"))]),
            ("bad setting", vec![with("retention.ms", Some("soon"))]),
            ("null setting", vec![with("retention.ms", None)]),
            ("gap in assignment", vec![assigned(&[(0, 1), (2, 1)])]),
            ("unknown broker", vec![assigned(&[(0, 5)])]),
            (
                "count and assignment",
                vec![CreatableTopic { num_partitions: 1, ..assigned(&[(0, 1)]) }],
            ),
            ("twice", vec![topic("n", 1, 1), topic("n", 1, 1)]),
        ];
        for (name, topics) in cases {
            let name = format!("create {name}");
            for version in [4, 7] {
                let request = CreateTopicsRequest { validate_only: true, ..create(topics.clone()) };
                step!(self, name, version, CreateTopicsResponse<'_>, request);
            }
        }
    }

    fn metadata(&mut self) {
        use metadata::*;
        let one = |name: &'static str| MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: Some(name.into()),
                ..Default::default()
            }]),
            allow_auto_topic_creation: false,
            include_cluster_authorized_operations: true,
            include_topic_authorized_operations: true,
        };
        let body = self.client.ask(13, &one("c7")).expect("answered");
        let cluster = body.read::<MetadataResponse<'_>>().cluster_id;
        self.learn(&cluster, "CLUSTER");
        for version in 0..=13 {
            step!(self, "metadata", version, MetadataResponse<'_>, one("c7"));
        }
        for version in [4, 12] {
            step!(self, "metadata unknown", version, MetadataResponse<'_>, one("nowhere"));
            step!(self, "metadata bad name", version, MetadataResponse<'_>, one("a b"));
        }
        let by_id = |id| MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { topic_id: id, name: None }]),
            ..Default::default()
        };
        step!(self, "metadata unknown id", 12, MetadataResponse<'_>, by_id([9; 16]));
        let none = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        step!(self, "metadata none", 1, MetadataResponse<'_>, none);
    }

    fn produce(&mut self) {
        use produce::*;
        for version in [3, 5, 8, 12] {
            let request = producing("c6", 0, vec![plain(&["a", "b"])]);
            step!(self, "produce", version, ProduceResponse<'_>, request);
        }
        let good = plain(&["a"]);
        let flipped = |at: usize| {
            let mut bytes = good.to_vec();
            bytes[at] ^= 0xff;
            Bytes::from(bytes)
        };
        let made = |options: BatchOptions| batch(&["a"], options);
        let zstd = BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() };
        let transactional = BatchOptions {
            transactional: true,
            producer_id: ProducerId(77),
            producer_epoch: ProducerEpoch(0),
            base_sequence: Sequence(0),
            ..BatchOptions::default()
        };
        let large = "x".repeat(2 * 1024 * 1024);
        let cases = [
            ("bad checksum", 9, 0, vec![flipped(good.len() - 1)]),
            ("old format", 9, 0, vec![flipped(16)]),
            ("two batches", 9, 0, vec![good.clone(), good.clone()]),
            ("no batch", 9, 0, vec![]),
            ("too large", 9, 0, vec![plain(&[&large])]),
            ("zstd too early", 6, 0, vec![made(zstd)]),
            ("transaction without id", 9, 0, vec![made(transactional)]),
            ("unknown partition", 9, 7, vec![good.clone()]),
            ("negative partition", 9, -1, vec![good.clone()]),
        ];
        for (name, version, partition, batches) in cases {
            let request = producing("c6", partition, batches);
            step!(self, format!("produce {name}"), version, ProduceResponse<'_>, request);
        }
        let request = producing("nowhere", 0, vec![good.clone()]);
        step!(self, "produce unknown topic", 9, ProduceResponse<'_>, request);
        let mut request = producing("", 0, vec![good.clone()]);
        request.topic_data[0].topic_id = [9; 16];
        step!(self, "produce unknown id", 13, ProduceResponse<'_>, request);
        let request = ProduceRequest { acks: 2, ..producing("c6", 0, vec![good]) };
        step!(self, "produce bad acks", 9, ProduceResponse<'_>, request);
    }

    fn idempotence(&mut self) {
        use init_producer_id::*;
        use produce::ProduceResponse;
        let mut id = -1;
        // The first answers may be that the coordinator is loading.
        for _ in 0..50 {
            let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
            let body = self.client.ask(4, &request).expect("answered");
            id = body.read::<InitProducerIdResponse>().producer_id;
            if id >= 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let numbered = |epoch, sequence| {
            batch(
                &["n"],
                BatchOptions {
                    producer_id: ProducerId(id),
                    producer_epoch: ProducerEpoch(epoch),
                    base_sequence: Sequence(sequence),
                    ..BatchOptions::default()
                },
            )
        };
        let steps = [
            (0, 0),
            (0, 1),
            (0, 2),
            (0, 3),
            (0, 4),
            (0, 5),
            (0, 5),
            (0, 2),
            (0, 0),
            (0, 9),
            (1, 3),
            (1, 0),
            (0, 6),
        ];
        for (place, (epoch, sequence)) in steps.into_iter().enumerate() {
            let name = format!("idempotent {place}: epoch {epoch} sequence {sequence}");
            let request = producing("c5", 0, vec![numbered(epoch, sequence)]);
            step!(self, name.replace(": ", " "), 9, ProduceResponse<'_>, request);
        }
        use describe_producers::*;
        let request = |name: &'static str, partition| DescribeProducersRequest {
            topics: vec![TopicRequest { name: name.into(), partition_indexes: vec![partition] }],
        };
        self.learned.push((format!("producer_id: {id}"), "producer_id: PID".to_owned()));
        step!(self, "producers", 0, DescribeProducersResponse<'_>, request("c5", 0));
        step!(
            self,
            "producers unknown partition",
            0,
            DescribeProducersResponse<'_>,
            request("c5", 9)
        );
        step!(self, "producers unknown topic", 0, DescribeProducersResponse<'_>, request("no", 0));
    }

    fn fetch(&mut self) {
        use fetch::*;
        let from = |topic: &'static str, offset| FetchRequest {
            replica_id: -1,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: vec![FetchPartition {
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        for version in [4, 5, 7, 9, 11, 12] {
            step!(self, "fetch", version, FetchResponse<'_>, from("c6", 2));
            let committed = FetchRequest { isolation_level: 1, ..from("c6", 2) };
            step!(self, "fetch committed", version, FetchResponse<'_>, committed);
        }
        step!(self, "fetch within a batch", 12, FetchResponse<'_>, from("c6", 7));
        step!(self, "fetch end", 12, FetchResponse<'_>, from("c6", 8));
        step!(self, "fetch beyond", 12, FetchResponse<'_>, from("c6", 9));
        step!(self, "fetch negative", 12, FetchResponse<'_>, from("c6", -1));
        step!(self, "fetch unknown topic", 12, FetchResponse<'_>, from("nowhere", 0));
        let mut request = from("c6", 0);
        request.topics[0].partitions[0].partition = 9;
        step!(self, "fetch unknown partition", 12, FetchResponse<'_>, request);
        let mut request = from("", 0);
        request.topics[0].topic_id = [9; 16];
        step!(self, "fetch unknown id", 13, FetchResponse<'_>, request);
        let mut request = from("c6", 0);
        request.topics[0].partitions[0].current_leader_epoch = 1_000;
        step!(self, "fetch newer epoch", 12, FetchResponse<'_>, request);
        let request = FetchRequest { session_id: 5, session_epoch: 1, ..from("c6", 0) };
        step!(self, "fetch unknown session", 12, FetchResponse<'_>, request);
        let mut request = from("c6", 0);
        request.max_bytes = 1;
        request.topics[0].partitions[0].partition_max_bytes = 1;
        step!(self, "fetch one byte", 12, FetchResponse<'_>, request);
    }

    fn list_offsets(&mut self) {
        use list_offsets::*;
        let at = |topic: &'static str, partition, timestamp| ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.into(),
                partitions: vec![ListOffsetsPartition {
                    partition_index: partition,
                    timestamp,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        for version in 1..=11 {
            for timestamp in [-1, -2, -3, -4, -5, -6, 0, FIRST + 1, FIRST + 9] {
                let name = format!("offset at {timestamp}");
                step!(self, name, version, ListOffsetsResponse<'_>, at("c6", 0, timestamp));
            }
        }
        for timestamp in [-1, -2, -3, 0] {
            let name = format!("offset in nothing at {timestamp}");
            step!(self, name, 7, ListOffsetsResponse<'_>, at("c7", 1, timestamp));
        }
        step!(self, "offset in unknown topic", 7, ListOffsetsResponse<'_>, at("nowhere", 0, -1));
        step!(self, "offset in unknown partition", 7, ListOffsetsResponse<'_>, at("c6", 9, -1));
        let mut twice = at("c6", 0, -1);
        let again = twice.topics[0].partitions[0].clone();
        twice.topics[0].partitions.push(again);
        step!(self, "offset twice", 7, ListOffsetsResponse<'_>, twice);
    }

    fn epochs(&mut self) {
        use offset_for_leader_epoch::*;
        let of = |topic: &'static str, partition, current, epoch| OffsetForLeaderEpochRequest {
            replica_id: -1,
            topics: vec![OffsetForLeaderTopic {
                topic: topic.into(),
                partitions: vec![OffsetForLeaderPartition {
                    partition,
                    current_leader_epoch: current,
                    leader_epoch: epoch,
                }],
            }],
        };
        for version in 2..=4 {
            for epoch in [-1, 0, 5] {
                let name = format!("epoch {epoch}");
                step!(
                    self,
                    name,
                    version,
                    OffsetForLeaderEpochResponse<'_>,
                    of("c6", 0, -1, epoch)
                );
            }
        }
        step!(self, "epoch in nothing", 4, OffsetForLeaderEpochResponse<'_>, of("c7", 1, -1, 0));
        step!(self, "epoch fenced", 4, OffsetForLeaderEpochResponse<'_>, of("c6", 0, 1_000, 0));
        step!(self, "epoch unknown topic", 4, OffsetForLeaderEpochResponse<'_>, of("no", 0, -1, 0));
    }

    fn configs(&mut self) {
        {
            use incremental_alter_configs::*;
            let alter = |name: &'static str, operation, value: Option<&'static str>| {
                IncrementalAlterConfigsRequest {
                    resources: vec![AlterConfigsResource {
                        resource_type: 2,
                        resource_name: "c6".into(),
                        configs: vec![AlterableConfig {
                            name: name.into(),
                            config_operation: operation,
                            value: value.map(Into::into),
                        }],
                    }],
                    validate_only: false,
                }
            };
            let cases = [
                ("set", alter("retention.ms", 0, Some("60000"))),
                ("set without effect", alter("flush.messages", 0, Some("7"))),
                ("delete", alter("retention.ms", 1, None)),
                ("delete what is not set", alter("retention.bytes", 1, None)),
                ("append what is there", alter("cleanup.policy", 2, Some("delete"))),
                ("append to no list", alter("retention.ms", 2, Some("1"))),
                ("subtract from no list", alter("retention.ms", 3, Some("1"))),
                ("unknown", alter("no.such", 0, Some("1"))),
                ("bad", alter("retention.ms", 0, Some("soon"))),
                ("null", alter("retention.ms", 0, None)),
                ("operation", alter("retention.ms", 9, Some("1"))),
                (
                    "topic",
                    IncrementalAlterConfigsRequest {
                        resources: vec![AlterConfigsResource {
                            resource_type: 2,
                            resource_name: "nowhere".into(),
                            ..Default::default()
                        }],
                        ..Default::default()
                    },
                ),
            ];
            for (name, request) in cases {
                for version in 0..=1 {
                    let name = format!("incremental {name}");
                    step!(self, name, version, IncrementalAlterConfigsResponse<'_>, request);
                }
            }
        }
        {
            use alter_configs::*;
            let alter = |name: &'static str, value: Option<&'static str>| AlterConfigsRequest {
                resources: vec![AlterConfigsResource {
                    resource_type: 2,
                    resource_name: "c5".into(),
                    configs: vec![AlterableConfig {
                        name: name.into(),
                        value: value.map(Into::into),
                    }],
                }],
                validate_only: false,
            };
            for version in 0..=2 {
                step!(
                    self,
                    "alter",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("segment.ms", Some("70000"))
                );
                step!(
                    self,
                    "alter unknown",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("no.such", Some("1"))
                );
                step!(
                    self,
                    "alter null",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("segment.ms", None)
                );
            }
        }
        use describe_configs::*;
        let describe =
            |kind, name: &'static str, keys: Option<&[&'static str]>| DescribeConfigsRequest {
                resources: vec![DescribeConfigsResource {
                    resource_type: kind,
                    resource_name: name.into(),
                    configuration_keys: keys
                        .map(|keys| keys.iter().map(|key| (*key).into()).collect()),
                }],
                include_synonyms: true,
                include_documentation: false,
            };
        const KAFKAS: [&str; 26] = [
            "cleanup.policy",
            "compression.gzip.level",
            "compression.lz4.level",
            "compression.type",
            "compression.zstd.level",
            "delete.retention.ms",
            "file.delete.delay.ms",
            "flush.messages",
            "flush.ms",
            "follower.replication.throttled.replicas",
            "index.interval.bytes",
            "leader.replication.throttled.replicas",
            "local.retention.bytes",
            "local.retention.ms",
            "max.compaction.lag.ms",
            "message.timestamp.type",
            "min.cleanable.dirty.ratio",
            "min.compaction.lag.ms",
            "preallocate",
            "remote.storage.enable",
            "retention.bytes",
            "retention.ms",
            "segment.bytes",
            "segment.ms",
            "segment.index.bytes",
            "unclean.leader.election.enable",
        ];
        for version in 1..=4 {
            for topic in ["c5", "c6"] {
                for key in KAFKAS {
                    let name = format!("describe {topic} {key}");
                    let request = describe(2, topic, Some(&[key]));
                    step!(self, name, version, DescribeConfigsResponse<'_>, request);
                }
            }
        }
        step!(
            self,
            "describe unknown topic",
            4,
            DescribeConfigsResponse<'_>,
            describe(2, "no", None)
        );
        step!(self, "describe bad topic", 4, DescribeConfigsResponse<'_>, describe(2, "a b", None));
        step!(
            self,
            "describe other broker",
            4,
            DescribeConfigsResponse<'_>,
            describe(4, "9", None)
        );
        step!(self, "describe no broker", 4, DescribeConfigsResponse<'_>, describe(4, "x", None));
        step!(
            self,
            "describe unknown kind",
            4,
            DescribeConfigsResponse<'_>,
            describe(99, "x", None)
        );
    }

    fn delete_records(&mut self) {
        use delete_records::*;
        let before = |topic: &'static str, partition, offset| DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: topic.into(),
                partitions: vec![DeleteRecordsPartition { partition_index: partition, offset }],
            }],
            timeout_ms: 10_000,
        };
        let cases = [
            ("some", before("c6", 0, 3)),
            ("again", before("c6", 0, 2)),
            ("too many", before("c6", 0, 9)),
            ("negative", before("c6", 0, -2)),
            ("all", before("c6", 0, -1)),
            ("unknown topic", before("nowhere", 0, 1)),
            ("unknown partition", before("c6", 9, 1)),
        ];
        for (name, request) in cases {
            for version in 0..=2 {
                let name = format!("delete records {name}");
                step!(self, name, version, DeleteRecordsResponse<'_>, request);
            }
        }
    }

    fn partitions(&mut self) {
        {
            use create_partitions::*;
            let grow =
                |name: &'static str, count, brokers: Option<&[i32]>| CreatePartitionsRequest {
                    topics: vec![CreatePartitionsTopic {
                        name: name.into(),
                        count,
                        assignments: brokers.map(|brokers| {
                            let at =
                                |id: &i32| CreatePartitionsAssignment { broker_ids: vec![*id] };
                            brokers.iter().map(at).collect()
                        }),
                    }],
                    timeout_ms: 10_000,
                    validate_only: false,
                };
            for version in 0..=3 {
                let count = 3 + i32::from(version);
                step!(self, "grow", version, CreatePartitionsResponse<'_>, grow("c4", count, None));
                step!(
                    self,
                    "grow not",
                    version,
                    CreatePartitionsResponse<'_>,
                    grow("c4", count, None)
                );
                step!(self, "shrink", version, CreatePartitionsResponse<'_>, grow("c4", 1, None));
                step!(
                    self,
                    "grow unknown",
                    version,
                    CreatePartitionsResponse<'_>,
                    grow("no", 9, None)
                );
            }
            let assigned = grow("c4", 7, Some(&[9]));
            step!(self, "grow elsewhere", 3, CreatePartitionsResponse<'_>, assigned);
            let assigned = grow("c4", 8, Some(&[1]));
            step!(self, "grow with too few", 3, CreatePartitionsResponse<'_>, assigned);
        }
        {
            use describe_topic_partitions::*;
            let page = |names: &[&'static str], limit, cursor: Option<(&'static str, i32)>| {
                DescribeTopicPartitionsRequest {
                    topics: names
                        .iter()
                        .map(|name| TopicRequest { name: (*name).into() })
                        .collect(),
                    response_partition_limit: limit,
                    cursor: cursor.map(|(name, index)| Cursor {
                        topic_name: name.into(),
                        partition_index: index,
                    }),
                }
            };
            type Answer<'a> = DescribeTopicPartitionsResponse<'a>;
            step!(self, "page c7", 0, Answer<'_>, page(&["c7"], 2000, None));
            step!(self, "page unknown", 0, Answer<'_>, page(&["c7", "nowhere", "a b"], 2000, None));
            step!(self, "page of one", 0, Answer<'_>, page(&["c7"], 1, None));
            step!(self, "page from cursor", 0, Answer<'_>, page(&["c7"], 2000, Some(("c7", 1))));
        }
        {
            use elect_leaders::*;
            let elect = |name: &'static str, kind| ElectLeadersRequest {
                election_type: kind,
                topic_partitions: Some(vec![TopicPartitions {
                    topic: name.into(),
                    partitions: vec![0],
                }]),
                ..Default::default()
            };
            for version in 0..=2 {
                step!(self, "elect", version, ElectLeadersResponse<'_>, elect("c7", 0));
                step!(self, "elect unknown", version, ElectLeadersResponse<'_>, elect("no", 0));
            }
            step!(self, "elect unclean", 2, ElectLeadersResponse<'_>, elect("c7", 1));
        }
        use list_partition_reassignments::*;
        let all = ListPartitionReassignmentsRequest { topics: None, ..Default::default() };
        step!(self, "reassignments", 0, ListPartitionReassignmentsResponse<'_>, all);
    }

    fn cluster(&mut self) {
        {
            use describe_cluster::*;
            let ask = |kind| DescribeClusterRequest {
                include_cluster_authorized_operations: true,
                endpoint_type: kind,
                ..Default::default()
            };
            let cluster = self.client.ask(2, &ask(1)).expect("answered");
            let cluster = cluster.read::<DescribeClusterResponse<'_>>().cluster_id.into_owned();
            self.learn(&cluster, "CLUSTER");
            for version in 0..=2 {
                step!(self, "cluster", version, DescribeClusterResponse<'_>, ask(1));
            }
            step!(self, "cluster of controllers", 2, DescribeClusterResponse<'_>, ask(2));
            step!(self, "cluster of nobody", 2, DescribeClusterResponse<'_>, ask(3));
        }
        {
            use update_features::*;
            let update = |feature: &'static str, level, kind| UpdateFeaturesRequest {
                feature_updates: vec![FeatureUpdateKey {
                    feature: feature.into(),
                    max_version_level: level,
                    upgrade_type: kind,
                    ..Default::default()
                }],
                validate_only: true,
                ..Default::default()
            };
            for version in 1..=2 {
                type Answer<'a> = UpdateFeaturesResponse<'a>;
                step!(
                    self,
                    "feature as it is",
                    version,
                    Answer<'_>,
                    update("metadata.version", 30, 1)
                );
                step!(
                    self,
                    "feature too high",
                    version,
                    Answer<'_>,
                    update("metadata.version", 99, 1)
                );
                step!(self, "feature unknown", version, Answer<'_>, update("no.such", 1, 1));
            }
        }
        {
            use describe_quorum::*;
            let of = |name: &'static str| DescribeQuorumRequest {
                topics: vec![TopicData {
                    topic_name: name.into(),
                    partitions: vec![PartitionData { partition_index: 0 }],
                }],
            };
            for version in 0..=2 {
                step!(self, "quorum of another", version, DescribeQuorumResponse<'_>, of("c7"));
            }
        }
        use describe_log_dirs::*;
        let of = |name: &'static str| DescribeLogDirsRequest {
            topics: Some(vec![DescribableLogDirTopic { topic: name.into(), partitions: vec![0] }]),
        };
        // An empty partition: sizes of files are our own.
        for version in 1..=5 {
            let body = self.client.ask(version, &of("c7")).expect("answered");
            let mut answer = body.read::<DescribeLogDirsResponse<'_>>();
            for result in &mut answer.results {
                (result.total_bytes, result.usable_bytes) = (-1, -1);
            }
            self.show(&format!("log dirs v{version}"), &answer);
        }
    }

    fn delete_topics(&mut self) {
        use delete_topics::*;
        let name = |name: &'static str| DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(name.into()), topic_id: [0; 16] }],
            topic_names: vec![name.into()],
            timeout_ms: 10_000,
        };
        for version in 1..=6 {
            step!(self, "delete unknown", version, DeleteTopicsResponse<'_>, name("nowhere"));
        }
        for (version, topic) in [(1, "c2"), (4, "c3"), (5, "c4"), (6, "c7")] {
            step!(self, format!("delete {topic}"), version, DeleteTopicsResponse<'_>, name(topic));
        }
        let both = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some("c5".into()), topic_id: [9; 16] }],
            timeout_ms: 10_000,
            ..Default::default()
        };
        step!(self, "delete by both", 6, DeleteTopicsResponse<'_>, both);
        let neither = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: None, topic_id: [9; 16] }],
            timeout_ms: 10_000,
            ..Default::default()
        };
        step!(self, "delete unknown id", 6, DeleteTopicsResponse<'_>, neither);
    }
}

/// The timestamp of the first record of every batch.
const FIRST: i64 = 1_790_000_000_000;

fn plain(values: &[&str]) -> Bytes {
    batch(values, BatchOptions::default())
}

fn batch(values: &[&str], options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (place, value) in values.iter().enumerate() {
        builder.push(Timestamp(FIRST + place as i64), None, Some(value.as_bytes()), NO_HEADERS);
    }
    builder.finish(&options)
}

fn producing(topic: &str, index: i32, batches: Vec<Bytes>) -> produce::ProduceRequest<'_> {
    produce::ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![produce::TopicProduceData {
            name: topic.into(),
            partition_data: vec![produce::PartitionProduceData {
                index,
                records: Some(Records(batches)),
            }],
            ..Default::default()
        }],
    }
}
