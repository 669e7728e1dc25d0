//! The real file storage on a disk that loses what was not flushed: that it conforms there, and that
//! its syncs reach the disk as what they claim to be.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_log::storage::disk::Image;
use ottla_log::storage::faulty::Odds;
use ottla_log::storage::{
    AlignedBuf, DirectAccess, FilesStorage, OpenMode, Storage, conformance, read_whole,
    replace_whole,
};
use ottla_model::Rng;
use ottla_power_cut::PowerDisk;

/// A place to mount at; `None`, loudly, where nothing can be mounted.
fn mount_point() -> Option<(tempfile::TempDir, PathBuf)> {
    if !PowerDisk::is_available() {
        eprintln!("SKIPPED: no FUSE here, so no power was cut");
        return None;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let point = directory.path().join("disk");
    std::fs::create_dir(&point).expect("it makes it");
    Some((directory, point))
}

fn mount(point: &std::path::Path, image: Image, seed: u64) -> PowerDisk {
    PowerDisk::mount(point, image, Rng::from_number(seed)).expect("it mounts")
}

#[test]
fn files_conform_on_it() {
    let Some((_directory, point)) = mount_point() else { return };
    for direct in [DirectAccess::Auto, DirectAccess::Never] {
        let disk = mount(&point, Image::default(), 1);
        let count = AtomicU64::new(0);
        conformance::suite(|| {
            let root = point.join(count.fetch_add(1, Ordering::Relaxed).to_string());
            let storage = FilesStorage::open(&root, direct).expect("it opens");
            assert_eq!(storage.kind().what, "fuse");
            assert_eq!(storage.kind().direct, direct == DirectAccess::Auto);
            storage
        });
        disk.unmount().expect("it unmounts");
    }
}

/// What each call promises, checked after a power cut: the promise held, and without the call the
/// bytes are lost in some run, so that the check means something.
#[test]
fn every_kind_of_sync_keeps_its_promise() {
    let Some((_directory, point)) = mount_point() else { return };
    let block = AlignedBuf::from(&[7; 4096][..]);
    for direct in [DirectAccess::Auto, DirectAccess::Never] {
        for (name, mode, sync, promised) in [
            ("direct sync", OpenMode::CREATE.direct_sync(), false, true),
            ("direct and sync", OpenMode::CREATE.direct(), true, true),
            ("buffered and sync", OpenMode::CREATE, true, true),
            ("direct", OpenMode::CREATE.direct(), false, false),
            ("buffered", OpenMode::CREATE, false, false),
        ] {
            let mut kept = 0;
            let runs = 12;
            for seed in 0..runs {
                let disk = mount(&point, Image::default(), seed);
                let storage = FilesStorage::open(&point, direct).expect("it opens");
                let file = storage.open("f", mode).expect("it opens");
                storage.sync_dir("").expect("it syncs");
                file.write_at(0, &block).expect("it writes");
                if sync {
                    file.sync().expect("it syncs");
                }
                let image = disk.cut();
                assert!(file.write_at(0, &block).is_err(), "there is no power");
                drop((file, storage));
                disk.unmount().expect("it unmounts");
                kept += u64::from(content(&image) == Some(block.to_vec()));
            }
            assert!(!promised || kept == runs, "{name} {direct:?}: kept {kept} of {runs}");
            assert!(promised || kept < runs, "{name} {direct:?}: nothing is ever lost");
        }
    }
}

fn content(image: &Image) -> Option<Vec<u8>> {
    let storage = ottla_log::storage::MemoryStorage::from_image(image.clone());
    read_whole(&storage, "f", 1 << 20).ok().flatten()
}

#[test]
fn a_replaced_file_survives_every_power_cut() {
    let Some((_directory, point)) = mount_point() else { return };
    let mut image = Image::default();
    for round in 0..20_u64 {
        let disk = mount(&point, image, round);
        let storage = FilesStorage::open(&point, DirectAccess::Auto).expect("it opens");
        if round > 0 {
            let found = read_whole(&storage, "f", 1 << 20).expect("it reads");
            assert_eq!(found, Some((round - 1).to_string().into_bytes()));
        }
        replace_whole(&storage, "f", round.to_string().as_bytes(), Some("f.old"))
            .expect("it replaces");
        image = disk.cut();
        drop(storage);
        disk.unmount().expect("it unmounts");
    }
}

#[test]
fn failures_of_the_disk_arrive_as_what_they_are() {
    let Some((_directory, point)) = mount_point() else { return };
    let disk = mount(&point, Image::default(), 1);
    let storage = FilesStorage::open(&point, DirectAccess::Auto).expect("it opens");
    let file = storage.open("f", OpenMode::CREATE).expect("it opens");
    disk.faults().set_capacity(Some(64 * 1024));
    assert_eq!(storage.free_bytes().expect("it says"), 64 * 1024);
    let error = file.write_at(0, &[1; 100_000]).expect_err("it does not fit");
    assert!(error.is_full() && !error.is_fatal(), "{error}");
    let error = file.allocate(1 << 20).expect_err("it does not fit");
    assert!(error.is_full(), "{error}");
    disk.faults().set_capacity(None);
    file.write_at(0, &[1; 100_000]).expect("there is room again");
    disk.faults().set_odds(Odds { sync_fails: 10_000, ..Odds::default() });
    assert!(file.sync().expect_err("it fails").is_fatal());
    assert!(storage.sync_dir("").expect_err("it fails").is_fatal());
    assert!(storage.sync_all().expect_err("it fails").is_fatal());
    disk.faults().set_odds(Odds::default());
    storage.sync_all().expect("it syncs");
    drop((file, storage));
    disk.unmount().expect("it unmounts");
}
