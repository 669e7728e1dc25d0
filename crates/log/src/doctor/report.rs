//! What the doctor says: facts, findings by severity, and what each finding offers to do.

use std::fmt;

use ottla_model::{Offset, StreamId};

use crate::StreamSettings;
use crate::format::Superblock;

/// Everything that was found in a data directory.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Who the directory is; `None` where its superblock cannot be read.
    pub superblock: Option<Superblock>,
    /// What the checkpoint says; `None` where there is none to read.
    pub checkpoint: Option<CheckpointFacts>,
    /// The journal from the checkpoint on.
    pub journal: JournalFacts,
    /// The streams, by id.
    pub streams: Vec<StreamFacts>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// What the checkpoint says.
#[derive(Clone, Debug)]
pub struct CheckpointFacts {
    /// The run that wrote it.
    pub incarnation: u64,
    /// Whether the directory was closed in order.
    pub clean: bool,
    /// The first round that is needed.
    pub first_sequence: u64,
    /// How many streams it names.
    pub streams: usize,
}

/// The live journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalFacts {
    /// Journal files there are.
    pub files: usize,
    /// Intact rounds from the checkpoint on.
    pub rounds: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The sequence of the round that would come next.
    pub next_sequence: u64,
}

/// One stream, as a start would find it.
#[derive(Clone, Debug)]
pub struct StreamFacts {
    /// The stream.
    pub stream: StreamId,
    /// Its settings.
    pub settings: StreamSettings,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// The log end.
    pub log_end: Offset,
    /// Segments.
    pub segments: usize,
    /// Intact batches.
    pub batches: u64,
    /// Their records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that only the journal holds.
    pub journal_bytes: u64,
}

/// One thing that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, relative to the data (or journal) directory.
    pub path: String,
    /// Where in it, in bytes.
    pub position: Option<u64>,
    /// The stream it is about.
    pub stream: Option<StreamId>,
    /// What was found, as a sentence without its full stop.
    pub what: String,
    /// What to do about it, as a sentence without its full stop.
    pub advice: String,
    /// What the doctor itself can do about it, once a person confirms.
    pub repair: Option<Repair>,
}

/// How bad a finding is, the mildest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing: a stray file, a torn tail that nobody was told was safe.
    Note,
    /// The next start mends it by itself, from what is sound.
    Mended,
    /// Acknowledged records are lost or unreadable.
    Damage,
    /// The directory cannot be opened at all.
    Broken,
}

/// Something that [`super::repair`] can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repair {
    /// Remove a file that can be built again, or that is none of ours.
    RemoveFile {
        /// The file, relative to the data directory.
        path: String,
    },
    /// Give up everything of a stream from an offset on, so that what is before can be used again. The
    /// only repair that loses records.
    CutStream {
        /// The stream.
        stream: StreamId,
        /// The first offset that is given up; the stream goes on from there.
        to: Offset,
        /// The log end as far as it is known: `to..end` is what is given up.
        end: Offset,
    },
    /// Use the checkpoint before the last, from which the journal still leads on.
    UseOldCheckpoint,
}

impl Report {
    /// The worst there is; `None` when nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether every acknowledged record is there and readable.
    pub fn is_sound(&self) -> bool {
        self.worst().is_none_or(|worst| worst < Severity::Damage)
    }

    /// Whether the directory is one that was never used: nothing in it is a log's.
    pub fn is_new(&self) -> bool {
        self.superblock.is_none() && self.streams.is_empty() && self.is_sound()
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Sorts findings: the worst first, then by path and position.
    pub(super) fn settle(&mut self) {
        self.findings.sort_by(|a, b| {
            let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.path.clone(), f.position);
            key(a).cmp(&key(b))
        });
        self.streams.sort_by_key(|facts| facts.stream);
    }
}

impl Finding {
    pub(super) fn new(severity: Severity, path: &str, what: impl Into<String>) -> Self {
        let (path, what, advice) = (path.to_owned(), what.into(), String::new());
        Self { severity, path, position: None, stream: None, what, advice, repair: None }
    }

    pub(super) fn at(self, position: u64) -> Self {
        Self { position: Some(position), ..self }
    }

    pub(super) fn of(self, stream: StreamId) -> Self {
        Self { stream: Some(stream), ..self }
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    pub(super) fn offer(self, repair: Repair) -> Self {
        Self { repair: Some(repair), ..self }
    }
}

impl Severity {
    /// The stable word for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Mended => "mended",
            Self::Damage => "damage",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.name(), self.path)?;
        if let Some(position) = self.position {
            write!(f, " at {position}")?;
        }
        write!(f, ": {}", self.what)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveFile { path } => write!(f, "remove `{path}`"),
            Self::CutStream { stream, to, end } if to < end => {
                write!(f, "give up offsets {to} to {end} of stream {stream}")
            }
            Self::CutStream { stream, to, .. } => {
                write!(
                    f,
                    "let stream {stream} go on from offset {to}, without what was lost after it"
                )
            }
            Self::UseOldCheckpoint => f.write_str("use the checkpoint before the last"),
        }
    }
}
