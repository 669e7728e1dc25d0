//! Images against C4, C5 and C7: pure functions of the log, whatever was forgotten below a snapshot.

mod common;

use common::{entries_of, events, replay};
use ottla_metadata::record::{ClusterRecord, TopicDeletedRecord};
use ottla_metadata::{Delta, Image, MetadataRecord, Snapshot};
use ottla_model::{ClusterId, Offset, Timestamp, TopicId};
use proptest::prelude::*;

proptest! {
    /// C4: two that replay the same prefix hold equal images with snapshots of equal bytes, also when
    /// the records went through their encoding.
    #[test]
    fn the_same_prefix_gives_the_same_bytes(events in events(60)) {
        let mut direct = Image::default();
        let mut through_bytes = Image::default();
        for record in entries_of(&events).iter().flatten() {
            direct.replay(record).expect("the log follows itself");
            let decoded = MetadataRecord::decode(&record.encode()).expect("what was encoded");
            through_bytes.replay(&decoded).expect("the log follows itself");
            prop_assert_eq!(Snapshot::of(&direct).encode(), Snapshot::of(&through_bytes).encode());
        }
        prop_assert_eq!(direct, through_bytes);
    }

    /// C5: a snapshot at any entry, and the tail from there, give what the whole log gives.
    #[test]
    fn a_snapshot_and_the_tail_give_the_whole(events in events(60), cut in any::<prop::sample::Index>()) {
        let entries = entries_of(&events);
        let (head, tail) = entries.split_at(cut.index(entries.len()));
        let mut whole = Image::default();
        head.iter().for_each(|entry| replay(&mut whole, entry));
        let bytes = Snapshot::of(&whole).encode();
        let snapshot = Snapshot::decode(&bytes).expect("what was encoded");
        prop_assert_eq!(&snapshot.encode(), &bytes);
        let mut resumed = snapshot.image().expect("a snapshot follows itself");
        prop_assert_eq!(&resumed, &whole);
        for entry in tail {
            replay(&mut whole, entry);
            replay(&mut resumed, entry);
        }
        prop_assert_eq!(resumed, whole);
    }

    /// A log whose beginning was forgotten, up to a snapshot within it, gives what the whole gives.
    #[test]
    fn a_log_may_begin_with_its_snapshot(events in events(40), tail in events(20)) {
        let mut all = events;
        all.push(common::Event::Snapshot);
        all.extend(tail);
        let entries = entries_of(&all);
        let is_snapshot = |entry: &Vec<_>| matches!(entry[0], MetadataRecord::Snapshot(_));
        let begin = entries.iter().rposition(is_snapshot).expect("one was pushed");
        let forgotten: usize = entries[..begin].iter().map(Vec::len).sum();
        let mut whole = Image::default();
        let mut rest = Image::starting_at(Offset(forgotten as i64));
        entries.iter().for_each(|entry| replay(&mut whole, entry));
        entries[begin..].iter().for_each(|entry| replay(&mut rest, entry));
        prop_assert_eq!(rest, whole);
    }

    /// Names and ids find each other, and the count of partitions is the sum of its parts.
    #[test]
    fn an_image_agrees_with_itself(events in events(60)) {
        let mut image = Image::default();
        for entry in entries_of(&events) {
            replay(&mut image, &entry);
            let topics = image.topics();
            prop_assert_eq!(topics.iter().count(), topics.by_id().len());
            for topic in topics.iter() {
                prop_assert_eq!(topics.named(&topic.name).map(|found| found.id), Some(topic.id));
                prop_assert!(topic.streams().all(|stream| image.has_stream(stream)));
            }
            let sum: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
            prop_assert_eq!(topics.partition_count(), sum);
        }
    }

    /// A delta between any two images of a log says exactly which topics came, went and changed.
    #[test]
    fn a_delta_leads_from_one_image_to_the_other(
        events in events(60),
        cut in any::<prop::sample::Index>(),
    ) {
        let entries = entries_of(&events);
        let mut before = Image::default();
        entries[..cut.index(entries.len())].iter().for_each(|entry| replay(&mut before, entry));
        let mut after = Image::default();
        entries.iter().for_each(|entry| replay(&mut after, entry));
        let delta = Delta::between(&before, &after);
        let mut topics = before.topics().by_id().clone();
        for topic in &delta.deleted {
            prop_assert_eq!(topics.remove(&topic.id), Some(topic.clone()));
        }
        for topic in &delta.created {
            prop_assert!(topics.insert(topic.id, topic.clone()).is_none());
        }
        for change in &delta.changed {
            prop_assert_ne!(&change.before, &change.after);
            prop_assert_eq!(topics.insert(change.id(), change.after.clone()), Some(change.before.clone()));
        }
        prop_assert_eq!(&topics, after.topics().by_id());
        prop_assert_eq!(delta.end, after.end());
        prop_assert!(Delta::between(&after, &after).is_empty());
    }
}

/// What contradicts the log is refused with a sentence, and changes nothing.
#[test]
fn a_contradiction_is_refused_and_changes_nothing() {
    let cluster = |byte| {
        let cluster = ClusterId::from_bytes([byte; 16]);
        MetadataRecord::Cluster(ClusterRecord { cluster, created_at: Timestamp(1) })
    };
    let mut image = Image::default();
    image.replay(&cluster(1)).expect("the first record");
    let before = image.clone();
    let error = image.replay(&cluster(2)).expect_err("a second cluster");
    expect_test::expect![[r#"metadata record `cluster` at offset 1 cannot follow what came before: this is cluster 01010101-0101-0101-0101-010101010101 already"#]]
        .assert_eq(&error.to_string());
    let topic = TopicId::from_bytes([9; 16]);
    let deleted = MetadataRecord::TopicDeleted(TopicDeletedRecord { topic });
    let error = image.replay(&deleted).expect_err("there is no such topic");
    expect_test::expect!["metadata record `topic_deleted` at offset 1 cannot follow what came before: there is no topic 09090909-0909-0909-0909-090909090909"].assert_eq(&error.to_string());
    assert_eq!(image, before);
}
