//! Crash-point enumeration: a scripted workload is crashed at every I/O boundary, in every variant
//! of what survives, and every image has to recover to what the history allows (L1 to L13).
//!
//! Everything is a function of seeds: a violation names seed, operation and variant, and repeats.
//! `OTTLA_CRASH_SEEDS` says which scripts are enumerated, such as `12` or `5-9` (`1-2` in the gate).
//!
//! Read in this order: `workload` (the script), `batch`, `model` (what a crash may leave), `check`
//! (the invariants), `enumerate` (the crashes), `damage`
//! (what rots), `doctor` (a second opinion); `planted` shows that it catches what it is for.

mod batch;
mod check;
mod damage;
mod doctor;
mod enumerate;
mod model;
#[cfg(feature = "planted")]
mod planted;
mod workload;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use enumerate::{Tally, Until};
use ottla_log::storage::recording::Fault;
use workload::Plan;

/// Images that the gate has to see recover.
const IMAGES_MIN: usize = 10_000;
/// Writes past the journal that their scripts have to make.
const STRAIGHTS_MIN: u64 = 10;

fn seeds() -> RangeInclusive<u64> {
    let text = std::env::var("OTTLA_CRASH_SEEDS").unwrap_or_else(|_| "1-2".to_owned());
    let (first, last) = text.split_once('-').unwrap_or(("1", &text));
    let number = |text: &str| text.parse().expect("OTTLA_CRASH_SEEDS is such as 12, or 5-9");
    number(first)..=number(last)
}

fn expect_none(tally: &Tally) {
    let Tally { operations, straights, images, recovery_images, fault_runs, violations } = tally;
    println!(
        "\nfigure: {operations} operations, {straights} writes past the journal, {images} images, {recovery_images} of recoveries, \
         {fault_runs} runs with a fault, {} violations",
        violations.len()
    );
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), digest(violations));
}

/// The first violation of each sort: one defect shows in hundreds of images.
fn digest(violations: &[String]) -> String {
    let sort = |text: &str| {
        let why = text.rsplit_once("0: ").map_or(text, |(_, why)| why);
        why.chars().filter(|c| !c.is_ascii_digit()).take(60).collect::<String>()
    };
    let mut firsts: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for violation in violations {
        firsts.entry(sort(violation)).or_insert((0, violation)).0 += 1;
    }
    let lines = firsts.values().map(|(count, first)| format!("{count} like: {first}"));
    lines.take(20).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_crash_recovers_to_what_was_acknowledged() {
    let mut tally = Tally::default();
    for seed in seeds() {
        tally.add(enumerate::crashes(&Plan::of(seed), Until::End));
    }
    expect_none(&tally);
    assert!(tally.straights >= STRAIGHTS_MIN, "{} writes went straight", tally.straights);
    assert!(tally.images >= IMAGES_MIN, "the enumeration shrank to {} images", tally.images);
}

/// L8: whatever operation fails, nothing that was acknowledged is lost, before or after.
#[test]
fn every_failed_operation_leaves_what_was_acknowledged() {
    expect_none(&enumerate::faults(&Plan::of(1), Fault::Io, 1, Until::End));
}

/// L9: the same for a disk that is full for one operation.
#[test]
fn a_full_disk_leaves_what_was_acknowledged() {
    expect_none(&enumerate::faults(&Plan::of(2), Fault::Full, 2, Until::End));
}

/// L5: damage is reported, and never silently cut.
#[test]
fn damage_at_rest_is_reported() {
    let mut tally = damage::damages(&Plan::of(1), Until::End);
    tally.add(damage::damages(&Plan::of(2), Until::End));
    expect_none(&tally);
}

/// The doctor and recovery find the same, whatever a crash leaves.
#[test]
fn the_doctor_agrees_with_recovery() {
    let mut tally = doctor::crashes(&Plan::of(1));
    tally.add(doctor::crashes(&Plan::of(2)));
    expect_none(&tally);
}

/// The doctor finds the damage that recovery finds, and what it repairs opens again.
#[test]
fn what_the_doctor_repairs_opens_again() {
    expect_none(&doctor::damages(&Plan::of(1)));
}

/// A script is a function of its seed: otherwise no violation could be repeated.
#[test]
fn a_script_repeats() {
    let trace = || workload::run(&Plan::of(3)).script.trace();
    assert_eq!(trace(), trace());
}
