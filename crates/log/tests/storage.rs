//! Every storage passes the one suite; real files with direct access and without.

use ottla_log::storage::{
    DirectAccess, FaultyStorage, FilesStorage, MemoryStorage, RecordingStorage, Storage,
    conformance,
};
use ottla_model::Rng;

#[test]
fn memory_conforms() {
    conformance::suite(MemoryStorage::new);
}

#[test]
fn a_recording_conforms() {
    conformance::suite(RecordingStorage::new);
}

#[test]
fn a_faulty_disk_conforms_until_it_is_told_to_fail() {
    conformance::suite(|| FaultyStorage::new(Rng::from_number(1)));
}

#[test]
fn files_conform_with_direct_access() {
    let directory = directory();
    if !FilesStorage::open(directory.path(), DirectAccess::Auto).expect("it opens").kind().direct {
        eprintln!("SKIPPED: no direct access below {}", directory.path().display());
    }
    suite_on_files(DirectAccess::Auto);
}

#[test]
fn files_conform_without_direct_access() {
    suite_on_files(DirectAccess::Never);
}

fn suite_on_files(direct: DirectAccess) {
    let directory = directory();
    let mut count = 0;
    conformance::suite(|| {
        count += 1;
        let root = directory.path().join(format!("made/{count}"));
        FilesStorage::open(&root, direct).expect("it opens, and makes what is missing")
    });
}

/// Below cargo's target directory, since `/tmp` is in memory on many machines.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory")
}
