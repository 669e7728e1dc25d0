//! Reading by stream and by call.

use ottla_record::Batches;
use ottla_wire::v1;
use v1::fetch_request::{Assign, Pause, Request, Resume, Unassign};
use v1::fetch_response::Response;

use crate::support::{Door, Fetch, assign, named, values};

fn from(start: v1::fetch_start::Start) -> Option<v1::FetchStart> {
    Some(v1::FetchStart { start: Some(start) })
}

#[tokio::test]
async fn what_is_there_is_pushed_and_then_what_comes() {
    let door = Door::with_topic("flights", 1).await;
    door.publish("flights", 0, &["a", "b"]).await;
    let mut fetch = door.fetch().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    let assigned = fetch.assigned().await;
    assert_eq!((assigned.fetch_id, assigned.offset, assigned.high_watermark), (1, 0, 2));
    let records = fetch.records().await;
    assert_eq!(values(&records), ["a", "b"]);
    assert_eq!((records.next_offset, records.high_watermark, records.log_start), (2, 2, 0));
    assert!(fetch.is_silent().await);
    door.publish("flights", 0, &["c"]).await;
    assert_eq!(values(&fetch.records().await), ["c"]);
}

#[tokio::test]
async fn encoded_batches_come_as_they_are_stored() {
    let door = Door::with_topic("flights", 1).await;
    door.publish("flights", 0, &["a", "b"]).await;
    door.publish("flights", 0, &["c"]).await;
    let mut fetch = door.fetch().await;
    let encoding = v1::FetchEncoding::Encoded as i32;
    let start = from(v1::fetch_start::Start::Offset(1));
    fetch.send(Request::Assign(Assign { encoding, start, ..assign(1, "flights", 0) }));
    assert_eq!(fetch.assigned().await.offset, 1);
    let mut bases = Vec::new();
    let mut next_offset = 1;
    while next_offset < 3 {
        let Response::Batches(batches) = fetch.next().await else { panic!("no batches") };
        assert_eq!(batches.bytes as usize, batches.batches.len());
        for batch in Batches::new(&batches.batches) {
            let batch = batch.expect("whole batches");
            batch.verify_crc().expect("as they were stored");
            bases.push(batch.header().base_offset.0);
        }
        next_offset = batches.next_offset;
    }
    assert_eq!((bases, next_offset), (vec![0, 2], 3), "the first holds what was asked for");
}

#[tokio::test]
async fn a_fetch_starts_where_it_is_told() {
    use v1::fetch_start::{Start, Start::*};
    let door = Door::with_topic("flights", 1).await;
    let record = |value: &str, timestamp_ms| v1::Record {
        value: Some(value.to_owned().into()),
        timestamp_ms: Some(timestamp_ms),
        ..Default::default()
    };
    for (value, time) in [("a", 1_000), ("b", 2_000), ("c", 3_000)] {
        let records = vec![record(value, time)];
        let request = v1::PublishRequest { topic: "flights".into(), records, ..Default::default() };
        door.producer().publish(request).await.expect("stored");
    }
    let mut fetch = door.fetch().await;
    let starts: [(Option<Start>, i64); 6] = [
        (None, 0),
        (Some(Earliest(v1::fetch_start::Earliest {})), 0),
        (Some(Latest(v1::fetch_start::Latest {})), 3),
        (Some(Offset(2)), 2),
        (Some(TimestampMs(1_500)), 1),
        (Some(TimestampMs(9_000)), 3),
    ];
    for (fetch_id, (start, offset)) in starts.into_iter().enumerate() {
        let fetch_id = fetch_id as u64;
        let start = start.map(|start| v1::FetchStart { start: Some(start) });
        fetch.send(Request::Assign(Assign { start, ..assign(fetch_id, "flights", 0) }));
        fetch.send(Request::Unassign(Unassign { fetch_id }));
        let mut started = None;
        loop {
            match fetch.next().await {
                Response::Assigned(assigned) => started = Some(assigned.offset),
                Response::Ended(ended) => {
                    assert_eq!(ended.error, None);
                    break;
                }
                _ => {}
            }
        }
        // It may have been unassigned before it was open.
        assert!(started.is_none_or(|started| started == offset), "{fetch_id}: {started:?}");
    }
    let once =
        |start| v1::FetchOnceRequest { topic: "flights".into(), start, ..Default::default() };
    let request = once(from(TimestampMs(1_500)));
    let found = door.consumer().fetch_once(request).await.expect("it reads").into_inner();
    assert_eq!(found.records.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn an_offset_out_of_range_ends_that_fetch_alone_and_says_the_range() {
    let door = Door::with_topic("flights", 1).await;
    door.publish("flights", 0, &["a"]).await;
    let mut fetch = door.fetch().await;
    for (fetch_id, offset) in [(1, 2), (2, -1), (3, i64::MAX)] {
        let start = from(v1::fetch_start::Start::Offset(offset));
        fetch.send(Request::Assign(Assign { start, ..assign(fetch_id, "flights", 0) }));
        let (ended, error) = fetch.ended().await;
        let error = error.expect("out of range");
        assert_eq!((ended, error.reason.as_str()), (fetch_id, "OFFSET_OUT_OF_RANGE"));
        assert_eq!(error.metadata["high_watermark"], "1");
        assert_eq!(error.metadata["log_start"], "0");
    }
    fetch.send(Request::Assign(assign(4, "flights", 0)));
    assert_eq!(fetch.assigned().await.fetch_id, 4);
}

#[tokio::test]
async fn partitions_take_turns() {
    let door = Door::with_topic("flights", 4).await;
    let large = "x".repeat(10_000);
    for partition in 0..4 {
        for _ in 0..10 {
            door.publish("flights", partition, &[&large]).await;
        }
    }
    let mut fetch = door.fetch().await;
    fetch.credit(1);
    for partition in 0..4_u32 {
        let fetch_id = u64::from(partition);
        let assign = Assign { bytes_max: 1, ..assign(fetch_id, "flights", partition) };
        fetch.send(Request::Assign(assign));
    }
    let mut read = [0; 4];
    while read.iter().sum::<i64>() < 24 {
        if let Response::Records(records) = fetch.next().await {
            read[records.fetch_id as usize] = records.next_offset;
            fetch.credit(records.bytes.into());
        }
    }
    assert!(read.iter().all(|count| *count >= 4), "nobody starves: {read:?}");
}

#[tokio::test]
async fn nothing_comes_without_credit_and_one_message_may_overdraw_it() {
    let door = Door::with_topic("flights", 1).await;
    for _ in 0..3 {
        door.publish("flights", 0, &[&"x".repeat(1_000)]).await;
    }
    let mut fetch = door.fetch().await;
    fetch.credit(10);
    fetch.send(Request::Assign(Assign { bytes_max: 10, ..assign(1, "flights", 0) }));
    fetch.assigned().await;
    let first = fetch.records().await;
    assert_eq!(first.next_offset, 1);
    assert!(fetch.is_silent().await, "it is overdrawn");
    fetch.credit(u64::from(first.bytes) - 10);
    assert!(fetch.is_silent().await, "it is at zero");
    fetch.credit(1);
    assert_eq!(fetch.records().await.next_offset, 2);
    fetch.credit(u64::MAX);
    assert_eq!(fetch.records().await.next_offset, 3);
    fetch.credit(u64::MAX);
    door.publish("flights", 0, &["more credit than there are numbers"]).await;
    assert_eq!(fetch.records().await.next_offset, 4);
}

#[tokio::test]
async fn a_paused_fetch_is_silent_and_goes_on_without_gap_or_overlap() {
    let door = Door::with_topic("flights", 2).await;
    let mut fetch = door.fetch().await;
    for partition in 0..2_u32 {
        fetch.send(Request::Assign(assign(partition.into(), "flights", partition)));
        fetch.assigned().await;
    }
    door.publish("flights", 0, &["a"]).await;
    assert_eq!(values(&fetch.records().await), ["a"]);
    fetch.send(Request::Pause(Pause { fetch_ids: vec![0, 99] }));
    // An answer to something else says that the pause was read.
    fetch.send(Request::Assign(assign(7, "nowhere", 0)));
    assert_eq!(fetch.ended().await.0, 7);
    door.publish("flights", 0, &["b"]).await;
    door.publish("flights", 1, &["other"]).await;
    assert_eq!(values(&fetch.records().await), ["other"]);
    assert!(fetch.is_silent().await);
    fetch.send(Request::Resume(Resume { fetch_ids: vec![0, 0, 99] }));
    assert_eq!(values(&fetch.records().await), ["b"]);
    assert!(fetch.is_silent().await);
}

#[tokio::test]
async fn after_half_closing_what_is_assigned_goes_on() {
    let door = Door::with_topic("flights", 1).await;
    let mut fetch = door.fetch().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    fetch.half_close();
    fetch.assigned().await;
    door.publish("flights", 0, &["a"]).await;
    assert_eq!(values(&fetch.records().await), ["a"]);
}

async fn end_of(mut fetch: Fetch) -> usize {
    let mut messages = 0;
    while fetch.try_next().await.expect("it ends well").is_some() {
        messages += 1;
    }
    messages
}

#[tokio::test]
async fn after_half_closing_a_stream_ends_when_nothing_can_come() {
    let door = Door::with_topic("flights", 1).await;
    door.publish("flights", 0, &["a"]).await;
    let mut nothing = door.fetch().await;
    nothing.half_close();
    assert_eq!(end_of(nothing).await, 0);
    let mut spent = door.fetch().await;
    spent.credit(1);
    spent.send(Request::Assign(assign(1, "flights", 0)));
    spent.half_close();
    assert_eq!(end_of(spent).await, 2, "assigned, and one message that overdraws");
}

#[tokio::test]
async fn a_number_in_use_ends_both() {
    let door = Door::with_topic("flights", 1).await;
    let mut fetch = door.fetch().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    fetch.assigned().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    let (fetch_id, error) = fetch.ended().await;
    assert_eq!((fetch_id, error.expect("in use").reason.as_str()), (1, "FETCH_ID_IN_USE"));
    door.publish("flights", 0, &["a"]).await;
    assert!(fetch.is_silent().await);
}

#[tokio::test]
async fn a_topic_made_again_under_its_name_is_not_read_by_mistake() {
    let door = Door::with_topic("flights", 1).await;
    let mut fetch = door.fetch().await;
    fetch.send(Request::Assign(assign(1, "flights", 0)));
    fetch.assigned().await;
    let delete = v1::DeleteTopicRequest { topic: Some(named("flights")) };
    door.topics().delete_topic(delete).await.expect("it is there");
    door.create_topic("flights", 1).await.expect("the name is free");
    door.publish("flights", 0, &["of the other"]).await;
    let (_, error) = fetch.ended().await;
    assert_eq!(error.expect("it is gone").reason, "UNKNOWN_TOPIC");
}

#[tokio::test]
async fn a_single_read_waits_and_keeps_to_its_bounds() {
    let door = Door::with_topic("flights", 1).await;
    let request =
        v1::FetchOnceRequest { topic: "flights".into(), wait_ms: 50, ..Default::default() };
    let empty = door.consumer().fetch_once(request.clone()).await.expect("it reads").into_inner();
    assert_eq!((empty.records.len(), empty.next_offset), (0, 0));
    door.publish("flights", 0, &["a", "b", "c"]).await;
    let two = v1::FetchOnceRequest { records_max: 2, ..request.clone() };
    let two = door.consumer().fetch_once(two).await.expect("it reads").into_inner();
    assert_eq!((two.records.len(), two.next_offset, two.high_watermark), (2, 2, 3));
    let small = v1::FetchOnceRequest { bytes_max: 1, ..request };
    let small = door.consumer().fetch_once(small).await.expect("it reads").into_inner();
    assert_eq!((small.records.len(), small.next_offset), (1, 1));
}
