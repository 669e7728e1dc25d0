//! Every crash of a script: recover the image, ask whether the history allows what was found, and
//! whether the directory can be worked with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ottla_log::storage::MemoryStorage;
use ottla_log::storage::disk::Image;
use ottla_log::storage::disk::unsynced::Variant;
use ottla_log::storage::recording::{Fault, RecordingStorage, Script};
use ottla_log::{Lane, LogDirectory, LogSettings};
use ottla_model::{LeaderEpoch, Rng, StreamId, Timestamp};

use crate::batch::{Batch, Wish};
use crate::check::Expected;
use crate::model::Fall;
use crate::workload::{self, Outcome, Plan};

/// Drawn subsets of sectors and names at each crash point.
const SUBSETS: u64 = 8;
/// One image in so many is recovered twice, then appended to, closed and opened again.
const GO_ON_EVERY: usize = 16;
/// One image in so many is crashed again at every operation of its recovery.
const CRASH_AGAIN_EVERY: usize = 400;

/// Steps of all lanes within which a directory comes to rest.
const STEPS_MAX: usize = 500;

/// What an enumeration counted, and what it found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) operations: usize,
    pub(crate) straights: u64,
    pub(crate) images: usize,
    pub(crate) recovery_images: usize,
    pub(crate) fault_runs: usize,
    pub(crate) violations: Vec<String>,
}

impl Tally {
    /// The script itself did not run.
    fn broken(why: String) -> Self {
        Self { violations: vec![why], ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.straights += other.straights;
        self.images += other.images;
        self.recovery_images += other.recovery_images;
        self.fault_runs += other.fault_runs;
        self.violations.extend(other.violations);
    }

    pub(crate) fn note(&mut self, outcome: Result<(), String>, place: impl FnOnce() -> String) {
        if let Err(why) = outcome {
            self.violations.push(format!("{}: {why}", place()));
        }
    }
}

/// When to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// At the first violation: to see that a planted bug is caught.
    FirstViolation,
    /// At the end.
    End,
}

/// Crashes a script at each of its operations, in every variant.
pub(crate) fn crashes(plan: &Plan, until: Until) -> Tally {
    let Outcome { script, histories, straights } = match guard(|| Ok(workload::run(plan))) {
        Ok(outcome) => outcome,
        Err(why) => return Tally::broken(format!("seed {}: {why}", plan.seed)),
    };
    let expected = Expected::of(&histories);
    let mut tally = Tally { operations: script.len(), straights, ..Tally::default() };
    for point in script.crash_points() {
        for variant in Variant::all(point.operation(), SUBSETS) {
            let crash = Crash {
                plan,
                expected: &expected,
                count: point.operation(),
                fall: fall_of(variant),
                image: point.image(variant),
            };
            let place = || format!("seed {}, {variant:?} at {}", plan.seed, point.describe());
            tally.note(crash.recover(), place);
            tally.images += 1;
            if tally.images.is_multiple_of(GO_ON_EVERY) {
                tally.note(crash.go_on(), || format!("{}, going on", place()));
            }
            if tally.images.is_multiple_of(CRASH_AGAIN_EVERY) {
                let outcome = crash.crash_again(&mut tally.recovery_images);
                tally.note(outcome, || format!("{}, crashed again", place()));
            }
            if until == Until::FirstViolation && !tally.violations.is_empty() {
                return tally;
            }
        }
    }
    tally
}

/// Runs a script once for each operation of its disk, which fails; then the power goes.
pub(crate) fn faults(plan: &Plan, fault: Fault, every: usize, until: Until) -> Tally {
    let operations = workload::run(plan).script.len();
    let mut tally = Tally { operations, ..Tally::default() };
    for operation in (0..operations).step_by(every) {
        let plan = Plan { fault: Some((operation, fault)), ..plan.clone() };
        let outcome = guard(|| Ok(workload::run(&plan)));
        tally.fault_runs += 1;
        match outcome {
            Ok(outcome) => check_fault(&plan, &outcome, operation, &mut tally),
            Err(why) => {
                tally.violations.push(format!("seed {}, {operation} fails: {why}", plan.seed))
            }
        }
        if until == Until::FirstViolation && !tally.violations.is_empty() {
            break;
        }
    }
    tally
}

fn check_fault(plan: &Plan, outcome: &Outcome, operation: usize, tally: &mut Tally) {
    let expected = Expected::of(&outcome.histories);
    let point = outcome.script.crash_point(outcome.script.len());
    for variant in Variant::all(operation, 2) {
        let crash = Crash {
            plan,
            expected: &expected,
            count: point.operation(),
            fall: fall_of(variant),
            image: point.image(variant),
        };
        tally.images += 1;
        tally.note(crash.recover(), || {
            let failed = &outcome.script.trace()[operation];
            format!("seed {}, {variant:?} after {failed}", plan.seed)
        });
    }
}

fn fall_of(variant: Variant) -> Fall {
    match variant {
        Variant::AllKept | Variant::Killed => Fall::Kill,
        Variant::AllLost | Variant::Subset(_) => Fall::PowerCut,
    }
}

/// One image, and what it may hold.
struct Crash<'a> {
    plan: &'a Plan,
    expected: &'a Expected,
    count: usize,
    fall: Fall,
    image: Image,
}

impl Crash<'_> {
    fn open(&self, storage: MemoryStorage) -> Result<LogDirectory, String> {
        open_undamaged(storage, &self.plan.settings, self.fall)
    }

    fn recover(&self) -> Result<(), String> {
        guard(|| {
            let directory = self.open(MemoryStorage::from_image(self.image.clone()))?;
            self.expected.check(&directory, self.count, self.fall)
        })
    }

    /// Recovered, killed, recovered again it is the same; and it can be appended to, and kept.
    fn go_on(&self) -> Result<(), String> {
        guard(|| {
            let storage = MemoryStorage::from_image(self.image.clone());
            drop(self.open(storage.clone())?);
            let directory = self.open(storage.clone())?;
            self.expected.check(&directory, self.count, self.fall)?;
            let ends = append_to_all(&directory)?;
            directory
                .close(Timestamp(6_000_000))
                .map_err(|why| format!("it does not close: {why}"))?;
            drop(directory);
            let directory = self.open(storage)?;
            for (id, end) in ends {
                let found = directory.stream(id).map(|stream| stream.offsets().log_end);
                if found != Some(end) {
                    return Err(format!("stream {id} ended at {end}, and now at {found:?}"));
                }
            }
            Ok(())
        })
    }

    /// A crash at each operation of the recovery itself.
    fn crash_again(&self, images: &mut usize) -> Result<(), String> {
        let script = guard(|| {
            let storage = RecordingStorage::on(self.image.clone());
            let (directory, _) = workload::open(
                Arc::new(storage.clone()),
                &self.plan.settings,
                "second boot",
                Timestamp(5_000_000),
            )
            .map_err(|why| why.to_string())?;
            settle(&directory)?;
            Ok::<Script, String>(storage.script())
        })?;
        for point in script.crash_points() {
            for variant in Variant::all(point.operation(), 1) {
                *images += 1;
                let again = Crash { image: point.image(variant), fall: Fall::PowerCut, ..*self };
                again
                    .recover()
                    .map_err(|why| format!("{variant:?} at {}: {why}", point.describe()))?;
            }
        }
        Ok(())
    }
}

fn open_undamaged(
    storage: MemoryStorage,
    settings: &LogSettings,
    fall: Fall,
) -> Result<LogDirectory, String> {
    let (directory, report) = workload::recover(storage, settings, fall == Fall::PowerCut)
        .map_err(|why| format!("L4: it does not open: {why}"))?;
    if report.damaged.is_empty() {
        Ok(directory)
    } else {
        Err(format!("L5: a crash is no damage: {:?}", report.damaged))
    }
}

fn append_to_all(directory: &LogDirectory) -> Result<Vec<(StreamId, ottla_model::Offset)>, String> {
    let mut rng = Rng::from_number(99);
    let mut ends = Vec::new();
    for id in directory.streams() {
        let stream = directory.stream(id).ok_or("a stream that is listed is there")?;
        let latest = stream.latest_epoch().unwrap_or(LeaderEpoch(0));
        let batch = Batch::make(
            &mut rng,
            Wish {
                base: stream.offsets().log_end,
                epoch: LeaderEpoch(latest.0 + 1),
                records: 2,
                value_bytes: 3_000,
                about: Timestamp(5_500_000),
                producer: None,
            },
        );
        let end = stream
            .append(batch.stamped.clone(), Timestamp(5_500_000))
            .map_err(|why| format!("stream {id} takes nothing: {why}"))?;
        ends.push((id, end));
    }
    settle(directory)?;
    for (id, end) in &ends {
        let durable = directory.stream(*id).map(|stream| stream.offsets().durable_end);
        if durable != Some(*end) {
            return Err(format!("stream {id} is durable up to {durable:?}, not {end}"));
        }
    }
    Ok(ends)
}

/// Steps until nothing is left to do.
fn settle(directory: &LogDirectory) -> Result<(), String> {
    for _ in 0..STEPS_MAX {
        let steps = Lane::ALL.map(|lane| directory.step(lane, Timestamp(5_600_000)));
        if !steps.iter().any(|step| step.worked) {
            return Ok(());
        }
    }
    Err("its lanes never come to rest".to_owned())
}

/// A panic is a violation too, and must not end the enumeration.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}
