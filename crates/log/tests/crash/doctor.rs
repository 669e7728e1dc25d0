//! The doctor beside recovery: two implementations of what a directory holds, held against each other.
//!
//! - After a crash both find the same streams from the same start to the same end, and the doctor
//!   finds no damage.
//! - After damage the doctor finds it wherever recovery does, says so of nothing that is sound, never
//!   panics, and what it repairs opens again.

use ottla_log::doctor::{Repair, Report, Severity, examine, repair};
use ottla_log::storage::MemoryStorage;
use ottla_log::storage::disk::Image;
use ottla_log::storage::disk::unsynced::Variant;
use ottla_model::Timestamp;

use crate::check::{Expected, reads_as_damaged};
use crate::damage::{Damage, all_damages};
use crate::enumerate::{Tally, guard};
use crate::model::Fall;
use crate::workload::{self, Plan};

/// One crash point in so many is examined.
const POINT_EVERY: usize = 7;
/// One crash point in so many is damaged.
const DAMAGED_POINT_EVERY: usize = 190;
/// Repairs after which a directory has to be sound.
const REPAIRS_MAX: usize = 40;

/// Examines a script's crashes.
pub(crate) fn crashes(plan: &Plan) -> Tally {
    let script = workload::run(plan).script;
    let mut tally = Tally { operations: script.len(), ..Tally::default() };
    for point in script.crash_points().step_by(POINT_EVERY) {
        for variant in Variant::all(point.operation(), 2) {
            tally.images += 1;
            let outcome = guard(|| agree(plan, point.image(variant)));
            tally.note(outcome, || {
                format!("seed {}, {variant:?} at {}", plan.seed, point.describe())
            });
        }
    }
    tally
}

fn examined(image: &Image) -> Result<Report, String> {
    let storage = MemoryStorage::from_image(image.clone());
    examine(&storage, &storage).map_err(|error| error.to_string())
}

fn agree(plan: &Plan, image: Image) -> Result<(), String> {
    let report = examined(&image)?;
    let opened = workload::recover(MemoryStorage::from_image(image), &plan.settings, true);
    let (directory, _) = opened.map_err(|error| format!("recovery refuses: {error}"))?;
    if !report.is_sound() {
        return Err(format!("the doctor finds damage: {}", report.findings[0]));
    }
    let found = |id| report.streams.iter().find(|facts| facts.stream == id);
    for id in directory.streams() {
        let offsets = directory.stream(id).expect("it was listed").offsets();
        let Some(facts) = found(id) else {
            return Err(format!("the doctor does not know stream {id}"));
        };
        let (theirs, ours) =
            ((offsets.log_start, offsets.log_end), (facts.log_start, facts.log_end));
        if theirs != ours {
            return Err(format!("stream {id}: recovery finds {theirs:?}, the doctor {ours:?}"));
        }
    }
    if report.streams.len() != directory.streams().len() {
        return Err("the doctor knows streams that recovery does not".to_owned());
    }
    Ok(())
}

/// Damages a script's crashes, and has them examined and repaired.
pub(crate) fn damages(plan: &Plan) -> Tally {
    let outcome = workload::run(plan);
    let expected = Expected::of(&outcome.histories);
    let script = outcome.script;
    let mut tally = Tally { operations: script.len(), ..Tally::default() };
    for point in script.crash_points().skip(DAMAGED_POINT_EVERY / 2).step_by(DAMAGED_POINT_EVERY) {
        let image = point.image(Variant::Killed);
        for damage in all_damages(&image, point.operation() as u64) {
            let mut damaged = image.clone();
            damage.inflict(&mut damaged);
            tally.images += 1;
            let count = point.operation();
            let outcome = guard(|| treat(plan, &expected, damaged, count, &damage));
            tally.note(outcome, || {
                format!("seed {}, {damage:?} at {}", plan.seed, point.describe())
            });
        }
    }
    tally
}

fn treat(
    plan: &Plan,
    expected: &Expected,
    image: Image,
    count: usize,
    damage: &Damage,
) -> Result<(), String> {
    let report = examined(&image)?;
    let opened = workload::recover(MemoryStorage::from_image(image.clone()), &plan.settings, false);
    let complaint = match &opened {
        Err(error) => Some(error.to_string()),
        Ok((directory, found)) => {
            let read = directory
                .streams()
                .into_iter()
                .find(|id| directory.stream(*id).is_some_and(|stream| reads_as_damaged(&stream)));
            let read = read.map(|id| format!("stream {id} reads as damaged"));
            found.damaged.first().map(|(id, what)| format!("{id}: {what}")).or(read)
        }
    };
    if let (Some(what), true) = (&complaint, report.is_sound()) {
        return Err(format!("recovery says `{what}`, and the doctor nothing"));
    }
    drop(opened);
    let before = report;
    let storage = MemoryStorage::from_image(image);
    match cure(&storage)? {
        Cured::Hopeless => Ok(()),
        Cured::Sound { cut } => {
            let opened = workload::recover(storage.clone(), &plan.settings, false);
            let (directory, found) = opened.map_err(|error| {
                format!("after {damage:?} was repaired it does not open: {error}")
            })?;
            if let Some((id, what)) = found.damaged.first() {
                let report = examine(&storage, &storage).map_err(|error| error.to_string())?;
                let all: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
                let before: Vec<_> = before.findings.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "after the repair stream {id} is damaged: {what}; {before:#?} {all:#?}"
                ));
            }
            // What was given up is given up; everything else is as it was.
            let nameless = before
                .findings
                .iter()
                .any(|found| found.severity == Severity::Damage && found.stream.is_none());
            expected.check_damaged(&directory, count, Fall::Kill, |id| {
                // What a round made that cannot be read has no name to be given up under.
                cut.contains(&id) || (nameless && directory.stream(id).is_none())
            })?;
            directory.close(Timestamp(6_000_000)).map_err(|offline| offline.to_string())?;
            Ok(())
        }
    }
}

enum Cured {
    /// Nothing that can be repaired stands in the way.
    Hopeless,
    /// Sound; these streams lost records.
    Sound { cut: Vec<ottla_model::StreamId> },
}

/// Does what is offered, the worst first, until the directory is sound.
fn cure(storage: &MemoryStorage) -> Result<Cured, String> {
    let mut cut = Vec::new();
    for _ in 0..REPAIRS_MAX {
        let report = examine(storage, storage).map_err(|error| error.to_string())?;
        let mut offers: Vec<Repair> =
            report.findings.iter().filter_map(|finding| finding.repair.clone()).collect();
        // Of several places in one stream the first one decides.
        offers.sort_by_key(|offer| match offer {
            Repair::CutStream { to, .. } => to.0,
            Repair::RemoveFile { .. } | Repair::UseOldCheckpoint => -1,
        });
        let Some(offer) = offers.into_iter().next() else {
            let broken = report.findings.iter().any(|f| f.severity == Severity::Broken);
            let sound = report.is_sound();
            return match (sound, broken) {
                (true, _) => Ok(Cured::Sound { cut }),
                (false, true) => Ok(Cured::Hopeless),
                // A lost round that no stream misses any more is left to be read about.
                (false, false) if report.findings.iter().all(is_past) => Ok(Cured::Sound { cut }),
                (false, false) => Err(format!("nothing is offered for {}", report.findings[0])),
            };
        };
        if let Repair::CutStream { stream, .. } = &offer {
            cut.push(*stream);
        }
        repair(storage, storage, &offer).map_err(|error| format!("{offer}: {error}"))?;
    }
    Err("repairs never come to an end".to_owned())
}

fn is_past(finding: &ottla_log::doctor::Finding) -> bool {
    finding.severity < Severity::Damage || finding.stream.is_none()
}

/// The doctor reads arbitrary directories, and an empty one is new.
#[test]
fn an_empty_directory_is_new() {
    let storage = MemoryStorage::new();
    let report = examine(&storage, &storage).expect("it lists");
    assert!(report.is_new() && report.is_sound());
}
