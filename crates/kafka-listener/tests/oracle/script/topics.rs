//! Topics: made, described, grown and deleted.

use super::*;

impl Script {
    pub(super) fn create_topics(&mut self) {
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

    pub(super) fn metadata(&mut self) {
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

    pub(super) fn partitions(&mut self) {
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

    pub(super) fn delete_topics(&mut self) {
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
