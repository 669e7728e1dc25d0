//! The log as its users meet it, over a storage in memory.

mod support;

use ottla_log::{Lane, ReadOutcome, Room, Stream, StreamError, StreamSettings};
use ottla_model::{Durability, LeaderEpoch, Offset, Timestamp};
use support::{House, batch, read_all, stream_id};

#[test]
fn what_is_appended_is_durable_after_a_round_and_readable_at_once() {
    let mut house = House::new();
    let stream = house.create(1, StreamSettings::default());
    assert_eq!(stream.append(batch(0, 3, 100), Timestamp(5)).unwrap(), Offset(3));
    assert_eq!(stream.offsets().durable_end, Offset(0));
    assert_eq!(read_all(&stream), (0..3).collect::<Vec<_>>());
    let step = house.log().step(Lane::Journal, Timestamp(6));
    assert_eq!(step.durable, [(stream_id(1), Offset(3))]);
    assert_eq!(stream.offsets().durable_end, Offset(3));
}

#[test]
fn a_directory_comes_back_after_a_kill_and_after_a_close() {
    for clean in [false, true] {
        let mut house = House::new();
        let stream = house.create(1, StreamSettings::default());
        let mut next = 0;
        for count in 1..40 {
            stream.append(batch(next, count, 700), Timestamp(next)).unwrap();
            next += i64::from(count);
            house.work();
        }
        drop(stream);
        let report = if clean { house.reopen_closed() } else { house.reopen_killed() };
        assert_eq!(report.clean, clean);
        assert!(report.damaged.is_empty(), "{report:?}");
        let stream = house.stream(1);
        assert_eq!(stream.offsets().durable_end, Offset(next));
        assert_eq!(read_all(&stream), (0..next).collect::<Vec<_>>());
        // And it goes on.
        stream.append(batch(next, 5, 100), Timestamp(next)).unwrap();
        house.work();
        drop(stream);
        house.reopen_killed();
        assert_eq!(read_all(&house.stream(1)), (0..next + 5).collect::<Vec<_>>());
    }
}

#[test]
fn segments_roll_are_filled_and_read_back_cold() {
    let mut house = House::with(|settings| {
        settings.fill_bytes_min = 8 * 1024;
        settings.tail_cache_bytes = 0;
    });
    let settings = StreamSettings { segment_bytes: 64 * 1024, ..StreamSettings::default() };
    let stream = house.create(1, settings);
    for at in 0..600 {
        stream.append(batch(at, 1, 900), Timestamp(at)).unwrap();
        house.work();
    }
    assert!(house.log().metrics().fills > 10);
    assert_eq!(read_all(&stream), (0..600).collect::<Vec<_>>());
    assert!(house.log().metrics().reads_cold > 0);
    let found = stream.offset_for_timestamp(Timestamp(321), Offset(600)).unwrap();
    assert_eq!(found, Some((Offset(321), Timestamp(321))));
    assert_eq!(stream.max_timestamp(Offset(600)).unwrap(), Some((Offset(599), Timestamp(599))));
    drop(stream);
    house.reopen_killed();
    let stream = house.stream(1);
    assert_eq!(read_all(&stream), (0..600).collect::<Vec<_>>());
    let found = stream.offset_for_timestamp(Timestamp(321), Offset(600)).unwrap();
    assert_eq!(found, Some((Offset(321), Timestamp(321))));
}

#[test]
fn a_small_journal_turns_round_and_round() {
    let mut house = House::with(|settings| {
        settings.journal_bytes_start = 16 * 1024;
        settings.journal_file_bytes_max = 32 * 1024;
        settings.journal_bytes_max = 128 * 1024;
    });
    let streams: Vec<_> = (0..5).map(|n| house.create(n, StreamSettings::default())).collect();
    let mut ends = [0_i64; 5];
    for at in 0..1000_usize {
        let which = (at * 7) % 5;
        streams[which].append(batch(ends[which], 2, 300), Timestamp(at as i64)).unwrap();
        ends[which] += 2;
        house.work();
    }
    let metrics = house.log().metrics();
    assert!(metrics.journal_bytes <= 128 * 1024, "{metrics:?}");
    assert!(metrics.round_bytes > 1024 * 1024, "{metrics:?}");
    drop(streams);
    house.reopen_killed();
    for (n, end) in ends.iter().enumerate() {
        assert_eq!(read_all(&house.stream(n as u32)), (0..*end).collect::<Vec<_>>());
    }
}

#[test]
fn a_relaxed_stream_survives_a_kill() {
    let mut house = House::new();
    let settings = StreamSettings {
        durability: Durability::Relaxed,
        segment_bytes: 20_000,
        ..StreamSettings::default()
    };
    let stream = house.create(1, settings);
    house.work();
    for at in 0..100 {
        stream.append(batch(at, 1, 700), Timestamp(at)).unwrap();
        let step = house.log().step(Lane::Straight, Timestamp(at));
        assert_eq!(step.durable, [(stream_id(1), Offset(at + 1))]);
    }
    drop(stream);
    house.reopen_killed();
    let stream = house.stream(1);
    assert_eq!(read_all(&stream), (0..100).collect::<Vec<_>>());
    assert_eq!(stream.truncate(Offset(50)).unwrap(), Offset(50));
    stream.append(batch(50, 1, 10), Timestamp(50)).unwrap();
    house.work();
    drop(stream);
    house.reopen_killed();
    assert_eq!(read_all(&house.stream(1)), (0..51).collect::<Vec<_>>());
}

#[test]
fn truncation_takes_effect_wherever_it_cuts() {
    for to in [0, 1, 7, 30, 77, 99, 100] {
        let mut house = House::with(|settings| settings.fill_bytes_min = 8 * 1024);
        let settings = StreamSettings { segment_bytes: 20_000, ..StreamSettings::default() };
        let stream = house.create(1, settings);
        for at in 0..100 {
            stream.append(batch(at, 1, 700), Timestamp(at)).unwrap();
            if at < 90 {
                house.work();
            }
        }
        assert_eq!(stream.truncate(Offset(to)).unwrap(), Offset(to));
        assert_eq!(read_all(&stream), (0..to).collect::<Vec<_>>(), "cut at {to}");
        for at in to..to + 30 {
            stream.append(batch(at, 1, 500), Timestamp(at)).unwrap();
        }
        house.work();
        assert_eq!(read_all(&stream), (0..to + 30).collect::<Vec<_>>(), "cut at {to}");
        drop(stream);
        let report = house.reopen_killed();
        assert!(report.damaged.is_empty(), "{report:?}");
        assert_eq!(read_all(&house.stream(1)), (0..to + 30).collect::<Vec<_>>(), "cut at {to}");
    }
}

#[test]
fn a_dropped_stream_is_gone_and_its_id_can_begin_anew() {
    let mut house = House::new();
    let stream = house.create(1, StreamSettings::default());
    stream.append(batch(0, 5, 700), Timestamp(0)).unwrap();
    house.work();
    house.log().drop_stream(stream_id(1)).unwrap();
    let refused = stream.append(batch(5, 1, 10), Timestamp(0)).unwrap_err();
    assert_eq!(refused, StreamError::Gone { stream: stream_id(1) });
    let stream = house.create(1, StreamSettings::default());
    stream.append(batch(0, 2, 10), Timestamp(0)).unwrap();
    house.work();
    drop(stream);
    house.reopen_killed();
    assert_eq!(read_all(&house.stream(1)), [0, 1]);
    house.log().drop_stream(stream_id(1)).unwrap();
    house.work();
    house.reopen_killed();
    assert!(house.log().streams().is_empty());
}

#[test]
fn retention_takes_whole_old_segments() {
    let mut house = House::with(|settings| settings.fill_bytes_min = 4 * 1024);
    let settings = StreamSettings {
        segment_bytes: 16 * 1024,
        retention_ms: Some(100),
        ..StreamSettings::default()
    };
    let stream = house.create(1, settings);
    for at in 0..200 {
        stream.append(batch(at, 1, 900), Timestamp(at)).unwrap();
        house.work();
    }
    let done = house.log().enforce_retention(Timestamp(250));
    assert_eq!(done.len(), 1);
    let start = stream.offsets().log_start;
    assert!(start > Offset(100) && start <= Offset(151), "{start}");
    house.work();
    drop(stream);
    house.reopen_killed();
    let stream = house.stream(1);
    assert_eq!(stream.offsets().log_start, start);
    assert_eq!(read_all(&stream), (start.0..200).collect::<Vec<_>>());
}

#[test]
fn room_is_refused_and_returns() {
    let mut house = House::with(|settings| settings.unfilled_bytes_max = 64 * 1024);
    let stream = house.create(1, StreamSettings::default());
    let mut at = 0;
    while house.log().room(1024) == Room::Free {
        stream.append(batch(at, 1, 1000), Timestamp(at)).unwrap();
        at += 1;
    }
    assert_eq!(house.log().room(1024), Room::Wait);
    house.work();
    assert_eq!(house.log().room(1024), Room::Free);
}

#[test]
fn epochs_and_offsets_are_checked() {
    let mut house = House::new();
    let stream = house.create(1, StreamSettings::default());
    let refused = stream.append(batch(3, 1, 10), Timestamp(0)).unwrap_err();
    let (expected, got) = (Offset(0), Offset(3));
    assert_eq!(refused, StreamError::OffsetMismatch { stream: stream_id(1), expected, got });
    stream.append(batch(0, 1, 10), Timestamp(0)).unwrap();
    assert_eq!(stream.latest_epoch(), Some(LeaderEpoch(0)));
    let request = support::read_request(0, 100);
    assert!(matches!(stream.read(request), Ok(ReadOutcome::Slice(_))));
}

#[test]
fn a_moved_start_is_durable_after_a_round() {
    let mut house = House::new();
    let stream = house.create(1, StreamSettings::default());
    stream.append(batch(0, 10, 100), Timestamp(0)).unwrap();
    house.work();
    stream.move_start(Offset(4)).unwrap();
    let offsets = stream.offsets();
    assert_eq!((offsets.log_start, offsets.durable_start), (Offset(4), Offset(0)));
    let step = house.log().step(Lane::Journal, Timestamp(0));
    assert_eq!(step.durable, [(stream_id(1), Offset(10))]);
    assert_eq!(stream.offsets().durable_start, Offset(4));
}

/// regression: the newest journal file was removed by hand; what was acknowledged in it was gone
/// without a word, and its offsets were given again.
#[test]
fn a_journal_file_that_is_missing_is_damage() {
    let mut house = House::with(|settings| {
        settings.journal_bytes_start = 16 * 1024;
        settings.fill_bytes_min = u64::MAX;
    });
    let stream = house.create(1, StreamSettings::default());
    for at in 0..60 {
        stream.append(batch(at, 1, 900), Timestamp(at)).unwrap();
        house.log().step(Lane::Journal, Timestamp(at));
    }
    drop(stream);
    let newest = house.journal_files().pop().expect("there are several");
    house.kill();
    house.remove_file(&format!("journal/{newest}"));
    let report = house.reopen_killed();
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(house.stream(1).is_damaged());
}

/// regression: a typo in `--data-dir` beside the right `--journal-dir` made a new pair over the other
/// directory's journal, and what was acknowledged in it was gone.
#[test]
fn a_journal_in_use_is_never_made_over() {
    use ottla_log::storage::{MemoryStorage, Storage};
    use ottla_log::{LogDirectory, LogSettings, OpenError};
    use std::sync::Arc;

    let memory = || -> Arc<dyn Storage> { Arc::new(MemoryStorage::new()) };
    let open = |data: &Arc<dyn Storage>, journal: &Arc<dyn Storage>| {
        let settings = LogSettings { journal_bytes_start: 65536, ..LogSettings::default() };
        LogDirectory::open(Arc::clone(data), Arc::clone(journal), settings, support::context())
    };
    let (data, journal, typo) = (memory(), memory(), memory());
    let (log, report) = open(&data, &journal).unwrap();
    assert!(report.created);
    log.create_stream(stream_id(1), StreamSettings::default()).unwrap();
    log.step(Lane::Journal, Timestamp(0));
    drop(log);
    assert!(matches!(open(&typo, &journal), Err(OpenError::Foreign { .. })));
    assert!(matches!(open(&journal, &journal), Err(OpenError::Foreign { .. })));
    assert!(matches!(open(&data, &data), Err(OpenError::Foreign { .. })));
    assert!(matches!(open(&data, &typo), Err(OpenError::Foreign { .. })));
    // And nothing of it was touched.
    let (log, report) = open(&data, &journal).unwrap();
    assert!(!report.created && log.streams() == [stream_id(1)]);
}

/// regression: two journal files had each other's names, and everything in them was gone without a
/// word.
#[test]
fn journal_files_that_were_exchanged_are_damage() {
    let mut house = House::with(|settings| {
        settings.journal_bytes_start = 16 * 1024;
        settings.fill_bytes_min = u64::MAX;
    });
    let stream = house.create(1, StreamSettings::default());
    for at in 0..60 {
        stream.append(batch(at, 1, 900), Timestamp(at)).unwrap();
        house.log().step(Lane::Journal, Timestamp(at));
    }
    drop(stream);
    house.kill();
    let files = house.journal_files();
    house.exchange(&format!("journal/{}", files[0]), &format!("journal/{}", files[1]));
    let report = house.reopen_killed();
    assert!(!report.damaged.is_empty() || report.unnamed_loss, "{report:?}");
}

/// regression: a directory that had lost its superblock, and one that was somebody else's, were made
/// into new ones.
#[test]
fn a_directory_that_is_not_empty_is_never_made_new() {
    use ottla_log::storage::{MemoryStorage, OpenMode, Storage};
    use ottla_log::{LogDirectory, LogSettings, OpenError};
    use std::sync::Arc;

    let open = |storage: &Arc<dyn Storage>| {
        let settings = LogSettings { journal_bytes_start: 65536, ..LogSettings::default() };
        LogDirectory::open(Arc::clone(storage), Arc::clone(storage), settings, support::context())
    };
    let used: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    drop(open(&used).unwrap());
    used.remove_file("superblock").unwrap();
    assert!(matches!(open(&used), Err(OpenError::Damaged { .. })));

    let foreign: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    foreign.open("notes.txt", OpenMode::CREATE).unwrap();
    assert!(matches!(open(&foreign), Err(OpenError::Foreign { .. })));
}

/// regression: two cuts after a checkpoint, the second one lower, and then the file was written over from
/// there on. A recovery has to do the first cut again, and looked for its place among other batches.
#[test]
fn a_lower_cut_after_a_cut_leaves_recovery_something_to_find() {
    let mut house = House::with(|settings| {
        settings.fill_bytes_min = 4 * 1024;
        settings.straight_bytes_min = u64::MAX;
    });
    let stream = house.create(1, StreamSettings::default());
    let append = |n, bytes| {
        stream.append(batch(n, 1, bytes), Timestamp(0)).expect("it takes it");
    };
    (0..40).for_each(|n| append(n, 1000));
    house.work();
    house.log().checkpoint(Timestamp(0)).expect("the disk is there");
    stream.truncate(Offset(30)).expect("it is cut");
    append(30, 100);
    house.work();
    stream.truncate(Offset(20)).expect("it is cut");
    (20..28).for_each(|n| append(n, 1500));
    house.work();
    let report = house.reopen_killed();
    assert_eq!(report.damaged, []);
    assert_eq!(read_all(&house.stream(1)), (0..28).collect::<Vec<_>>());
}

/// regression: after a recovery the segments before the one that batches went straight to were taken for new ones,
/// and a cut into one of them had its file emptied by the next fill.
#[test]
fn a_cut_behind_what_went_straight_keeps_the_file_that_it_is_in() {
    let mut house = House::with(|settings| {
        settings.fill_bytes_min = u64::MAX;
        settings.straight_bytes_min = 10_000;
        settings.straight_backlog_bytes_min = 0;
    });
    let settings = StreamSettings { segment_bytes: 16 * 1024, ..StreamSettings::default() };
    let stream = house.create(1, settings);
    let append = |stream: &Stream, n| {
        stream.append(batch(n, 1, 1000), Timestamp(0)).expect("it takes it");
    };
    // One by one through the journal, beyond the first segment; then many at once.
    (0..20).for_each(|n| {
        append(&stream, n);
        house.log().step(Lane::Journal, Timestamp(0));
    });
    (20..32).for_each(|n| append(&stream, n));
    house.work();
    drop(stream);
    assert_eq!(house.reopen_killed().damaged, []);
    let stream = house.stream(1);
    stream.truncate(Offset(9)).expect("it is cut");
    (9..25).for_each(|n| append(&stream, n));
    house.work();
    drop(stream);
    assert_eq!(house.reopen_closed().damaged, []);
    assert_eq!(read_all(&house.stream(1)), (0..25).collect::<Vec<_>>());
}

/// regression: what found the disk full on its way straight into a segment was held again at once, for
/// ever, although the journal had room for it.
#[test]
fn what_finds_the_disk_full_goes_through_the_journal() {
    use std::sync::Arc;

    use ottla_log::storage::{FaultyStorage, Storage};
    use ottla_log::{LogDirectory, LogSettings};
    use ottla_model::Rng;

    let disk = FaultyStorage::new(Rng::from_number(1));
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let settings = LogSettings {
        room_reserve_bytes: 0,
        journal_bytes_start: 256 * 1024,
        straight_bytes_min: 10_000,
        straight_backlog_bytes_min: 0,
        ..LogSettings::default()
    };
    let (log, _) = LogDirectory::open(storage.clone(), storage, settings, support::context())
        .expect("a new directory opens");
    let stream = log.create_stream(support::stream_id(1), StreamSettings::default()).unwrap();
    log.step(Lane::Journal, Timestamp(0));
    (0..20).for_each(|n| {
        stream.append(batch(n, 1, 1000), Timestamp(0)).expect("it takes it");
    });
    disk.set_capacity(Some(0));
    for _ in 0..20 {
        for lane in Lane::ALL {
            assert_eq!(log.step(lane, Timestamp(0)).failed, None);
        }
    }
    assert_eq!(stream.offsets().durable_end, Offset(20));
}
