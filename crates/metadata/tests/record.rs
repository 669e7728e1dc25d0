//! Records as bytes. These bytes are on people's disks: **an expectation here never changes**. A new
//! meaning gets a new kind or a higher version, and a test beside these.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use ottla_metadata::MetadataRecord;
use ottla_metadata::record::*;
use ottla_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, PartitionId, ProducerId, Timestamp, TopicId,
    TopicName,
};

fn check(record: MetadataRecord, expect: Expect) {
    let bytes = record.encode();
    expect.assert_eq(std::str::from_utf8(&bytes).expect("JSON is text"));
    assert_eq!(MetadataRecord::decode(&bytes).expect("what was encoded"), record);
}

fn topic() -> TopicId {
    TopicId::from_bytes([2; 16])
}

#[test]
fn cluster() {
    let cluster = ClusterId::from_bytes([1; 16]);
    let record = ClusterRecord { cluster, created_at: Timestamp(1_795_262_400_000) };
    check(
        MetadataRecord::Cluster(record),
        expect![[
            r#"{"kind":"cluster","version":1,"body":{"cluster":"01010101-0101-0101-0101-010101010101","created_at":1795262400000}}"#
        ]],
    );
}

#[test]
fn feature_level() {
    let record = FeatureLevelRecord { feature: "metadata.version".to_owned(), level: 1 };
    check(
        MetadataRecord::FeatureLevel(record),
        expect![[
            r#"{"kind":"feature_level","version":1,"body":{"feature":"metadata.version","level":1}}"#
        ]],
    );
}

#[test]
fn broker() {
    let record = BrokerRecord {
        broker: BrokerId(1),
        epoch: 4,
        directory: DirectoryId::from_bytes([3; 16]),
        boot: "6e1f".to_owned(),
        endpoints: vec![Endpoint {
            listener: "grpc".to_owned(),
            host: "localhost".to_owned(),
            port: 9095,
        }],
        registered_at: Timestamp(5),
    };
    check(
        MetadataRecord::Broker(record),
        expect![[
            r#"{"kind":"broker","version":1,"body":{"broker":1,"epoch":4,"directory":"03030303-0303-0303-0303-030303030303","boot":"6e1f","endpoints":[{"listener":"grpc","host":"localhost","port":9095}],"registered_at":5}}"#
        ]],
    );
}

#[test]
fn topic_and_its_partitions() {
    let record = TopicRecord {
        topic: topic(),
        name: TopicName::new("flights").expect("a good name"),
        created_at: Timestamp(6),
        config: BTreeMap::from([("retention.ms".to_owned(), "3600000".to_owned())]),
    };
    check(
        MetadataRecord::Topic(record),
        expect![[
            r#"{"kind":"topic","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","name":"flights","created_at":6,"config":{"retention.ms":"3600000"}}}"#
        ]],
    );
    let partitions = vec![Placement { replicas: vec![BrokerId(1)] }; 2];
    let record = PartitionsRecord { topic: topic(), first: PartitionId(0), partitions };
    check(
        MetadataRecord::Partitions(record),
        expect![[
            r#"{"kind":"partitions","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}"#
        ]],
    );
}

#[test]
fn leadership() {
    let change = LeadershipChange {
        partition: PartitionId(1),
        leader: Some(BrokerId(1)),
        leader_epoch: LeaderEpoch(7),
        isr: vec![BrokerId(1)],
    };
    let nobody = LeadershipChange { leader: None, isr: Vec::new(), ..change.clone() };
    let record = LeadershipRecord { topic: topic(), changes: vec![change, nobody] };
    check(
        MetadataRecord::Leadership(record),
        expect![[
            r#"{"kind":"leadership","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","changes":[{"partition":1,"leader":1,"leader_epoch":7,"isr":[1]},{"partition":1,"leader":null,"leader_epoch":7,"isr":[]}]}}"#
        ]],
    );
}

#[test]
fn topic_config_and_topic_deleted() {
    let changes = BTreeMap::from([
        ("durability".to_owned(), Some("relaxed".to_owned())),
        ("retention.ms".to_owned(), None),
    ]);
    check(
        MetadataRecord::TopicConfig(TopicConfigRecord { topic: topic(), changes }),
        expect![[
            r#"{"kind":"topic_config","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202","changes":{"durability":"relaxed","retention.ms":null}}}"#
        ]],
    );
    check(
        MetadataRecord::TopicDeleted(TopicDeletedRecord { topic: topic() }),
        expect![[
            r#"{"kind":"topic_deleted","version":1,"body":{"topic":"02020202-0202-0202-0202-020202020202"}}"#
        ]],
    );
}

#[test]
fn snapshot_and_producer_ids() {
    check(
        MetadataRecord::Snapshot(SnapshotRecord { records: 12 }),
        expect![[r#"{"kind":"snapshot","version":1,"body":{"records":12}}"#]],
    );
    let record =
        ProducerIdsRecord { broker: BrokerId(1), broker_epoch: 4, next: ProducerId(2_000) };
    check(
        MetadataRecord::ProducerIds(record),
        expect![[
            r#"{"kind":"producer_ids","version":1,"body":{"broker":1,"broker_epoch":4,"next":2000}}"#
        ]],
    );
}

fn check_refused(cases: &[&str], expect: Expect) {
    let refusal = |bytes: &&str| {
        let error = MetadataRecord::decode(bytes.as_bytes()).expect_err("it must be refused");
        format!("{error}\n")
    };
    expect.assert_eq(&cases.iter().map(refusal).collect::<String>());
}

/// C9: what this release does not know stops it.
#[test]
fn what_is_unknown_is_an_error() {
    check_refused(
        &[
            r#"{"kind":"quota","version":1,"body":{}}"#,
            r#"{"kind":"topic_deleted","version":2,"body":{}}"#,
            r#"{"kind":"topic_deleted","version":1,"body":{"soft":true}}"#,
        ],
        expect![[r#"
            metadata record of kind `quota` version 1 is not known to this release; start the release that wrote it, or a newer one
            metadata record of kind `topic_deleted` version 2 is not known to this release; start the release that wrote it, or a newer one
            metadata record of kind `topic_deleted` version 1 is damaged: unknown field `soft`, expected `topic`
        "#]],
    );
}

#[test]
fn what_is_damaged_is_an_error() {
    check_refused(
        &[
            "",
            "{}",
            r#"{"kind":"producer_ids","version":1,"body":{"broker":1}}"#,
            r#"{"kind":"topic","version":1,"body":{"topic":"x"}}"#,
        ],
        expect![[r#"
            metadata record is unreadable: EOF while parsing a value at line 1 column 0
            metadata record is unreadable: missing field `kind` at line 1 column 2
            metadata record of kind `producer_ids` version 1 is damaged: missing field `broker_epoch`
            metadata record of kind `topic` version 1 is damaged: UUID parsing failed: invalid character: found `x` at 0
        "#]],
    );
}

proptest::proptest! {
    /// No bytes make the reader panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = MetadataRecord::decode(&bytes);
        let _ = ottla_metadata::Snapshot::decode(&bytes);
    }
}
