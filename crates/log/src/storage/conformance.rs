//! One suite for every implementation of [`Storage`]: what a storage promises while nothing fails.
//!
//! What survives a crash is not checked here, since only a modelled disk can be crashed: `recording`
//! has its own tests, and the real files go through power cuts on a disk that loses what was not
//! flushed.

use std::sync::Arc;

use ottla_model::Rng;
use ottla_model::limits::BLOCK_BYTES;

use super::{
    AlignedBuf, MemoryStorage, OpenMode, Result, Storage, StorageError, StorageFile, make_dirs,
    read_whole, remove_tree, replace_whole,
};

const BLOCK: usize = BLOCK_BYTES as usize;

/// One check: its name, and what it does with an empty storage.
pub type Check = (&'static str, fn(&dyn Storage));

/// Every check of the suite.
pub const CHECKS: [Check; 16] = [
    ("bytes_read_back", bytes_read_back),
    ("lengths_cut_and_extend_with_zeros", lengths_cut_and_extend_with_zeros),
    ("allocation_never_shortens", allocation_never_shortens),
    ("opening_keeps_to_its_intent", opening_keeps_to_its_intent),
    ("directories_hold_names", directories_hold_names),
    ("renames_replace", renames_replace),
    ("what_is_missing_is_not_found", what_is_missing_is_not_found),
    ("a_handle_outlives_its_name", a_handle_outlives_its_name),
    ("direct_access_takes_whole_aligned_blocks", direct_access_takes_whole_aligned_blocks),
    ("direct_and_buffered_see_each_other", direct_and_buffered_see_each_other),
    ("parts_are_written_as_one", parts_are_written_as_one),
    ("a_handle_for_reading_does_not_write", a_handle_for_reading_does_not_write),
    ("a_lock_is_held_once", a_lock_is_held_once),
    ("no_path_leads_out", no_path_leads_out),
    ("writers_at_different_places_do_not_meet", writers_at_different_places_do_not_meet),
    ("any_sequence_of_calls_answers_as_memory_does", any_sequence_of_calls_answers_as_memory_does),
];

/// Runs every check, each on a fresh storage from `make`.
///
/// # Panics
/// When the storage breaks a promise.
pub fn suite<S: Storage>(mut make: impl FnMut() -> S) {
    for (name, check) in CHECKS {
        let storage = make();
        assert_eq!(storage.list("").expect("a storage lists itself"), [], "{name}: begins empty");
        check(&storage);
    }
}

fn open(storage: &dyn Storage, path: &str, mode: OpenMode) -> Arc<dyn StorageFile> {
    storage.open(path, mode).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn all_of(file: &dyn StorageFile) -> Vec<u8> {
    let len = file.len().expect("a file has a length") as usize;
    let mut bytes = vec![0xee; len + 7];
    let got = file.read_at(0, &mut bytes).expect("it reads");
    assert_eq!(got, len, "a read is short only at the end");
    bytes.truncate(got);
    bytes
}

fn names(storage: &dyn Storage, dir: &str) -> Vec<String> {
    storage.list(dir).expect("it lists").into_iter().map(|entry| entry.name).collect()
}

fn bytes_read_back(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE);
    assert_eq!(file.read_at(0, &mut [0; 4]).expect("an empty file reads"), 0);
    file.write_at(3, b"world").expect("it writes");
    file.write_at(0, b"hel").expect("it writes");
    file.write_at(10_000, b"!").expect("it writes past the end");
    let mut expected = b"helworld".to_vec();
    expected.resize(10_000, 0);
    expected.push(b'!');
    assert_eq!(all_of(&*file), expected);
    file.sync().expect("it syncs");
    let again = open(storage, "file", OpenMode::READ);
    assert_eq!(all_of(&*again), expected);
    let mut two = [9; 2];
    assert_eq!(again.read_at(10_000, &mut two).expect("it reads"), 1);
    assert_eq!(again.read_at(10_001, &mut two).expect("it reads"), 0);
    assert_eq!(again.read_at(1 << 40, &mut two).expect("far beyond the end is no error"), 0);
    file.write_at(0, b"").expect("nothing is written");
    file.write_at(1 << 30, b"").expect("nothing is written");
    assert_eq!(file.len().expect("a length"), 10_001, "writing nothing does not lengthen");
}

fn lengths_cut_and_extend_with_zeros(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE_NEW);
    file.write_at(0, &[7; 9000]).expect("it writes");
    file.set_len(5000).expect("it cuts");
    assert_eq!(all_of(&*file), [7; 5000]);
    file.set_len(9000).expect("it extends");
    let mut expected = vec![7; 5000];
    expected.resize(9000, 0);
    assert_eq!(all_of(&*file), expected);
    file.set_len(0).expect("it empties");
    assert!(file.is_empty().expect("a length"));
    file.sync_with_metadata().expect("it syncs");
}

fn allocation_never_shortens(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE_NEW);
    file.write_at(0, b"kept").expect("it writes");
    file.allocate(100_000).expect("it reserves");
    assert_eq!(file.len().expect("a length"), 100_000);
    file.allocate(10).expect("it reserves less");
    file.allocate(0).expect("it reserves nothing");
    assert_eq!(file.len().expect("a length"), 100_000);
    let bytes = all_of(&*file);
    assert_eq!(&bytes[..4], b"kept");
    assert!(bytes[4..].iter().all(|byte| *byte == 0), "reserved bytes read as zeros");
}

fn opening_keeps_to_its_intent(storage: &dyn Storage) {
    for mode in [OpenMode::READ, OpenMode::READ_WRITE] {
        let error = storage.open("file", mode).expect_err("it is not there");
        assert!(error.is_not_found(), "{error}");
    }
    open(storage, "file", OpenMode::CREATE).write_at(0, b"kept").expect("it writes");
    let error = storage.open("file", OpenMode::CREATE_NEW).expect_err("it is there");
    assert!(matches!(error, StorageError::Exists { .. }), "{error}");
    for mode in [OpenMode::READ, OpenMode::READ_WRITE, OpenMode::CREATE] {
        assert_eq!(all_of(&*open(storage, "file", mode)), b"kept", "{mode:?} keeps the content");
    }
    storage.create_dir("dir").expect("it makes a directory");
    for mode in [OpenMode::READ, OpenMode::CREATE, OpenMode::CREATE_NEW] {
        storage.open("dir", mode).expect_err("a directory is no file");
    }
    storage.open("missing/file", OpenMode::CREATE).expect_err("its directory is missing");
}

fn directories_hold_names(storage: &dyn Storage) {
    make_dirs(storage, "a/b/c").expect("it makes all three");
    make_dirs(storage, "a/b/c").expect("making them again is no error");
    for name in ["a/2", "a/10", "a/1"] {
        open(storage, name, OpenMode::CREATE).write_at(0, name.as_bytes()).expect("it writes");
    }
    assert_eq!(names(storage, "a"), ["1", "10", "2", "b"], "sorted by name");
    let entries = storage.list("a").expect("it lists");
    assert_eq!(
        entries.iter().map(|e| (e.is_dir, e.bytes)).collect::<Vec<_>>(),
        [(false, 3), (false, 4), (false, 3), (true, 0)]
    );
    let error = storage.create_dir("a/b").expect_err("it is there");
    assert!(matches!(error, StorageError::Exists { .. }), "{error}");
    storage.remove_dir("a/b").expect_err("it is not empty");
    storage.remove_file("a/b").expect_err("it is no file");
    storage.remove_dir("a/1").expect_err("it is no directory");
    storage.remove_dir("a/b/c").expect("it is empty");
    storage.sync_dir("a/b").expect("it syncs");
    storage.sync_dir("").expect("the storage itself syncs");
    storage.sync_all().expect("everything syncs");
    remove_tree(storage, "a").expect("it removes everything");
    remove_tree(storage, "a").expect("nothing is left to remove");
    assert_eq!(names(storage, ""), [""; 0]);
}

fn renames_replace(storage: &dyn Storage) {
    storage.create_dir("dir").expect("it makes a directory");
    replace_whole(storage, "dir/current", b"one", Some("former")).expect("it replaces");
    replace_whole(storage, "dir/current", b"second", Some("former")).expect("it replaces");
    let read = |path| read_whole(storage, path, 100).expect("it reads");
    assert_eq!(read("dir/current").as_deref(), Some(&b"second"[..]));
    assert_eq!(read("dir/former").as_deref(), Some(&b"one"[..]));
    assert_eq!(read_whole(storage, "dir/current", 5).expect("it looks"), None, "over the bound");
    assert_eq!(names(storage, "dir"), ["current", "former"]);
    storage.rename("dir/former", "moved").expect("it moves to another directory");
    storage.rename("moved", "moved").expect("onto itself is no change");
    assert_eq!(read("moved").as_deref(), Some(&b"one"[..]));
    storage.rename("dir", "folder").expect("directories move too");
    assert_eq!(read("folder/current").as_deref(), Some(&b"second"[..]));
    storage.rename("folder", "folder/inside").expect_err("not into itself");
    storage.rename("moved", "folder").expect_err("a file does not replace a directory");
    storage.rename("folder", "moved").expect_err("a directory does not replace a file");
    storage.create_dir("empty").expect("it makes a directory");
    storage.rename("empty", "folder").expect_err("a full directory is not replaced");
}

fn what_is_missing_is_not_found(storage: &dyn Storage) {
    let missing: [(&str, Result<()>); 7] = [
        ("list", storage.list("none").map(drop)),
        ("create_dir", storage.create_dir("none/dir")),
        ("rename", storage.rename("none", "other")),
        ("remove_file", storage.remove_file("none")),
        ("remove_dir", storage.remove_dir("none")),
        ("sync_dir", storage.sync_dir("none")),
        ("open", storage.open("none/file", OpenMode::CREATE).map(drop)),
    ];
    for (call, answer) in missing {
        let error = answer.expect_err(call);
        assert!(error.is_not_found(), "{call}: {error}");
        assert!(!error.is_fatal(), "{call}: {error}");
    }
}

fn a_handle_outlives_its_name(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE);
    file.write_at(0, b"old").expect("it writes");
    storage.remove_file("file").expect("it removes");
    assert_eq!(all_of(&*file), b"old");
    file.write_at(3, b"er").expect("it still writes");
    let new = open(storage, "file", OpenMode::CREATE_NEW);
    assert!(new.is_empty().expect("a length"), "the name is another file's now");
    assert_eq!(all_of(&*file), b"older");
    storage.rename("file", "moved").expect("it renames");
    new.write_at(0, b"through").expect("a renamed file's handle still writes to it");
    assert_eq!(all_of(&*open(storage, "moved", OpenMode::READ)), b"through");
}

fn direct_access_takes_whole_aligned_blocks(storage: &dyn Storage) {
    let mut blocks = AlignedBuf::zeroed(2 * BLOCK);
    for mode in [OpenMode::CREATE.direct(), OpenMode::CREATE.direct_sync()] {
        let file = open(storage, "file", mode);
        file.write_at(0, &blocks).expect("whole aligned blocks are written");
        file.write_at(BLOCK_BYTES, &blocks[..BLOCK]).expect("at any block");
        let misaligned = |answer: Result<()>| {
            let error = answer.expect_err("it is misaligned");
            assert!(matches!(error, StorageError::Misaligned { .. }), "{error}");
        };
        misaligned(file.write_at(512, &blocks));
        misaligned(file.write_at(0, &blocks[..100]));
        misaligned(file.write_at(0, &blocks[512..512 + BLOCK]));
        misaligned(file.write_vectored_at(0, &[&blocks[..BLOCK], &blocks[BLOCK..BLOCK + 1]]));
        misaligned(file.read_at(1, &mut blocks[..BLOCK]).map(drop));
        misaligned(file.read_at(0, &mut blocks[..100]).map(drop));
        file.write_vectored_at(0, &[&blocks[..BLOCK], &blocks[BLOCK..]]).expect("aligned parts");
        file.set_len(BLOCK_BYTES + 100).expect("any length may be set");
        let got = file.read_at(0, &mut blocks).expect("a direct read meets the end");
        assert_eq!(got, BLOCK + 100);
        assert_eq!(file.read_at(2 * BLOCK_BYTES, &mut blocks).expect("beyond the end"), 0);
    }
}

fn direct_and_buffered_see_each_other(storage: &dyn Storage) {
    let buffered = open(storage, "file", OpenMode::CREATE);
    let direct = open(storage, "file", OpenMode::READ_WRITE.direct());
    let through = open(storage, "file", OpenMode::READ_WRITE.direct_sync());
    let mut block = AlignedBuf::zeroed(BLOCK);
    for round in 0..20_u8 {
        buffered.write_at(0, &[round; 3 * BLOCK]).expect("it writes");
        direct.read_at(BLOCK_BYTES, &mut block).expect("it reads");
        assert_eq!(*block, [round; BLOCK], "a direct read sees a buffered write");
        block.fill(round + 100);
        let writer = if round % 2 == 0 { &direct } else { &through };
        writer.write_at(BLOCK_BYTES, &block).expect("it writes");
        let mut seen = [0; 2 * BLOCK];
        buffered.read_at(0, &mut seen).expect("it reads");
        assert_eq!(seen[..BLOCK], [round; BLOCK]);
        assert_eq!(seen[BLOCK..], [round + 100; BLOCK], "a buffered read sees a direct write");
    }
    direct.sync().expect("it syncs");
}

fn parts_are_written_as_one(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE);
    let parts: Vec<Vec<u8>> = (0..3000_usize).map(|i| vec![(i % 251) as u8; i % 40]).collect();
    let slices: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
    file.write_vectored_at(17, &slices).expect("it writes");
    let mut expected = vec![0; 17];
    expected.extend(parts.concat());
    assert_eq!(all_of(&*file), expected);
    file.write_vectored_at(5, &[]).expect("no part is no write");
    file.write_vectored_at(5, &[b"", b""]).expect("nor are empty ones");
    assert_eq!(all_of(&*file), expected);
}

fn a_handle_for_reading_does_not_write(storage: &dyn Storage) {
    open(storage, "file", OpenMode::CREATE).write_at(0, b"kept").expect("it writes");
    let file = open(storage, "file", OpenMode::READ);
    let refused = [
        file.write_at(0, b"lost"),
        file.write_vectored_at(0, &[b"lost"]),
        file.set_len(0),
        file.allocate(100).map(drop),
    ];
    for answer in refused {
        let error = answer.expect_err("the handle is for reading");
        assert!(matches!(error, StorageError::ReadOnly { .. }), "{error}");
    }
    assert_eq!(all_of(&*file), b"kept");
}

fn a_lock_is_held_once(storage: &dyn Storage) {
    let lock = storage.lock("lock").expect("nobody holds it");
    let error = storage.lock("lock").expect_err("it is held");
    assert!(matches!(error, StorageError::Busy { .. }), "{error}");
    let other = storage.lock("other").expect("another name is another lock");
    drop(lock);
    drop(storage.lock("lock").expect("it was given back"));
    drop(other);
    assert_eq!(names(storage, ""), ["lock", "other"], "the files stay");
}

fn no_path_leads_out(storage: &dyn Storage) {
    for path in ["", "/file", "../file", "a/../../file", "./file", "a//b"] {
        let error = storage.open(path, OpenMode::CREATE).expect_err(path);
        assert!(matches!(error, StorageError::BadPath { .. }), "{path}: {error}");
        storage.create_dir(path).expect_err(path);
        storage.rename("x", path).expect_err(path);
    }
    storage.list("..").expect_err("a listing stays inside");
    storage.sync_dir("/").expect_err("a sync stays inside");
}

fn writers_at_different_places_do_not_meet(storage: &dyn Storage) {
    let file = open(storage, "file", OpenMode::CREATE);
    let (writers, rounds) = (4_usize, 50_usize);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let file = &file;
            scope.spawn(move || {
                for round in 0..rounds {
                    let position = ((round * writers + writer) * 100) as u64;
                    file.write_at(position, &[writer as u8 + 1; 100]).expect("it writes");
                    if round % 10 == 0 {
                        file.sync().expect("it syncs");
                    }
                }
            });
        }
    });
    let bytes = all_of(&*file);
    assert_eq!(bytes.len(), writers * rounds * 100);
    for (index, part) in bytes.chunks(100).enumerate() {
        assert_eq!(part, [(index % writers) as u8 + 1; 100], "part {index}");
    }
}

/// A random walk over a few names, on the storage and in memory side by side.
fn any_sequence_of_calls_answers_as_memory_does(storage: &dyn Storage) {
    for seed in 0..20 {
        let memory = MemoryStorage::new();
        let mut rng = Rng::from_number(seed);
        for step in 0..150 {
            let state = rng.clone();
            let theirs = walk_step(storage, &mut rng);
            let ours = walk_step(&memory, &mut state.clone());
            assert_eq!(theirs, ours, "seed {seed}, step {step}");
        }
        assert_eq!(walk_tree(storage, ""), walk_tree(&memory, ""), "seed {seed}");
        for entry in storage.list("").expect("it lists") {
            if entry.is_dir {
                remove_tree(storage, &entry.name).expect("it removes");
            } else {
                storage.remove_file(&entry.name).expect("it removes");
            }
        }
    }
}

/// One call drawn from `rng`; whether it succeeded, or how it failed.
fn walk_step(storage: &dyn Storage, rng: &mut Rng) -> std::result::Result<(), &'static str> {
    const NAMES: [&str; 8] = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "d/e"];
    let mut name = || NAMES[rng.below(NAMES.len() as u64) as usize];
    let (one, other) = (name(), name());
    let position = rng.below(12_000);
    let size = rng.below(9_000) as usize;
    let fill = rng.below(255) as u8 + 1;
    let answer = match rng.below(11) {
        0 => storage.create_dir(one),
        1 => storage.rename(one, other),
        2 => storage.remove_file(one),
        3 => storage.remove_dir(one),
        4 => storage.sync_dir(one),
        5 => storage.sync_all(),
        6 => storage.open(one, OpenMode::CREATE_NEW).map(drop),
        7 => storage.open(one, OpenMode::CREATE).and_then(|f| f.set_len(position)),
        8 => storage.open(one, OpenMode::READ_WRITE).and_then(|f| f.allocate(position)).map(drop),
        9 => storage.open(one, OpenMode::READ_WRITE).and_then(|f| {
            f.write_at(position, &vec![fill; size])?;
            f.sync_with_metadata()
        }),
        _ => storage
            .open(one, OpenMode::CREATE)
            .and_then(|f| f.write_at(position, &vec![fill; size])),
    };
    // Which of several reasons to refuse comes first is the system's affair.
    answer.map_err(|error| match error {
        StorageError::Exists { .. } => "exists",
        _ => "refused",
    })
}

/// Every path with its content.
fn walk_tree(storage: &dyn Storage, dir: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in storage.list(dir).expect("it lists") {
        let path = super::join(dir, &entry.name);
        if entry.is_dir {
            found.push((path.clone(), None));
            found.extend(walk_tree(storage, &path));
        } else {
            let bytes = read_whole(storage, &path, u64::MAX).expect("it reads");
            found.push((path, bytes));
        }
    }
    found
}
