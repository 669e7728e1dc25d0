//! Publishing by call and producing by stream.

use bytes::Bytes;
use ottla_model::{Outcome, Retry};
use ottla_wire::{RichError, v1};

use crate::support::{Door, batch, numbered_batch, request};

#[tokio::test]
async fn batches_are_acknowledged_with_their_offsets_and_how_safe_they_are() {
    let door = Door::with_topic("flights", 1).await;
    let mut produce = door.produce().await;
    for correlation in 0..100 {
        produce.send(request(correlation, "flights", batch(&["a", "b", "c"])));
    }
    let mut answers = Vec::new();
    for _ in 0..100 {
        let (correlation, answer) = produce.answer().await;
        answers.push((correlation, answer.expect("it is stored")));
    }
    answers.sort_by_key(|(correlation, _)| *correlation);
    for (correlation, ack) in answers {
        assert_eq!(ack.base_offset, 3 * correlation as i64, "in the order sent");
        assert_eq!(ack.durability(), v1::Durability::Fsync);
        assert_eq!(ack.acks(), v1::Acks::All);
        assert!(!ack.duplicate);
    }
}

/// A relaxed topic, and requests that want more, and that want less: by stream and by call.
#[tokio::test]
async fn a_request_raises_a_relaxed_topics_durability_for_its_records() {
    let door = Door::with_topic("flights", 1).await;
    let relaxed = v1::CreateTopicRequest {
        name: "ticks".to_owned(),
        partitions: 1,
        config: [("durability".to_owned(), "relaxed".to_owned())].into(),
        ..Default::default()
    };
    door.topics().create_topic(relaxed).await.expect("it is made");
    let mut produce = door.produce().await;
    let (fsync, less) = (v1::Durability::Fsync, v1::Durability::Relaxed);
    for (correlation, topic, wanted, stated) in
        [(1, "ticks", fsync, fsync), (2, "ticks", less, less), (3, "flights", less, fsync)]
    {
        let durability = wanted as i32;
        let request = request(correlation, topic, batch(&["a"]));
        produce.send(v1::ProduceRequest { durability, ..request });
        let (_, answer) = produce.answer().await;
        assert_eq!(answer.expect("it is stored").durability(), stated, "{topic}");
    }
    let record = v1::Record { value: Some(Bytes::from_static(b"b")), ..Default::default() };
    let request = v1::PublishRequest {
        topic: "ticks".to_owned(),
        records: vec![record],
        durability: fsync as i32,
        ..Default::default()
    };
    let published = door.producer().publish(request).await.expect("stored").into_inner();
    assert_eq!(published.batches[0].durability(), fsync);
}

#[tokio::test]
async fn the_error_of_one_batch_ends_nothing() {
    let door = Door::with_topic("flights", 1).await;
    let mut produce = door.produce().await;
    let mut broken = batch(&["x"]).to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    produce.send(request(1, "flights", batch(&["a"])));
    produce.send(request(2, "flights", broken.into()));
    produce.send(request(3, "flihgts", batch(&["a"])));
    produce.send(request(4, "my topic", batch(&["a"])));
    produce.send(v1::ProduceRequest { partition: 7, ..request(5, "flights", batch(&["a"])) });
    produce.send(v1::ProduceRequest { acks: 77, ..request(6, "flights", batch(&["a"])) });
    produce.send(v1::ProduceRequest { topic: None, ..request(7, "", batch(&["a"])) });
    produce.send(request(8, "flights", batch(&["b"])));
    let mut answers = Vec::new();
    for _ in 0..8 {
        let (correlation, answer) = produce.answer().await;
        let told = answer.map(|ack| ack.base_offset).map_err(|error| error.reason);
        answers.push((correlation, told));
    }
    answers.sort();
    let refused = |reason: &str| Err(reason.to_owned());
    let expected = [
        (1, Ok(0)),
        (2, refused("INVALID_BATCH")),
        (3, refused("UNKNOWN_TOPIC")),
        (4, refused("INVALID_TOPIC_NAME")),
        (5, refused("UNKNOWN_PARTITION")),
        (6, refused("INVALID_ARGUMENT")),
        (7, refused("INVALID_ARGUMENT")),
        (8, Ok(1)),
    ];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn a_batch_sent_again_is_answered_with_its_first_offset() {
    let door = Door::with_topic("flights", 1).await;
    let identity = door.producer().allocate_producer_id(v1::AllocateProducerIdRequest {}).await;
    let producer = identity.expect("there are ids").into_inner().producer_id;
    let mut produce = door.produce().await;
    let batches = [("first", 0), ("second", 1), ("first", 0), ("third", 3)];
    for (index, (value, sequence)) in batches.into_iter().enumerate() {
        let batch = numbered_batch(producer, sequence, &[value]);
        produce.send(request(index as u64, "flights", batch));
        let (_, answer) = produce.answer().await;
        match index {
            0 | 1 => assert_eq!(answer.expect("new").base_offset, index as i64),
            2 => {
                let ack = answer.expect("known");
                assert_eq!((ack.base_offset, ack.duplicate), (0, true));
            }
            _ => {
                let error = answer.expect_err("a gap");
                assert_eq!(error.reason, "OUT_OF_ORDER_SEQUENCE");
                assert_eq!(error.outcome, Outcome::DidNotHappen);
            }
        }
    }
}

#[tokio::test]
async fn half_closing_ends_the_stream_well_after_the_last_answer() {
    let door = Door::with_topic("flights", 2).await;
    let mut produce = door.produce().await;
    for correlation in 0..10 {
        let partition = correlation as u32 % 2;
        let request = request(correlation, "flights", batch(&["a"]));
        produce.send(v1::ProduceRequest { partition, ..request });
    }
    produce.half_close();
    let mut count = 0;
    while produce.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 10);
}

#[tokio::test]
async fn plain_records_of_one_key_go_to_one_partition_and_every_record_is_accounted_for() {
    let door = Door::with_topic("flights", 8).await;
    let record = |key: &str, value: usize| v1::Record {
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: Some(value.to_string().into()),
        ..Default::default()
    };
    let keys = ["LIS", "OPO", "FAO", "LIS", "MUC", "LIS"];
    let request = v1::PublishRequest {
        topic: "flights".to_owned(),
        records: keys.iter().enumerate().map(|(index, key)| record(key, index)).collect(),
        compression: v1::Compression::Zstd as i32,
        ..Default::default()
    };
    let published = door.producer().publish(request).await.expect("stored").into_inner();
    let mut indexes: Vec<_> =
        published.batches.iter().flat_map(|batch| batch.record_indexes.clone()).collect();
    indexes.sort();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    let of_lisbon = |batch: &&v1::PublishedBatch| batch.record_indexes.contains(&0);
    let lisbon = published.batches.iter().find(of_lisbon).expect("it is accounted for");
    assert!(lisbon.record_indexes.contains(&3) && lisbon.record_indexes.contains(&5));
}

#[tokio::test]
async fn publishing_nothing_or_to_nowhere_says_what_is_wrong() {
    let door = Door::with_topic("flights", 1).await;
    let publish = |topic: &str, records: usize| {
        let records = vec![v1::Record::default(); records];
        let request = v1::PublishRequest { topic: topic.to_owned(), records, ..Default::default() };
        let mut producer = door.producer();
        async move { producer.publish(request).await.map_err(RichError::from) }
    };
    let error = publish("flights", 0).await.expect_err("nothing");
    assert_eq!(error.violations[0].field, "records");
    let error = publish("flight", 1).await.expect_err("no such topic");
    assert_eq!(error.nearest_topic(), Some("flights"));
    assert_eq!(error.retry, Retry::AfterRefresh);
}
