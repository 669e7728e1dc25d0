//! What the modelled disk loses and keeps. Each test is one rule; the last ones hold for any script.

use std::collections::BTreeSet;

use ottla_log::storage::disk::{Content, Image, Variant};
use ottla_log::storage::recording::{Fault, Script};
use ottla_log::storage::{
    AlignedBuf, OpenMode, RecordingStorage, Storage, join, make_dirs, replace_whole,
};
use ottla_model::Rng;
use proptest::prelude::*;

const SUBSETS: u64 = 200;

/// The file's content in an image; `None` where it has no name.
fn content(image: &Image, path: &str) -> Option<Vec<u8>> {
    let (node, is_dir) = image.lookup(path).ok()?;
    assert!(!is_dir, "{path} is a file");
    Some(bytes(image.content(node)))
}

fn bytes(content: &Content) -> Vec<u8> {
    let mut bytes = vec![0; content.len() as usize];
    content.read(0, &mut bytes);
    bytes
}

/// Everything that `path` may hold after a power cut at the end of the script, as short texts.
fn outcomes(script: &Script, path: &str) -> BTreeSet<String> {
    let point = script.crash_point(script.len());
    Variant::all(script.len(), SUBSETS)
        .filter(|variant| *variant != Variant::Killed)
        .map(|variant| match content(&point.image(variant), path) {
            Some(bytes) => String::from_utf8_lossy(&bytes).replace('\0', "0"),
            None => "gone".to_owned(),
        })
        .collect()
}

fn check(work: impl FnOnce(&RecordingStorage), path: &str, expected: &[&str]) {
    let storage = RecordingStorage::new();
    work(&storage);
    let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(outcomes(&storage.script(), path), expected, "{:#?}", storage.script().trace());
}

/// A file that is durable with this content, name and all.
fn settled(storage: &RecordingStorage, path: &str, text: &str) {
    let file = storage.open(path, OpenMode::CREATE).expect("it opens");
    file.write_at(0, text.as_bytes()).expect("it writes");
    file.sync_with_metadata().expect("it syncs");
    storage.sync_dir("").expect("it syncs");
}

#[test]
fn a_file_needs_its_own_sync_and_its_directorys() {
    let write = |storage: &RecordingStorage| {
        let file = storage.open("f", OpenMode::CREATE).expect("it opens");
        file.write_at(0, b"new").expect("it writes");
        file
    };
    check(|s| drop(write(s)), "f", &["gone", "", "000", "new"]);
    check(|s| write(s).sync().expect("it syncs"), "f", &["gone", "new"]);
    check(
        |s| {
            write(s);
            s.sync_dir("").expect("it syncs");
        },
        "f",
        &["", "000", "new"],
    );
    check(|s| settled(s, "f", "new"), "f", &["new"]);
}

#[test]
fn a_directory_lost_takes_its_files_with_it() {
    let work = |storage: &RecordingStorage| {
        storage.create_dir("d").expect("it makes it");
        let file = storage.open("d/f", OpenMode::CREATE).expect("it opens");
        file.write_at(0, b"new").expect("it writes");
        file.sync().expect("it syncs");
        storage.sync_dir("d").expect("it syncs");
    };
    check(work, "d/f", &["gone", "new"]);
    check(
        |s| {
            work(s);
            s.sync_dir("").expect("it syncs");
        },
        "d/f",
        &["new"],
    );
}

#[test]
fn a_length_that_was_set_needs_the_metadata_sync() {
    let cut = |s: &RecordingStorage| {
        settled(s, "f", "abcdef");
        let file = s.open("f", OpenMode::READ_WRITE).expect("it opens");
        file.set_len(3).expect("it cuts");
        file.sync().expect("it syncs");
        file
    };
    check(|s| drop(cut(s)), "f", &["abc", "abcdef"]);
    check(|s| cut(s).sync_with_metadata().expect("it syncs"), "f", &["abc"]);
    // What was cut away never comes back inside a file that grew again.
    let regrown = |s: &RecordingStorage| {
        let file = cut(s);
        file.set_len(6).expect("it extends");
        file
    };
    check(|s| drop(regrown(s)), "f", &["abc", "abc000", "abcdef"]);
    check(
        |s| {
            let file = regrown(s);
            file.write_at(5, b"z").expect("it writes");
            file.sync().expect("it syncs, and with it what its last byte needs");
        },
        "f",
        &["abc00z"],
    );
}

#[test]
fn a_write_carries_its_own_length() {
    check(
        |s| {
            settled(s, "f", "ab");
            let file = s.open("f", OpenMode::READ_WRITE).expect("it opens");
            file.allocate(6).expect("it reserves");
            file.write_at(2, b"cd").expect("it writes");
            file.sync().expect("it syncs");
        },
        "f",
        &["abcd", "abcd00"],
    );
}

#[test]
fn a_removed_file_may_come_back_and_a_rename_is_one_step() {
    check(
        |s| {
            settled(s, "f", "old");
            s.remove_file("f").expect("it removes");
        },
        "f",
        &["gone", "old"],
    );
    let renamed = |s: &RecordingStorage| {
        settled(s, "f", "old");
        settled(s, "g", "new");
        s.rename("g", "f").expect("it renames");
    };
    check(renamed, "f", &["old", "new"]);
    check(renamed, "g", &["gone", "new"]);
    check(
        |s| {
            renamed(s);
            s.sync_dir("").expect("it syncs");
        },
        "f",
        &["new"],
    );
}

#[test]
fn writes_to_different_sectors_survive_in_any_order_and_within_one_in_theirs() {
    let storage = RecordingStorage::new();
    settled(&storage, "f", &"-".repeat(1024));
    let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
    for (position, byte) in [(0, b"1"), (1, b"2"), (600, b"3"), (0, b"4")] {
        file.write_at(position, byte).expect("it writes");
    }
    let script = storage.script();
    let point = script.crash_point(script.len());
    let seen: BTreeSet<String> = Variant::all(script.len(), 2_000)
        .map(|variant| {
            let bytes = content(&point.image(variant), "f").expect("its name is durable");
            [bytes[0], bytes[1], bytes[600]].into_iter().map(char::from).collect()
        })
        .collect();
    let expected = ["---", "1--", "12-", "42-", "--3", "1-3", "123", "423"];
    assert_eq!(seen, expected.map(str::to_owned).into());
}

#[test]
fn a_direct_write_is_durable_when_it_returned_and_torn_before() {
    let storage = RecordingStorage::new();
    let file = storage.open("f", OpenMode::CREATE.direct_sync()).expect("it opens");
    storage.sync_dir("").expect("it syncs");
    let mut block = AlignedBuf::zeroed(4096);
    block.fill(1);
    file.write_at(0, &block).expect("it writes");
    block.fill(2);
    let before = storage.position();
    file.write_at(0, &block).expect("it writes");
    let after = storage.script().crash_point(before + 1);
    let during = storage.script().crash_point(before);
    let mut torn = 0;
    for variant in Variant::all(before, SUBSETS) {
        assert_eq!(content(&after.image(variant), "f"), Some(vec![2; 4096]));
        let bytes = content(&during.image(variant), "f").expect("its name is durable");
        for sector in bytes.chunks(512) {
            assert!(sector == [1; 512] || sector == [2; 512], "a sector is never torn");
        }
        torn += usize::from(bytes.contains(&1) && bytes.contains(&2));
    }
    assert!(torn > 20, "{torn} of {SUBSETS} are torn");
}

#[test]
fn a_direct_write_is_not_undone_by_an_older_buffered_one() {
    check(
        |s| {
            settled(s, "f", "");
            let buffered = s.open("f", OpenMode::READ_WRITE).expect("it opens");
            buffered.write_at(0, b"old").expect("it writes");
            let mut block = AlignedBuf::zeroed(4096);
            block[..3].copy_from_slice(b"new");
            let through = s.open("f", OpenMode::READ_WRITE.direct_sync()).expect("it opens");
            through.write_at(0, &block).expect("it writes");
            through.set_len(3).expect("it cuts");
            through.sync_with_metadata().expect("it syncs");
        },
        "f",
        &["new"],
    );
}

/// The lesson of fsyncgate: the pages are marked clean, and the next sync answers `Ok`.
#[test]
fn after_a_failed_sync_the_next_one_lies() {
    check(
        |s| {
            settled(s, "f", "old");
            let file = s.open("f", OpenMode::READ_WRITE).expect("it opens");
            file.write_at(0, b"new").expect("it writes");
            s.fail_at(s.position(), Fault::Io);
            assert!(file.sync().expect_err("it fails").is_fatal());
            file.sync().expect("it lies");
            let mut seen = [0; 3];
            file.read_at(0, &mut seen).expect("it reads");
            assert_eq!(&seen, b"new", "readers are not told");
        },
        "f",
        &["old", "new"],
    );
    check(
        |s| {
            settled(s, "f", "old");
            s.rename("f", "g").expect("it renames");
            s.fail_at(s.position(), Fault::Io);
            s.sync_dir("").expect_err("it fails");
            s.sync_dir("").expect("it lies");
        },
        "g",
        &["gone", "old"],
    );
}

#[test]
fn a_failed_write_is_half_there() {
    check(
        |s| {
            settled(s, "f", "abcd");
            let file = s.open("f", OpenMode::READ_WRITE).expect("it opens");
            s.fail_at(s.position(), Fault::Full);
            assert!(file.write_at(0, b"wxyz").expect_err("it fails").is_full());
        },
        "f",
        &["abcd", "wxcd"],
    );
}

/// L10, through every crash point of two replacements.
#[test]
fn a_replaced_file_holds_all_of_the_old_or_all_of_the_new() {
    let storage = RecordingStorage::new();
    settled(&storage, "f", "0");
    let texts = ["0".to_owned(), "1".repeat(3000), "2".repeat(1000)];
    let mut done = vec![storage.position()];
    for text in &texts[1..] {
        replace_whole(&storage, "f", text.as_bytes(), Some("f.old")).expect("it replaces");
        done.push(storage.position());
    }
    for point in storage.script().crash_points().skip(done[0]) {
        for variant in Variant::all(point.operation(), 50) {
            let image = point.image(variant);
            let found = content(&image, "f").or_else(|| content(&image, "f.old"));
            let found =
                found.map(|bytes| String::from_utf8(bytes).expect("it is one of the texts"));
            let index = texts.iter().position(|text| Some(text) == found.as_ref());
            let index = index.unwrap_or_else(|| panic!("{} {variant:?}", point.describe()));
            let promised = done.iter().rposition(|at| *at <= point.operation());
            assert!(Some(index) >= promised, "{} {variant:?}: {index}", point.describe());
        }
    }
}

/// The same without the sync before the rename, as it is often done: the model must not let it pass.
#[test]
fn a_careless_replacement_is_caught() {
    check(
        |s| {
            settled(s, "f", "old");
            s.open("t", OpenMode::CREATE)
                .and_then(|file| file.write_at(0, b"new"))
                .and_then(|()| s.rename("t", "f"))
                .and_then(|()| s.sync_dir(""))
                .expect("nothing fails");
        },
        "f",
        &["", "000", "new"],
    );
}

/// A random script over a few files, all of whose directories are durable from the start.
fn run_script(seed: u64, steps: usize) -> (RecordingStorage, Vec<Image>) {
    let storage = RecordingStorage::new();
    make_dirs(&storage, "d/e").expect("it makes them");
    let mut rng = Rng::from_number(seed);
    let mut seen = Vec::new();
    let visible = |storage: &RecordingStorage| storage.with_disk(disk_image);
    seen.resize(storage.position(), visible(&storage));
    for _ in 0..steps {
        let dir = ["", "d", "d/e"][rng.below(3) as usize];
        let path = join(dir, ["x", "y"][rng.below(2) as usize]);
        let target = join(["", "d", "d/e"][rng.below(3) as usize], "z");
        let before = visible(&storage);
        let _ = step(&storage, &mut rng, dir, &path, &target);
        while seen.len() < storage.position() {
            seen.push(before.clone());
        }
    }
    seen.push(visible(&storage));
    (storage, seen)
}

fn disk_image(disk: &mut ottla_log::storage::recording::RecordingDisk) -> Image {
    ottla_log::storage::disk::Disk::image(disk).clone()
}

/// One call at a time, so that each recorded operation has the image before it.
fn step(
    storage: &RecordingStorage,
    rng: &mut Rng,
    dir: &str,
    path: &str,
    target: &str,
) -> ottla_log::storage::Result<()> {
    let position = rng.below(6_000);
    let fill = vec![rng.below(255) as u8 + 1; rng.below(3_000) as usize];
    match rng.below(10) {
        0 => storage.open(path, OpenMode::CREATE_NEW).map(drop),
        1 => storage.rename(path, target),
        2 => storage.remove_file(target),
        3 => storage.sync_dir(dir),
        4 => storage.open(path, OpenMode::READ_WRITE)?.set_len(position),
        5 => storage.open(path, OpenMode::READ_WRITE)?.allocate(position).map(drop),
        6 => storage.open(path, OpenMode::READ_WRITE)?.sync(),
        7 => storage.open(path, OpenMode::READ_WRITE)?.sync_with_metadata(),
        _ => storage.open(path, OpenMode::READ_WRITE)?.write_at(position, &fill),
    }
}

fn tree(image: &Image) -> Vec<(String, Vec<u8>)> {
    image.files().into_iter().map(|(path, node)| (path, bytes(image.content(node)))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_kill_loses_nothing_and_everything_synced_survives(seed in any::<u64>()) {
        let (storage, seen) = run_script(seed, 60);
        storage.sync_all().expect("it syncs");
        let script = storage.script();
        for (point, seen) in script.crash_points().zip(&seen) {
            let killed = point.image(Variant::Killed);
            prop_assert_eq!(tree(&killed), tree(seen), "{}", point.describe());
            let variant = Variant::Subset(seed ^ point.operation() as u64);
            prop_assert_eq!(tree(&point.image(variant)), tree(&point.image(variant)));
        }
        let end = script.crash_point(script.len());
        let all = tree(seen.last().expect("there is an end"));
        for variant in Variant::all(script.len(), 10) {
            prop_assert_eq!(tree(&end.image(variant)), all.clone(), "after sync_all");
        }
    }

    /// Bytes, once synced and not written since, are there whatever the power cut leaves; the file
    /// is found by the name that it had when its directory was synced.
    #[test]
    fn synced_bytes_survive_whatever_else_is_lost(seed in any::<u64>()) {
        let storage = RecordingStorage::new();
        settled(&storage, "f", &"s".repeat(2_000));
        let mut rng = Rng::from_number(seed);
        for _ in 0..30 {
            let file = storage.open("f", OpenMode::READ_WRITE).expect("it opens");
            // Sectors 1 and 2 hold what was synced; everything else is fair game.
            match rng.below(5) {
                0 => file.write_at(0, &[7; 512]).expect("it writes"),
                1 => file.write_at(1536 + rng.below(3_000), &[8; 700]).expect("it writes"),
                2 => file.set_len(1536 + rng.below(3_000)).expect("it sets"),
                3 => drop(file.allocate(1536 + rng.below(9_000)).expect("it reserves")),
                _ => file.sync().expect("it syncs"),
            }
        }
        for point in storage.script().crash_points().skip(4) {
            for variant in Variant::all(point.operation(), 4) {
                let bytes = content(&point.image(variant), "f").expect("its name is durable");
                prop_assert_eq!(&bytes[512..1536], &[b's'; 1024][..], "{}", point.describe());
            }
        }
    }
}

/// Enumeration must stay cheap, or nobody enumerates. A loose bound, since machines are busy.
#[test]
fn thousands_of_images_a_second() {
    let storage = RecordingStorage::new();
    make_dirs(&storage, "journal").expect("it makes it");
    let journal = storage.open("journal/1", OpenMode::CREATE.direct_sync()).expect("it opens");
    journal.allocate(4 << 20).expect("it reserves");
    journal.sync_with_metadata().expect("it syncs");
    for round in 0..200_u64 {
        let mut blocks = AlignedBuf::zeroed(8192);
        blocks.fill(round as u8);
        journal.write_at(round * 8192, &blocks).expect("it writes");
    }
    let started = std::time::Instant::now();
    let mut images = 0;
    for point in storage.script().crash_points() {
        for variant in Variant::all(point.operation(), 8) {
            images += point.image(variant).files().len();
        }
    }
    let rate = f64::from(images as u32) / started.elapsed().as_secs_f64();
    println!("{images} images, {rate:.0} a second");
    assert!(rate > 1_000.0, "{rate:.0} images a second");
}
