//! Damage at rest (L5): what was acknowledged and cannot be read any more is reported, never silently
//! cut. Bits rot, files come back empty or not at all; the recovery may say so and refuse, or do
//! without what was damaged, and nothing else.

use std::collections::BTreeSet;

use ottla_log::LogDirectory;
use ottla_log::format::RoundHeader;
use ottla_log::format::names::{
    JOURNAL_DIR, LOCK, STREAMS_DIR, SUPERBLOCK_NEW, parse_journal_file,
};
use ottla_log::storage::disk::unsynced::Variant;
use ottla_log::storage::disk::{Image, NodeId};
use ottla_log::storage::{MemoryStorage, name_of};
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{Rng, StreamId};

use crate::check::Expected;
use crate::enumerate::{Tally, Until, guard};
use crate::model::Fall;
use crate::workload::{self, Outcome, Plan};

/// One crash point in so many is damaged.
const POINT_EVERY: usize = 90;

/// Damages the images of a script's crashes in every way there is here.
pub(crate) fn damages(plan: &Plan, until: Until) -> Tally {
    let Outcome { script, histories, .. } = workload::run(plan);
    let expected = Expected::of(&histories);
    let mut tally = Tally { operations: script.len(), ..Tally::default() };
    for point in script.crash_points().skip(POINT_EVERY / 2).step_by(POINT_EVERY) {
        let image = point.image(Variant::Killed);
        for damage in all_damages(&image, point.operation() as u64) {
            let mut damaged = image.clone();
            damage.inflict(&mut damaged);
            tally.images += 1;
            let outcome = recover(plan, &expected, damaged, point.operation(), &damage);
            tally.note(outcome, || {
                format!("seed {}, {damage:?} at {}", plan.seed, point.describe())
            });
            if until == Until::FirstViolation && !tally.violations.is_empty() {
                return tally;
            }
        }
    }
    tally
}

/// One way to damage a disk.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    /// One byte of a round is not what was written, and a later round says that it was durable.
    Round { path: String, node: NodeId, position: u64 },
    /// One byte of some file is not what was written.
    Byte { path: String, node: NodeId, position: u64 },
    /// A file is there, and empty.
    Emptied { path: String, node: NodeId },
    /// A file is not there.
    Removed { path: String },
}

impl Damage {
    pub(crate) fn inflict(&self, image: &mut Image) {
        match self {
            Self::Round { node, position, .. } | Self::Byte { node, position, .. } => {
                let content = image.content_mut(*node);
                let mut byte = [0];
                content.read(*position, &mut byte);
                content.write(*position, &[byte[0] ^ 0x10]);
            }
            Self::Emptied { node, .. } => image.content_mut(*node).set_len(0),
            Self::Removed { path } => {
                let dir = image.lookup_parent(path).expect("the file was found there");
                image.unlink(dir, name_of(path));
            }
        }
    }
}

pub(crate) fn all_damages(image: &Image, seed: u64) -> Vec<Damage> {
    let mut rng = Rng::from_number(seed);
    let mut damages = Vec::new();
    let durable = durable_mark(image);
    for (path, node) in image.files() {
        let len = image.content(node).len();
        if path == LOCK || path == SUPERBLOCK_NEW || len == 0 {
            continue;
        }
        damages.push(Damage::Emptied { path: path.clone(), node });
        damages.push(Damage::Removed { path: path.clone() });
        if path.starts_with(JOURNAL_DIR) {
            for (position, header) in rounds(image, node) {
                let sequence = header.stamp.sequence;
                let within =
                    [rng.below(128), 128 + rng.below(u64::from(header.payload_bytes).max(1))];
                if sequence > durable {
                    continue;
                }
                damages.extend(within.map(|at| Damage::Round {
                    path: path.clone(),
                    node,
                    position: position + at,
                }));
            }
        } else {
            let position = rng.below(len);
            damages.push(Damage::Byte { path, node, position });
        }
    }
    damages
}

/// The intact rounds of a journal file.
fn rounds(image: &Image, node: NodeId) -> Vec<(u64, RoundHeader)> {
    let content = image.content(node);
    let blocks = (0..content.len() / BLOCK_BYTES).map(|block| block * BLOCK_BYTES);
    let header = |position| {
        let mut bytes = [0; 128];
        content.read(position, &mut bytes);
        RoundHeader::decode(&bytes).ok().map(|header| (position, header))
    };
    blocks.filter_map(header).collect()
}

/// The highest sequence that an intact round says to be durable.
fn durable_mark(image: &Image) -> u64 {
    let journals = image.files().into_iter().filter(|(path, _)| {
        path.strip_prefix(JOURNAL_DIR)
            .and_then(|name| name.strip_prefix('/'))
            .is_some_and(|name| parse_journal_file(name).is_some())
    });
    let marks = journals.flat_map(|(_, node)| rounds(image, node));
    marks.map(|(_, header)| header.stamp.durable_mark).max().unwrap_or(0)
}

fn recover(
    plan: &Plan,
    expected: &Expected,
    image: Image,
    count: usize,
    damage: &Damage,
) -> Result<(), String> {
    guard(|| {
        let storage = MemoryStorage::from_image(image);
        let Ok((directory, report)) = workload::recover(storage, &plan.settings, false) else {
            return Ok(()); // It was reported, and nothing is served.
        };
        let reported: BTreeSet<StreamId> = report.damaged.iter().map(|(id, _)| *id).collect();
        expected.check_damaged(&directory, count, Fall::Kill, |id| {
            // What a round made that cannot be read has no name to be reported under.
            let nameless = directory.stream(id).is_none() && !report.notes.is_empty();
            nameless || reported.contains(&id) || damage_is_read(&directory, id, damage)
        })
    })
}

/// Whether reading the stream says that it is damaged: a cold segment is not read by a recovery.
fn damage_is_read(directory: &LogDirectory, id: StreamId, damage: &Damage) -> bool {
    let path = match damage {
        Damage::Round { path, .. }
        | Damage::Byte { path, .. }
        | Damage::Emptied { path, .. }
        | Damage::Removed { path } => path,
    };
    let of_stream = path.starts_with(&format!("{STREAMS_DIR}/{id}/"));
    of_stream && directory.stream(id).is_some_and(|stream| crate::check::reads_as_damaged(&stream))
}
