//! The log under threads: one driver a stream appends, reads, cuts, moves starts, drops, makes anew and
//! alters, while readers, a janitor and all lanes are at work, with every assertion of the engine on.
//! Each driver knows what its stream holds, and holds the log to it: while it runs, after every
//! kind of crash, and at the end. What is decided about one interleaving is in the enumeration (`tests/crash`);
//! here is what only happens between two instructions.
//!
//! `OTTLA_STRESS_SECONDS` says how long (10 in all without it), `OTTLA_STRESS_SEED` with which choices.
//!
//! [`scene`] runs the threads, [`driver`] does things to one stream, [`model`] is what it must hold.

mod driver;
mod model;
mod scene;

use std::sync::Arc;
use std::time::Duration;

use ottla_log::storage::disk::Image;
use ottla_log::storage::{DirectAccess, FaultyStorage, FilesStorage, Storage};
use ottla_model::Rng;
use scene::{Crash, Scene};

/// How long all of it goes on, unless it is told.
const SECONDS: u64 = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// A part of the time that there is.
fn span(percent: u64) -> Duration {
    Duration::from_millis(number("OTTLA_STRESS_SECONDS").unwrap_or(SECONDS) * 10 * percent)
}

fn seed() -> u64 {
    number("OTTLA_STRESS_SEED").unwrap_or(1)
}

/// In memory: killed and cut off from power at every moment, and opened again from what is left.
#[test]
fn everything_at_once_in_memory_survives_every_crash() {
    let storage = FaultyStorage::new(Rng::from_number(seed()));
    let mut crashes = 0;
    let disk = storage.clone();
    let mut crash = || {
        crashes += 1;
        Some(match crashes % 2 {
            0 => (on(disk.kill(), crashes), Crash::Kill),
            _ => (on(disk.power_cut(), crashes), Crash::PowerCut),
        })
    };
    Scene::run(Arc::new(storage), seed(), span(50), &mut crash);
    assert!(crashes > 5, "only {crashes} crashes");
}

fn on(image: Image, seed: u64) -> Arc<dyn Storage> {
    Arc::new(FaultyStorage::on(image, Rng::from_number(seed)))
}

/// On real files, past the page cache and through it, where system calls take their time.
#[test]
fn everything_at_once_on_files_ends_as_it_was_told() {
    for (number, access) in [DirectAccess::Auto, DirectAccess::Never].into_iter().enumerate() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let storage: Arc<dyn Storage> =
            Arc::new(FilesStorage::open(dir.path(), access).expect("it opens"));
        let seed = seed() + 1 + number as u64;
        Scene::run(storage, seed, span(25), &mut || None);
    }
}
