//! Opening a directory: who it is, whether it may be opened, recovery, and the start of a new run.
//!
//! SUBTLE: making a directory writes its superblock last, so that a directory without one was never
//! in use: making it can begin anew. Opening one raises the incarnation in both halves, the
//! journal's first: a half that is behind is an older copy of itself, and is refused.

use std::sync::Arc;

use ottla_model::{ClusterId, DirectoryId, Timestamp};

use super::checkpoint::CheckpointLog;
use super::shared::Shared;
use super::{DirectoryIdentity, LogDirectory, LogSettings, OpenContext, RecoveryReport};
use crate::error::OpenError;
use crate::format::names::{
    CHECKPOINT, CHECKPOINT_OLD, JOURNAL_DIR, LOCK, STREAMS_DIR, SUPERBLOCK,
};
use crate::format::round::ROUND_HEADER_BYTES;
use crate::format::{Checkpoint, DirectoryRole, JournalPlace, RoundHeader, Superblock};
use crate::journal::{Journal, JournalFile, JournalFiles, Writer, WriterStart, make_journal_file};
use crate::planted::Planted;
use crate::producers::ProducerLimits;
use crate::recovery::{self, JournalEnd, journal_files};
use crate::segment::SegmentFiles;
use crate::storage::{
    OpenMode, Storage, StorageError, StorageLock, make_dirs, read_whole, replace_whole,
};

/// Largest superblock that is read.
const SUPERBLOCK_BYTES_MAX: u64 = 4096;
/// Largest checkpoint that is read.
const CHECKPOINT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The two halves of a directory; one and the same where the journal lies inside.
struct Halves {
    data: Arc<dyn Storage>,
    journal: Arc<dyn Storage>,
}

impl Halves {
    fn are_one(&self) -> bool {
        Arc::ptr_eq(&self.data, &self.journal)
    }
}

/// Opens the directory; see [`LogDirectory::open`].
pub(super) fn open(
    data: Arc<dyn Storage>,
    journal: Arc<dyn Storage>,
    settings: LogSettings,
    mut context: OpenContext,
) -> Result<(LogDirectory, RecoveryReport), OpenError> {
    let halves = Halves { data, journal };
    let settings = settings.checked();
    let mut locks = vec![lock(&*halves.data)?];
    if !halves.are_one() {
        locks.push(lock(&*halves.journal)?);
    }
    let mut report = RecoveryReport::default();
    let superblock = match read_superblock(&*halves.data)? {
        Some(superblock) => superblock,
        None => {
            report.created = true;
            make(&halves, &settings, &mut context)?
        }
    };
    let incarnation = check_identity(&halves, &superblock, &context)?;
    let checkpoint = read_checkpoint(&*halves.data, &settings)?;
    check_checkpoint(&checkpoint, &superblock)?;
    report.clean = checkpoint.clean;
    report.rebooted = checkpoint.boot_id != context.boot_id;
    let identity = DirectoryIdentity {
        cluster: superblock.cluster,
        broker: superblock.broker,
        directory: superblock.directory,
        incarnation: incarnation + 1,
    };
    let shared = new_shared(&halves, settings, identity, context.boot_id);
    let end = recovery::recover(&shared, &*halves.journal, checkpoint, &mut report)?;
    begin_run(&halves, &shared, &superblock, end, context.now)?;
    Ok((LogDirectory::new(shared, locks), report))
}

fn lock(storage: &dyn Storage) -> Result<Box<dyn StorageLock>, OpenError> {
    storage.lock(LOCK).map_err(|error| match error {
        StorageError::Busy { holder, .. } => OpenError::Busy { holder },
        other => other.into(),
    })
}

fn read_superblock(storage: &dyn Storage) -> Result<Option<Superblock>, OpenError> {
    let bytes = match read_whole(storage, SUPERBLOCK, SUPERBLOCK_BYTES_MAX) {
        Err(StorageError::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let damaged = |what: String| OpenError::Damaged { what };
    let bytes = bytes.ok_or_else(|| damaged("the superblock is far too long".to_owned()))?;
    Superblock::decode(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
}

/// Makes a new directory, its superblock last.
fn make(
    halves: &Halves,
    settings: &LogSettings,
    context: &mut OpenContext,
) -> Result<Superblock, OpenError> {
    refuse_remains(halves)?;
    let cluster = context.cluster;
    let cluster = cluster.unwrap_or_else(|| ClusterId::from_random(context.rng.id_bytes()));
    let role = if halves.are_one() { DirectoryRole::Whole } else { DirectoryRole::Data };
    let superblock = Superblock {
        role,
        cluster,
        broker: context.broker,
        directory: DirectoryId::from_random(context.rng.id_bytes()),
        pairing: DirectoryId::from_random(context.rng.id_bytes()),
        incarnation: 0,
        created_at: context.now,
    };
    make_dirs(&*halves.journal, JOURNAL_DIR)?;
    let bytes = settings.journal_bytes_start;
    let number = 1;
    make_journal_file(&*halves.journal, number, bytes)?;
    make_dirs(&*halves.data, STREAMS_DIR)?;
    let first = Checkpoint {
        directory: superblock.directory,
        incarnation: 0,
        written_at: context.now,
        replay: JournalPlace { sequence: 1, file: number },
        next_sequence: 1,
        clean: true,
        boot_id: context.boot_id.clone(),
        streams: Vec::new(),
    };
    replace_whole(&*halves.data, CHECKPOINT, &first.encode(), None)?;
    put_superblocks(halves, &superblock)?;
    Ok(superblock)
}

/// A directory without a superblock is new, unless it holds what only one in use can hold. Nothing is
/// ever made over the remains of another.
///
/// SUBTLE: making a pair writes the journal's superblock first, and may end there. Such a half was never
/// opened, which its incarnation says, and can be made anew.
fn refuse_remains(halves: &Halves) -> Result<(), OpenError> {
    let twin = if halves.are_one() { None } else { read_superblock(&*halves.journal)? };
    if let Some(twin) = twin.filter(|twin| twin.incarnation > 0) {
        let (directory, broker) = (twin.directory, twin.broker);
        return Err(foreign(
            format!(
                "the journal directory belongs to data directory {directory} of broker {broker}"
            ),
            "give the --data-dir that it was made with, or an empty --journal-dir",
        ));
    }
    let streams = match halves.data.list(STREAMS_DIR) {
        Err(StorageError::NotFound { .. }) => Vec::new(),
        other => other?,
    };
    let what = if !streams.is_empty() {
        "streams"
    } else if holds_used_checkpoint(&*halves.data)? {
        "a checkpoint"
    } else if holds_rounds(&*halves.journal)? {
        "a journal that was written to"
    } else {
        refuse_strangers(&*halves.data, "data")?;
        return refuse_strangers(&*halves.journal, "journal");
    };
    Err(OpenError::Damaged {
        what: format!("the directory holds {what}, and its superblock is missing"),
    })
}

/// Whether there is a checkpoint of a directory that was opened, or one that cannot be read.
fn holds_used_checkpoint(storage: &dyn Storage) -> Result<bool, OpenError> {
    for name in [CHECKPOINT, CHECKPOINT_OLD] {
        let bytes = match read_whole(storage, name, CHECKPOINT_BYTES_MAX) {
            Err(StorageError::NotFound { .. }) => continue,
            other => other?.unwrap_or_default(),
        };
        let first = Checkpoint::decode(&bytes, ProducerLimits::default());
        if first.is_ok_and(|checkpoint| checkpoint.incarnation == 0) {
            continue;
        }
        return Ok(true);
    }
    Ok(false)
}

/// A directory that holds anything but what a making that was cut short left there is somebody's.
fn refuse_strangers(storage: &dyn Storage, which: &str) -> Result<(), OpenError> {
    let ours = |name: &str| {
        let known = [SUPERBLOCK, CHECKPOINT, CHECKPOINT_OLD, LOCK, JOURNAL_DIR, STREAMS_DIR];
        let name = name.strip_suffix(".tmp").unwrap_or(name);
        known.contains(&name) || name == "lost+found"
    };
    match storage.list("")?.into_iter().find(|entry| !ours(&entry.name)) {
        None => Ok(()),
        Some(entry) => Err(foreign(
            format!("the {which} directory holds `{}`, and is none of ottla's", entry.name),
            "choose an empty directory, or one that is not there yet",
        )),
    }
}

/// Whether a journal file begins with a round: one that was only made begins with zeros.
fn holds_rounds(storage: &dyn Storage) -> Result<bool, OpenError> {
    for (number, _) in journal_files(storage)? {
        let file = storage.open(&crate::format::names::journal_path(number), OpenMode::READ)?;
        let mut head = [0; ROUND_HEADER_BYTES];
        let got = file.read_at(0, &mut head)?;
        if RoundHeader::decode(&head[..got]).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the superblocks of both halves, the journal's first.
fn put_superblocks(halves: &Halves, superblock: &Superblock) -> Result<(), OpenError> {
    if !halves.are_one() {
        let twin = Superblock { role: DirectoryRole::Journal, ..superblock.clone() };
        replace_whole(&*halves.journal, SUPERBLOCK, &twin.encode(), None)?;
    }
    replace_whole(&*halves.data, SUPERBLOCK, &superblock.encode(), None)?;
    Ok(())
}

/// Refuses what does not belong here; answers the incarnation of the last run.
fn check_identity(
    halves: &Halves,
    superblock: &Superblock,
    context: &OpenContext,
) -> Result<u64, OpenError> {
    if context.cluster.is_some_and(|cluster| cluster != superblock.cluster) {
        return Err(foreign(
            format!("the directory belongs to cluster {}", superblock.cluster),
            "choose another --data-dir, or the cluster it belongs to",
        ));
    }
    if context.broker != superblock.broker {
        return Err(foreign(
            format!("the directory belongs to broker {}", superblock.broker),
            "choose another --data-dir, or start the broker under that id",
        ));
    }
    match (superblock.role, halves.are_one()) {
        (DirectoryRole::Whole, true) => return Ok(superblock.incarnation),
        (DirectoryRole::Data, false) => {}
        (DirectoryRole::Whole, false) => {
            return Err(foreign(
                "the directory has its journal inside".to_owned(),
                "start it without --journal-dir",
            ));
        }
        (DirectoryRole::Data, true) => {
            return Err(foreign(
                "the directory's journal lies elsewhere".to_owned(),
                "start it with the --journal-dir that it was made with",
            ));
        }
        (DirectoryRole::Journal, _) => {
            return Err(foreign(
                "this is the journal of another directory".to_owned(),
                "give it as --journal-dir, and the other as --data-dir",
            ));
        }
    }
    check_twin(halves, superblock)
}

fn check_twin(halves: &Halves, superblock: &Superblock) -> Result<u64, OpenError> {
    let Some(twin) = read_superblock(&*halves.journal)? else {
        return Err(foreign(
            "the journal directory has no superblock".to_owned(),
            "give the --journal-dir that the directory was made with",
        ));
    };
    let paired = twin.role == DirectoryRole::Journal
        && twin.directory == superblock.directory
        && twin.pairing == superblock.pairing;
    if !paired {
        return Err(foreign(
            "the journal directory belongs to another data directory".to_owned(),
            "give the --journal-dir that the directory was made with",
        ));
    }
    // A run that ended between the two writes left the journal's half one ahead.
    let (of_data, of_journal) = (superblock.incarnation, twin.incarnation);
    if of_journal < of_data || of_journal > of_data + 1 {
        let older = if of_journal < of_data { "journal" } else { "data" };
        return Err(foreign(
            format!("the {older} directory is an older copy of itself"),
            "bring back the newest copies of both, taken together",
        ));
    }
    Ok(of_journal)
}

fn foreign(what: String, advice: &'static str) -> OpenError {
    OpenError::Foreign { what, advice }
}

/// The last checkpoint. While it was being replaced it had the other name for a moment.
fn read_checkpoint(storage: &dyn Storage, settings: &LogSettings) -> Result<Checkpoint, OpenError> {
    let newest = match read_whole(storage, CHECKPOINT, CHECKPOINT_BYTES_MAX) {
        Err(StorageError::NotFound { .. }) => {
            match read_whole(storage, CHECKPOINT_OLD, CHECKPOINT_BYTES_MAX) {
                Err(StorageError::NotFound { .. }) => {
                    let what = "the checkpoint is missing".to_owned();
                    return Err(OpenError::Damaged { what });
                }
                other => other?,
            }
        }
        other => other?,
    };
    let damaged = |what: String| OpenError::Damaged { what };
    let bytes = newest.ok_or_else(|| damaged("the checkpoint is far too long".to_owned()))?;
    Checkpoint::decode(&bytes, settings.producer_limits())
        .map_err(|error| damaged(error.to_string()))
}

fn check_checkpoint(checkpoint: &Checkpoint, superblock: &Superblock) -> Result<(), OpenError> {
    if checkpoint.directory != superblock.directory {
        let what = "the checkpoint is that of another directory".to_owned();
        return Err(OpenError::Damaged { what });
    }
    Ok(())
}

fn new_shared(
    halves: &Halves,
    settings: LogSettings,
    identity: DirectoryIdentity,
    boot_id: String,
) -> Arc<Shared> {
    let skip_dirsync = settings.is_planted(Planted::NoDirsync);
    Arc::new(Shared::new(
        SegmentFiles::new(Arc::clone(&halves.data), settings.handles_max, skip_dirsync),
        Arc::clone(&halves.data),
        settings,
        identity,
        boot_id,
        CheckpointLog { made_at: Timestamp(0), next_sequence: 0 },
    ))
}

/// Begins a new run: its incarnation is durable, and a checkpoint says what was recovered, before the
/// first round is written.
fn begin_run(
    halves: &Halves,
    shared: &Arc<Shared>,
    superblock: &Superblock,
    end: JournalEnd,
    now: Timestamp,
) -> Result<(), OpenError> {
    let incarnation = shared.identity.incarnation;
    put_superblocks(halves, &Superblock { incarnation, ..superblock.clone() })?;
    sync_journal(halves, &end)?;
    let JournalEnd { live, free, position, next_sequence, damaged } = end;
    let mut files = JournalFiles::new(live, free);
    let mut start = WriterStart {
        storage: Arc::clone(&halves.journal),
        file: files.current(),
        position,
        durable: next_sequence - 1,
    };
    if damaged {
        // What is left of the journal stays as it is, for people to look at.
        let file = file_after(halves, shared, next_sequence)?;
        files.rotate_to(file);
        start = WriterStart { file, position: 0, ..start };
    }
    let writer = Writer::open(start)?;
    let journal = Journal::new(writer, files, next_sequence);
    assert!(shared.journal.set(journal).is_ok(), "a directory is opened once");
    shared.look_at_room();
    let made = shared.checkpoint(now, false).map_err(|offline| OpenError::Damaged {
        what: format!("the new run could not be begun: {}", offline.why),
    })?;
    if !made {
        return Err(OpenError::Storage(StorageError::Full {
            operation: crate::storage::Operation::Write,
            path: CHECKPOINT.to_owned(),
        }));
    }
    for stream in shared.all_streams() {
        stream.remove_strays()?;
    }
    Ok(())
}

/// What was replayed may have been in the kernel's hands only, where the journal is not written past
/// it. It counts from now on, so it has to be durable.
fn sync_journal(halves: &Halves, end: &JournalEnd) -> Result<(), OpenError> {
    for file in &end.live {
        let path = crate::format::names::journal_path(file.number);
        halves.journal.open(&path, OpenMode::READ_WRITE)?.sync()?;
    }
    Ok(())
}

fn file_after(halves: &Halves, shared: &Shared, first: u64) -> Result<JournalFile, OpenError> {
    let last = journal_files(&*halves.journal)?.last().map_or(0, |(number, _)| *number);
    let bytes = shared.settings.journal_bytes_start;
    make_journal_file(&*halves.journal, last + 1, bytes)?;
    Ok(JournalFile { number: last + 1, bytes, first })
}
