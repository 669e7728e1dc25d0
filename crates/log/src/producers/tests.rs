//! The table against what it promises: single cases, then a model that remembers everything.

use std::time::Duration;

use ottla_model::limits::PRODUCER_IN_FLIGHT_MAX;
use ottla_model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::format::producers_file::{self, ProducerSnapshot};

const NOW: Timestamp = Timestamp(1_000_000);

fn limits(producers_max: usize) -> ProducerLimits {
    ProducerLimits { expire_after: Duration::from_millis(100), producers_max }
}

fn batch(producer: i64, epoch: i16, first: i32, records: i32, base: i64) -> ProducerBatch {
    ProducerBatch {
        producer: ProducerId(producer),
        epoch: ProducerEpoch(epoch),
        first: Sequence(first),
        last: Sequence(first).plus(records - 1),
        base_offset: Offset(base),
        last_offset: Offset(base + i64::from(records) - 1),
        timestamp: Timestamp(base),
    }
}

/// Producer 7 with `count` batches of ten records, the first with this sequence, at offset 0.
fn table_of(epoch: i16, first: i32, count: i32) -> ProducerTable {
    let mut table = ProducerTable::new(limits(100));
    for at in 0..count {
        let sequence = Sequence(first).plus(at * 10).0;
        table.record(&batch(7, epoch, sequence, 10, i64::from(at) * 10), NOW);
    }
    table
}

fn check(table: &ProducerTable, epoch: i16, first: i32, records: i32) -> Verdict {
    table.check(&batch(7, epoch, first, records, -1), NOW)
}

fn refusal(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Refused(refusal) => refusal,
        other => panic!("it should have been refused: {other:?}"),
    }
}

fn duplicate_at(base: i64, records: i64) -> Verdict {
    Verdict::Duplicate {
        base_offset: Offset(base),
        last_offset: Offset(base + records - 1),
        timestamp: Timestamp(base),
    }
}

#[test]
fn the_next_batch_is_appended() {
    assert_eq!(check(&table_of(0, 0, 2), 0, 20, 5), Verdict::Append);
}

#[test]
fn batches_of_no_producer_are_always_appended_and_never_remembered() {
    let mut table = ProducerTable::new(limits(100));
    let anonymous = batch(-1, -1, -1, 1, 0);
    assert_eq!(table.check(&anonymous, NOW), Verdict::Append);
    table.record(&anonymous, NOW);
    assert!(table.is_empty());
}

/// I3. A window of four (planted bug 22) refuses the fifth.
#[test]
fn each_of_the_last_five_batches_is_answered_with_its_first_offset() {
    let table = table_of(0, 0, 9);
    for at in 4..9 {
        assert_eq!(check(&table, 0, at * 10, 10), duplicate_at(i64::from(at) * 10, 10));
    }
}

#[test]
fn a_retry_from_before_the_window_is_refused_and_not_appended_again() {
    let table = table_of(0, 0, 9);
    let forgotten = Refusal::Forgotten { expected: Sequence(90), got: Sequence(30) };
    assert_eq!(refusal(check(&table, 0, 30, 10)), forgotten);
}

#[test]
fn a_gap_and_an_overlap_are_out_of_order() {
    let table = table_of(0, 0, 2);
    for (first, records) in [(21, 1), (30, 10), (19, 5), (15, 10), (1 << 30, 1)] {
        let expected = Sequence(20);
        let refused = Refusal::OutOfOrder { expected, got: Sequence(first) };
        assert_eq!(refusal(check(&table, 0, first, records)), refused, "{first}+{records}");
    }
}

/// I6. Comparing with `<=` where `<` is needed, or the reverse (planted bug 25), fails one of these.
#[test]
fn an_older_epoch_is_fenced_and_the_same_is_not() {
    let table = table_of(3, 0, 2);
    let fenced = Refusal::Fenced { current: ProducerEpoch(3), got: ProducerEpoch(2) };
    assert_eq!(refusal(check(&table, 2, 20, 1)), fenced);
    assert_eq!(check(&table, 3, 20, 1), Verdict::Append);
    let stale_duplicate = refusal(check(&table, 2, 10, 10));
    assert_eq!(stale_duplicate, fenced, "even what looks like a duplicate");
}

#[test]
fn a_new_epoch_begins_at_zero() {
    let mut table = table_of(3, 0, 2);
    let refused = Refusal::OutOfOrder { expected: Sequence(0), got: Sequence(20) };
    assert_eq!(refusal(check(&table, 4, 20, 1)), refused);
    assert_eq!(check(&table, 4, 0, 10), Verdict::Append, "and is no duplicate of the old epoch's");
    table.record(&batch(7, 4, 0, 10, 20), NOW);
    assert_eq!(check(&table, 4, 0, 10), duplicate_at(20, 10));
    assert_eq!(table.get(ProducerId(7)).unwrap().batches().len(), 1);
}

/// Regression: the second batch of a new producer overtook its first, which was refused in passing;
/// the first was then refused as one that had landed long ago.
#[test]
fn a_producer_that_was_never_here_begins_at_zero() {
    let table = ProducerTable::new(limits(100));
    let refused = Refusal::OutOfOrder { expected: Sequence(0), got: Sequence(10) };
    assert_eq!(refusal(check(&table, 0, 10, 5)), refused);
    assert_eq!(check(&table, 0, 0, 10), Verdict::Append);
}

#[test]
fn a_producer_that_may_be_forgotten_may_begin_anywhere() {
    let mut expired = ProducerTable::new(limits(100));
    expired.record(&batch(8, 0, 0, 1, 0), NOW);
    expired.expire(Timestamp(NOW.0 + 101));
    let mut crowded = ProducerTable::new(limits(1));
    crowded.record(&batch(8, 0, 0, 1, 0), NOW);
    crowded.record(&batch(2, 0, 0, 1, 1), NOW);
    let mut rebuilt = ProducerTable::new(limits(100));
    rebuilt.mark_incomplete();
    for table in [expired, crowded, rebuilt] {
        let file = producers_file::encode(Offset(2), &table);
        let read = ProducerSnapshot::decode(&file, limits(100)).unwrap().table;
        for table in [table, read] {
            assert_eq!(check(&table, 9, 12345, 3), Verdict::Append, "{table:?}");
        }
    }
    let mut other = ProducerTable::new(limits(100));
    other.record(&batch(6, 0, 0, 1, 0), NOW);
    other.expire(Timestamp(NOW.0 + 101));
    assert!(matches!(check(&other, 0, 10, 1), Verdict::Refused(_)), "7 is above 6, so it is new");
}

#[test]
fn expiry_forgives_a_gap_and_nothing_else() {
    let mut table = table_of(3, 0, 2);
    let later = Timestamp(NOW.0 + 101);
    let at = |table: &ProducerTable, epoch, first, records, now| {
        table.check(&batch(7, epoch, first, records, -1), now)
    };
    assert!(matches!(at(&table, 3, 55, 1, Timestamp(NOW.0 + 100)), Verdict::Refused(_)));
    assert_eq!(at(&table, 3, 55, 1, later), Verdict::Append);
    assert_eq!(at(&table, 4, 55, 1, later), Verdict::Append);
    assert_eq!(at(&table, 3, 10, 10, later), duplicate_at(10, 10));
    assert!(matches!(at(&table, 2, 0, 1, later), Verdict::Refused(Refusal::Fenced { .. })));

    assert_eq!(table.clone().expire(later), 1);
    table.record(&batch(7, 3, 55, 1, 20), later);
    assert_eq!(table.expire(later), 0, "it was just seen");
    assert_eq!(table.get(ProducerId(7)).unwrap().expected(), Some(Sequence(56)));
}

#[test]
fn a_clock_that_jumps_back_expires_nobody() {
    let mut table = table_of(0, 0, 1);
    assert_eq!(table.expire(Timestamp(i64::MIN)), 0);
    assert!(matches!(
        table.check(&batch(7, 0, 99, 1, -1), Timestamp(0)),
        Verdict::Refused(Refusal::OutOfOrder { .. })
    ));
}

#[test]
fn sequences_wrap_around_their_end() {
    let first = i32::MAX - 14;
    let table = table_of(0, first, 3);
    assert_eq!(check(&table, 0, 15, 1), Verdict::Append, "5 of the second batch, then 10");
    assert_eq!(check(&table, 0, first, 10), duplicate_at(0, 10));
    assert_eq!(check(&table, 0, first + 10, 10), duplicate_at(10, 10), "the one across the end");
    assert!(matches!(refusal(check(&table, 0, 16, 1)), Refusal::OutOfOrder { .. }));
    let before = refusal(check(&table, 0, first - 10, 10));
    assert!(matches!(before, Refusal::Forgotten { .. }), "behind, around the end: {before:?}");
}

#[test]
fn a_producer_without_numbers_is_refused() {
    let table = ProducerTable::new(limits(100));
    for (epoch, first) in [(-1, 0), (0, -1)] {
        let refused = refusal(check(&table, epoch, first, 1));
        assert_eq!(refused, Refusal::Unnumbered { producer: ProducerId(7) });
    }
}

#[test]
fn a_marker_raises_the_epoch_and_remembers_no_batch() {
    let mut table = table_of(3, 0, 2);
    table.record(&batch(7, 3, -1, 1, 20), NOW);
    assert_eq!(check(&table, 3, 20, 1), Verdict::Append, "a marker of the same epoch is no batch");
    table.record(&batch(7, 4, -1, 1, 21), NOW);
    let state = table.get(ProducerId(7)).unwrap();
    assert_eq!((state.epoch, state.batches().len()), (ProducerEpoch(4), 0));
    assert!(matches!(refusal(check(&table, 3, 20, 1)), Refusal::Fenced { .. }));
    assert_eq!(check(&table, 4, 0, 1), Verdict::Append);
}

#[test]
fn the_producer_that_was_silent_for_longest_is_forgotten_first() {
    let mut table = ProducerTable::new(limits(2));
    table.record(&batch(1, 0, 0, 1, 0), NOW);
    table.record(&batch(2, 0, 0, 1, 1), NOW);
    table.record(&batch(1, 0, 1, 1, 2), NOW);
    table.record(&batch(3, 0, 0, 1, 3), NOW);
    let known: Vec<_> = table.iter().map(|(producer, _)| producer.0).collect();
    assert_eq!(known, [1, 3]);
}

/// Everything that was ever appended, and the rules as one would explain them.
#[derive(Default)]
struct Model {
    log: Vec<(ProducerBatch, Timestamp)>,
}

impl Model {
    /// What a producer sent since it was last forgotten, when no more than `max` are remembered.
    fn own(&self, producer: ProducerId, max: usize) -> Vec<(ProducerBatch, Timestamp)> {
        let mut known: Vec<(ProducerId, Vec<_>)> = Vec::new();
        for (batch, seen) in &self.log {
            let at = known.iter().position(|(producer, _)| *producer == batch.producer);
            let mut own = at.map_or((batch.producer, Vec::new()), |at| known.remove(at));
            own.1.push((*batch, *seen));
            known.push(own);
            if known.len() > max {
                known.remove(0);
            }
        }
        known.into_iter().find(|(known, _)| *known == producer).map_or(Vec::new(), |(_, own)| own)
    }

    /// The largest producer that is not among the `max` that wrote last.
    fn forgotten_max(&self, max: usize) -> ProducerId {
        let forgotten = |at: usize| {
            let upto = Model { log: self.log[..=at].to_vec() };
            let unknown = |producer: &ProducerId| upto.own(*producer, max).is_empty();
            upto.log.iter().map(|(batch, _)| batch.producer).filter(unknown).max()
        };
        (0..self.log.len()).filter_map(forgotten).max().unwrap_or(ProducerId::NONE)
    }

    fn check(&self, batch: &ProducerBatch, now: Timestamp, limits: ProducerLimits) -> &'static str {
        let own = self.own(batch.producer, limits.producers_max);
        let Some((last, seen)) = own.last() else {
            let begins = batch.first == Sequence::FIRST;
            let forgotten = batch.producer <= self.forgotten_max(limits.producers_max);
            return if begins || forgotten { "append" } else { "refused" };
        };
        if batch.epoch < last.epoch {
            return "fenced";
        }
        let mut run = vec![*last];
        for (older, _) in own.iter().rev().skip(1) {
            if older.epoch != last.epoch || older.last.plus(1) != run[run.len() - 1].first {
                break;
            }
            run.push(*older);
        }
        let window = &run[..run.len().min(PRODUCER_IN_FLIGHT_MAX)];
        let same = |b: &&ProducerBatch| {
            (b.epoch, b.first, b.last) == (batch.epoch, batch.first, batch.last)
        };
        if window.iter().any(|b| same(&b)) {
            return "duplicate";
        }
        let next = if batch.epoch == last.epoch { last.last.plus(1) } else { Sequence::FIRST };
        if batch.first == next || now.0 - seen.0 > limits.expire_after.as_millis() as i64 {
            "append"
        } else {
            "refused"
        }
    }
}

#[derive(Clone, Debug)]
struct Send {
    producer: i64,
    epoch: i16,
    /// Sent this many batches back (or, negative, ahead) of where the producer is.
    back: i32,
    records: i32,
    pause: i64,
}

fn any_send() -> impl Strategy<Value = Send> {
    let back = prop_oneof![5 => Just(0), 3 => 1..8_i32, 1 => Just(-1)];
    // Four of the largest batches go once around the sequence numbers.
    let records = prop_oneof![3 => 1..4_i32, 1 => Just(1 << 29)];
    let pause = prop_oneof![9 => 0..10_i64, 1 => 80..200_i64];
    (0..4_i64, prop_oneof![8 => Just(0_i16), 1 => 0..3_i16], back, records, pause).prop_map(
        |(producer, epoch, back, records, pause)| Send { producer, epoch, back, records, pause },
    )
}

/// The next batch of a producer, or one that it sent before, or one that leaves a gap.
fn make(model: &Model, send: &Send, end: i64) -> ProducerBatch {
    let own = model.own(ProducerId(send.producer), usize::MAX);
    let next = own.last().map_or(0, |(last, _)| last.last.plus(1).0);
    let epoch = own.last().map_or(0, |(last, _)| last.epoch.0) + send.epoch
        - i16::from(send.epoch == 2) * 3;
    let first = if send.epoch == 1 { 0 } else { next };
    match send.back {
        0 => batch(send.producer, epoch.max(0), first, send.records, end),
        -1 => batch(send.producer, epoch.max(0), Sequence(first).plus(send.records).0, 1, end),
        back => match own.iter().rev().nth(back as usize - 1) {
            Some((old, _)) => *old,
            None => batch(send.producer, epoch.max(0), first, send.records, end),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// I1, I3, I4, I6 against the model, and I5: at the end a rebuild, a snapshot with the rest
    /// replayed, and the table that was kept are all the same.
    #[test]
    fn the_table_does_what_the_model_says(
        sends in prop::collection::vec(any_send(), 1..80),
        producers_max in 1..5_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let limits = limits(producers_max);
        let (mut model, mut table) = (Model::default(), ProducerTable::new(limits));
        let (mut end, mut now) = (0, NOW);
        for send in &sends {
            now = Timestamp(now.0 + send.pause);
            let batch = make(&model, send, end);
            let verdict = table.check(&batch, now);
            let said = match verdict {
                Verdict::Append => "append",
                Verdict::Duplicate { .. } => "duplicate",
                Verdict::Refused(Refusal::Fenced { .. }) => "fenced",
                Verdict::Refused(_) => "refused",
            };
            prop_assert_eq!(said, model.check(&batch, now, limits), "{:?}", batch);
            if let Verdict::Duplicate { base_offset, last_offset, .. } = verdict {
                let original = |(old, _): &(ProducerBatch, Timestamp)| {
                    (old.first, old.last, old.base_offset, old.last_offset)
                        == (batch.first, batch.last, base_offset, last_offset)
                };
                prop_assert!(model.log.iter().any(original));
            }
            if verdict == Verdict::Append {
                let records = batch.last_offset.since(batch.base_offset) + 1;
                let placed = ProducerBatch {
                    base_offset: Offset(end),
                    last_offset: Offset(end + records - 1),
                    ..batch
                };
                table.record(&placed, now);
                model.log.push((placed, now));
                end += records;
            }
        }

        let cut = cut.index(model.log.len() + 1);
        let mut rebuilt = ProducerTable::new(limits);
        prop_assert_eq!(table.forgotten_max(), model.forgotten_max(producers_max));
        let replay = |table: &mut ProducerTable, part: &[(ProducerBatch, Timestamp)]| {
            part.iter().for_each(|(batch, _)| table.record(batch, Timestamp(0)));
        };
        replay(&mut rebuilt, &model.log[..cut]);
        let upto = model.log[..cut].last().map_or(Offset(0), |(batch, _)| batch.last_offset.plus(1));
        let file = producers_file::encode(upto, &rebuilt);
        let mut restored = ProducerSnapshot::decode(&file, limits).unwrap().table;
        prop_assert_eq!(producers_file::encode(upto, &restored), file);
        replay(&mut rebuilt, &model.log[cut..]);
        replay(&mut restored, &model.log[cut..]);
        prop_assert!(same_but_for_times(&table, &rebuilt));
        prop_assert!(same_but_for_times(&table, &restored));
    }

    #[test]
    fn arbitrary_bytes_are_no_snapshot(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(ProducerSnapshot::decode(&bytes, limits(10)).is_err());
    }
}

#[test]
fn a_snapshot_is_cut_to_the_limits_of_its_reader() {
    let mut table = ProducerTable::new(limits(100));
    for producer in 0..50 {
        table.record(&batch(producer, 0, 0, 1, 50 - producer), NOW);
    }
    let file = producers_file::encode(Offset(51), &table);
    let read = ProducerSnapshot::decode(&file, limits(3)).unwrap().table;
    let known: Vec<_> = read.iter().map(|(producer, _)| producer.0).collect();
    assert_eq!(known, [0, 1, 2], "those who wrote last");
}
