//! What a request can make the server hold, counted by the allocator itself: for every API, requests that
//! list as much as they may in as few bytes as they can.
//!
//! What a request becomes when it is read has a bound of its own, which `ottla-kafka-codec` proves. Here
//! the work and the answer are added: a little for each thing that is listed, whatever it is.

#![allow(unsafe_code, reason = "an allocator that counts is unsafe to write; tests only")]
#![allow(clippy::too_many_lines, reason = "a table of requests is as long as it is")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use ottla_kafka_codec::messages::*;
use ottla_kafka_codec::schema::encode;
use ottla_kafka_codec::{ADVERTISED, Api, Message, RequestHead};

struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator as it is; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = layout.size() as i64;
        PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What may be held for one thing that is listed, beside eight times its bytes: its place while it is
/// worked on, and its answer with the reason.
const EACH_MAX: usize = 384;
const FREE: usize = 64 * 1024;

/// A request of so many things.
struct Case {
    name: String,
    key: i16,
    frame: Vec<u8>,
}

fn case<'a, M: Message<'a>>(name: &str, version: i16, request: &M) -> Case {
    let api = Api::numbered(M::KEY).expect("it is served");
    let head = RequestHead { key: M::KEY, version, correlation: 1 };
    let mut writer = head.write(None, api.is_flexible(version));
    encode(request, &mut writer);
    let frame = writer.finish().concat();
    Case { name: format!("{:?} {version} {name}", api.key), key: M::KEY, frame }
}

/// Short names, all different.
fn names(count: usize) -> impl Iterator<Item = String> {
    const DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    (0..count).map(|mut number| {
        let mut name = String::new();
        while name.is_empty() || number > 0 {
            name.push(DIGITS[number % DIGITS.len()] as char);
            number /= DIGITS.len();
        }
        name
    })
}

fn indexes(count: usize) -> Vec<i32> {
    (0..count as i32).collect()
}

fn of_topics(n: usize) -> Vec<Case> {
    let some: Vec<_> = names(n).collect();
    let named = |name: &String| std::borrow::Cow::from(name.clone());
    let metadata = metadata::MetadataRequest {
        topics: Some(
            some.iter()
                .map(|name| metadata::MetadataRequestTopic {
                    name: Some(named(name)),
                    ..Default::default()
                })
                .collect(),
        ),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    let created = create_topics::CreateTopicsRequest {
        topics: some
            .iter()
            .map(|name| create_topics::CreatableTopic {
                name: named(name),
                num_partitions: -1,
                replication_factor: -1,
                ..Default::default()
            })
            .collect(),
        validate_only: true,
        ..Default::default()
    };
    let deleted = delete_topics::DeleteTopicsRequest {
        topic_names: some.iter().map(named).collect(),
        ..Default::default()
    };
    let grown = create_partitions::CreatePartitionsRequest {
        topics: some
            .iter()
            .map(|name| create_partitions::CreatePartitionsTopic {
                name: named(name),
                count: 2,
                assignments: None,
            })
            .collect(),
        ..Default::default()
    };
    let paged = describe_topic_partitions::DescribeTopicPartitionsRequest {
        topics: some
            .iter()
            .map(|name| describe_topic_partitions::TopicRequest { name: named(name) })
            .collect(),
        response_partition_limit: 2_000,
        ..Default::default()
    };
    let coordinators = find_coordinator::FindCoordinatorRequest {
        coordinator_keys: some.iter().map(named).collect(),
        ..Default::default()
    };
    let features = update_features::UpdateFeaturesRequest {
        feature_updates: some
            .iter()
            .map(|name| update_features::FeatureUpdateKey {
                feature: named(name),
                max_version_level: 1,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    vec![
        case("unknown", 12, &metadata),
        case("unknown", 4, &metadata),
        case("validated", 7, &created),
        case("validated", 4, &created),
        case("unknown", 4, &deleted),
        case("unknown", 3, &grown),
        case("unknown", 0, &paged),
        case("many", 4, &coordinators),
        case("unknown", 2, &features),
    ]
}

fn of_settings(n: usize) -> Vec<Case> {
    let some: Vec<_> = names(n).collect();
    let named = |name: &String| std::borrow::Cow::from(name.clone());
    let described = describe_configs::DescribeConfigsRequest {
        resources: some
            .iter()
            .map(|name| describe_configs::DescribeConfigsResource {
                resource_type: 2,
                resource_name: named(name),
                configuration_keys: None,
            })
            .collect(),
        ..Default::default()
    };
    let keys = describe_configs::DescribeConfigsRequest {
        resources: vec![describe_configs::DescribeConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configuration_keys: Some(some.iter().map(named).collect()),
        }],
        ..Default::default()
    };
    let altered = alter_configs::AlterConfigsRequest {
        resources: some
            .iter()
            .map(|name| alter_configs::AlterConfigsResource {
                resource_type: 2,
                resource_name: named(name),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let one_altered = alter_configs::AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configs: some
                .iter()
                .map(|name| alter_configs::AlterableConfig {
                    name: named(name),
                    value: Some("1".into()),
                })
                .collect(),
        }],
        ..Default::default()
    };
    let edited = incremental_alter_configs::IncrementalAlterConfigsRequest {
        resources: some
            .iter()
            .map(|name| incremental_alter_configs::AlterConfigsResource {
                resource_type: 2,
                resource_name: named(name),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    vec![
        case("unknown", 4, &described),
        case("unknown keys", 4, &keys),
        case("unknown", 2, &altered),
        case("unknown settings", 2, &one_altered),
        case("unknown", 1, &edited),
    ]
}

fn of_partitions(topic: &'static str, n: usize) -> Vec<Case> {
    let produced = produce::ProduceRequest {
        acks: -1,
        topic_data: vec![produce::TopicProduceData {
            name: topic.into(),
            partition_data: indexes(n)
                .into_iter()
                .map(|index| produce::PartitionProduceData { index, records: None })
                .collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let fetched = fetch::FetchRequest {
        replica_id: -1,
        topics: vec![fetch::FetchTopic {
            topic: topic.into(),
            partitions: indexes(n)
                .into_iter()
                .map(|partition| fetch::FetchPartition { partition, ..Default::default() })
                .collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let listed = list_offsets::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![list_offsets::ListOffsetsTopic {
            name: topic.into(),
            partitions: indexes(n)
                .into_iter()
                .map(|partition_index| list_offsets::ListOffsetsPartition {
                    partition_index,
                    timestamp: -1,
                    ..Default::default()
                })
                .collect(),
        }],
        ..Default::default()
    };
    let deleted = delete_records::DeleteRecordsRequest {
        topics: vec![delete_records::DeleteRecordsTopic {
            name: topic.into(),
            partitions: indexes(n)
                .into_iter()
                .map(|partition_index| delete_records::DeleteRecordsPartition {
                    partition_index,
                    offset: 0,
                })
                .collect(),
        }],
        ..Default::default()
    };
    let epochs = offset_for_leader_epoch::OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: vec![offset_for_leader_epoch::OffsetForLeaderTopic {
            topic: topic.into(),
            partitions: indexes(n)
                .into_iter()
                .map(|partition| offset_for_leader_epoch::OffsetForLeaderPartition {
                    partition,
                    ..Default::default()
                })
                .collect(),
        }],
    };
    let sizes = |partitions| describe_log_dirs::DescribeLogDirsRequest {
        topics: Some(vec![describe_log_dirs::DescribableLogDirTopic {
            topic: topic.into(),
            partitions,
        }]),
    };
    let elected = |partitions| elect_leaders::ElectLeadersRequest {
        topic_partitions: Some(vec![elect_leaders::TopicPartitions {
            topic: topic.into(),
            partitions,
        }]),
        ..Default::default()
    };
    let quorum = describe_quorum::DescribeQuorumRequest {
        topics: vec![describe_quorum::TopicData {
            topic_name: "__cluster_metadata".into(),
            partitions: vec![describe_quorum::PartitionData { partition_index: 0 }; n],
        }],
    };
    let producers = describe_producers::DescribeProducersRequest {
        topics: vec![describe_producers::TopicRequest {
            name: topic.into(),
            partition_indexes: indexes(n),
        }],
    };
    let moved = list_partition_reassignments::ListPartitionReassignmentsRequest {
        topics: Some(vec![list_partition_reassignments::ListPartitionReassignmentsTopics {
            name: topic.into(),
            partition_indexes: indexes(n),
        }]),
        ..Default::default()
    };
    vec![
        case(topic, 9, &produced),
        case(topic, 12, &fetched),
        case(topic, 7, &listed),
        case(topic, 2, &deleted),
        case(topic, 4, &epochs),
        case(topic, 4, &sizes(indexes(n))),
        case("repeated", 4, &sizes(vec![0; n])),
        case(topic, 2, &elected(indexes(n))),
        case("repeated", 2, &elected(vec![0; n])),
        case("repeated", 2, &quorum),
        case(topic, 0, &producers),
        case(topic, 0, &moved),
    ]
}

fn of_one() -> Vec<Case> {
    let identity = init_producer_id::InitProducerIdRequest::default();
    let versions = api_versions::ApiVersionsRequest {
        client_software_name: "a".into(),
        client_software_version: "1".into(),
    };
    vec![
        case("", 4, &identity),
        case("", 4, &versions),
        case("", 2, &describe_cluster::DescribeClusterRequest::default()),
    ]
}

/// Asks, and takes the answer without keeping it; what the server held for it at most.
fn held_for(address: &str, frame: &[u8], buffer: &mut [u8]) -> (i64, usize) {
    let mut socket = TcpStream::connect(address).expect("the door is open");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    std::thread::sleep(Duration::from_millis(20));
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    socket.write_all(frame).expect("sent");
    let mut length = [0; 4];
    let mut size = 0;
    // Closed, where it lists too much.
    if socket.read_exact(&mut length).is_ok() {
        size = u32::from_be_bytes(length) as usize;
        let mut left = size;
        while left > 0 {
            let part = left.min(buffer.len());
            socket.read_exact(&mut buffer[..part]).expect("the frame is whole");
            left -= part;
        }
    }
    (PEAK.load(Relaxed) - before, size)
}

#[test]
fn what_a_request_takes_is_in_proportion_to_what_it_asks() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(ottla_server::testing::start());
    let address = server.kafka();
    let mut buffer = vec![0; 64 * 1024];
    let topic = create_topics::CreateTopicsRequest {
        topics: vec![create_topics::CreatableTopic {
            name: "t".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    held_for(&address, &case("", 7, &topic).frame, &mut buffer);
    for one in of_one() {
        held_for(&address, &one.frame, &mut buffer);
    }
    let mut asked = std::collections::BTreeSet::new();
    let mut over = String::new();
    for n in [1, 1_000, 20_000] {
        let lists = [of_topics(n), of_settings(n), of_partitions("t", n), of_partitions("no", n)];
        for case in lists.into_iter().flatten().chain(of_one()) {
            asked.insert(case.key);
            let (held, answer) = held_for(&address, &case.frame, &mut buffer);
            let limit = 8 * case.frame.len() + FREE + n * EACH_MAX;
            let each = (held - 8 * case.frame.len() as i64 - FREE as i64) / n as i64;
            let line = format!(
                "{}, {n} times, {} bytes: {held} held, {answer} answered ({each} each)\n",
                case.name,
                case.frame.len(),
            );
            if std::env::var_os("SHOW").is_some() {
                print!("{line}");
            }
            if held > limit as i64 {
                over.push_str(&line);
            }
        }
    }
    assert!(over.is_empty(), "more than is in proportion:\n{over}");
    let all: Vec<_> = ADVERTISED.iter().map(|api| api.key as i16).collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), all, "every API");
}
