//! Records: written, found by offset, time and epoch, and deleted.

use super::*;

impl Script {
    pub(super) fn produce(&mut self) {
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

    pub(super) fn idempotence(&mut self) {
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

    pub(super) fn list_offsets(&mut self) {
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

    pub(super) fn epochs(&mut self) {
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

    pub(super) fn delete_records(&mut self) {
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

    /// Records of long ago and of far ahead, on topics that take neither.
    pub(super) fn timestamps(&mut self) {
        use produce::ProduceResponse;
        const A_DAY: &str = "86400000";
        let bounds = ["message.timestamp.before.max.ms", "message.timestamp.after.max.ms"];
        for (name, bound) in ["past", "future"].into_iter().zip(bounds) {
            let topic = create_topics::CreatableTopic {
                name: name.into(),
                num_partitions: 1,
                replication_factor: 1,
                configs: vec![create_topics::CreatableTopicConfig {
                    name: bound.into(),
                    value: Some(A_DAY.into()),
                }],
                ..Default::default()
            };
            let topics = vec![topic];
            let create = create_topics::CreateTopicsRequest { topics, ..Default::default() };
            self.client.ask(5, &create).expect("answered");
        }
        let at = |timestamp| {
            let mut builder = BatchBuilder::new();
            builder.push(Timestamp(timestamp), None, Some(b"x"), NO_HEADERS);
            builder.finish(&BatchOptions::default())
        };
        for version in [5, 8, 12] {
            let request = producing("past", 0, vec![at(5)]);
            step!(self, "produce of long ago", version, ProduceResponse<'_>, request);
            let request = producing("future", 0, vec![at(9_000_000_000_000)]);
            step!(self, "produce of far ahead", version, ProduceResponse<'_>, request);
        }
        let request = producing("past", 0, vec![at(-1)]);
        step!(self, "produce without a time", 12, ProduceResponse<'_>, request);
    }
}
