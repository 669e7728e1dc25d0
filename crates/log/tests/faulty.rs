//! The failures of the faulty disk are those of real ones, and come again with their seed.

use ottla_log::storage::faulty::Odds;
use ottla_log::storage::{FaultyStorage, OpenMode, Storage, StorageError, read_whole};
use ottla_model::Rng;

fn disk(seed: u64) -> FaultyStorage {
    FaultyStorage::new(Rng::from_number(seed))
}

/// A durable file of 8,192 bytes `1`.
fn settled(storage: &FaultyStorage) {
    let file = storage.open("f", OpenMode::CREATE).expect("it opens");
    file.write_at(0, &[1; 8192]).expect("it writes");
    file.sync_with_metadata().expect("it syncs");
    storage.sync_dir("").expect("it syncs");
}

#[test]
fn a_full_disk_refuses_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let storage = disk(1);
    settled(&storage);
    storage.set_capacity(Some(16_384));
    assert_eq!(storage.free_bytes().expect("it says"), 8192);
    let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
    let error = file.write_at(8192, &[2; 9000]).expect_err("it does not fit");
    assert!(error.is_full() && !error.is_fatal(), "{error}");
    assert!(file.allocate(20_000).expect_err("it does not fit").is_full());
    assert_eq!(read_whole(&storage, "f", 1 << 20).expect("it reads"), Some(vec![1; 8192]));
    file.write_at(100, &[3; 100]).expect("what is there is rewritten");
    file.allocate(16_384).expect("it fits");
    assert_eq!(storage.free_bytes().expect("it says"), 0);
    file.write_at(8192, &[2; 8192]).expect("there is room that was reserved");
    storage.set_capacity(None);
    file.write_at(16_384, &[2; 9000]).expect("there is room again");
}

#[test]
fn a_failed_sync_is_never_made_good() {
    let mut lost = 0;
    for seed in 0..100 {
        let storage = disk(seed);
        settled(&storage);
        let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
        file.write_at(0, &[2; 8192]).expect("it writes");
        storage.set_odds(Odds { sync_fails: 10_000, ..Odds::default() });
        let error = file.sync().expect_err("it fails");
        assert!(error.is_fatal(), "{error}");
        storage.set_odds(Odds::default());
        file.sync().expect("it answers");
        let after = FaultyStorage::on(storage.power_cut(), Rng::from_number(seed));
        let bytes = read_whole(&after, "f", 1 << 20).expect("it reads").expect("it is small");
        lost += u64::from(bytes.contains(&1));
        let alive = FaultyStorage::on(storage.kill(), Rng::from_number(seed));
        let bytes = read_whole(&alive, "f", 1 << 20).expect("it reads").expect("it is small");
        assert_eq!(bytes, [2; 8192], "a kill of the process alone loses nothing");
    }
    assert!((30..100).contains(&lost), "{lost} of 100 power cuts lost something");
}

#[test]
fn failures_come_as_often_as_the_odds_say_and_again_with_their_seed() {
    let run = |seed| {
        let storage = disk(seed);
        settled(&storage);
        let odds = Odds { write_fails: 1_000, sync_fails: 500, read_fails: 500, ..Odds::default() };
        storage.set_odds(odds);
        let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
        let answers: Vec<[bool; 3]> = (0..500_u64)
            .map(|i| {
                let written = file.write_at(i, &[i as u8]).is_ok();
                [written, file.sync().is_ok(), file.read_at(i, &mut [0]).is_ok()]
            })
            .collect();
        let failed = answers.iter().flatten().filter(|ok| !**ok).count();
        assert_eq!(storage.failures(), failed as u64);
        answers
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    let failed = run(7).iter().flatten().filter(|ok| !**ok).count();
    assert!((60..140).contains(&failed), "{failed} of an expected 100");
}

#[test]
fn a_flipped_read_is_gone_the_next_time_and_rot_is_not() {
    let storage = disk(3);
    settled(&storage);
    storage.set_odds(Odds { read_flips: 10_000, ..Odds::default() });
    let wrong = |storage: &FaultyStorage| {
        let bytes = read_whole(storage, "f", 1 << 20).expect("it reads").expect("it is small");
        bytes.iter().filter(|byte| **byte != 1).count()
    };
    assert_eq!(wrong(&storage), 1);
    storage.set_odds(Odds::default());
    assert_eq!(wrong(&storage), 0);
    let position = storage.rot("f").expect("it is there").expect("it is not empty");
    assert!(position < 8192);
    assert_eq!(wrong(&storage), 1);
    let after = FaultyStorage::on(storage.power_cut(), Rng::from_number(0));
    assert_eq!(wrong(&after), 1, "rot is on the disk");
    assert!(matches!(storage.rot("g"), Err(StorageError::NotFound { .. })));
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let mut seen = [0; 2];
    for seed in 0..50 {
        let storage = disk(seed);
        settled(&storage);
        let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
        file.write_at(0, &[2; 512]).expect("it writes");
        file.sync().expect("it syncs");
        file.write_at(512, &[2; 512]).expect("it writes");
        let after = FaultyStorage::on(storage.power_cut(), Rng::from_number(0));
        let bytes = read_whole(&after, "f", 1 << 20).expect("it reads").expect("it is small");
        assert_eq!(bytes[..512], [2; 512], "what was synced is there");
        seen[usize::from(bytes[512] == 2)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 5), "kept and lost both happen: {seen:?}");
}
