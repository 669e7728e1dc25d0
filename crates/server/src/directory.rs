//! The data directory: opened with what the world has to tell it, and every way this can fail said in
//! one sentence.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ottla_log::storage::Storage;
use ottla_log::storage::files::{DirectAccess, FilesStorage};
use ottla_log::{LogDirectory, LogSettings, OpenContext, RecoveryReport};
use ottla_model::{BrokerId, KIB, MIB};
use ottla_runtime::{Clock, entropy};

use crate::config::{LogConfig, ServerConfig};
use crate::error::StartError;

/// Unfilled bytes take at most this part of the machine's memory.
const MEMORY_PART: u64 = 8;
/// And always at least this much, however small the machine.
const UNFILLED_BYTES_MIN: u64 = 16 * MIB;

/// The disks beneath a directory. The journal's is the data's unless it is to lie elsewhere.
#[derive(Clone, Debug)]
pub struct Disks {
    /// Where segments and everything else lie.
    pub data: Arc<dyn Storage>,
    /// Where the journal lies.
    pub journal: Arc<dyn Storage>,
}

impl Disks {
    /// One disk for everything.
    pub fn one(data: Arc<dyn Storage>) -> Self {
        Self { journal: Arc::clone(&data), data }
    }

    /// The directories of this configuration.
    pub(crate) fn configured(config: &ServerConfig) -> Result<Self, StartError> {
        let data = storage(&config.data_dir)?;
        let journal = match &config.journal_dir {
            Some(path) => storage(path)?,
            None => Arc::clone(&data),
        };
        Ok(Self { data, journal })
    }
}

/// Opens the log on these disks. Blocks, and recovers what a crash left.
pub(crate) fn open(
    config: &ServerConfig,
    disks: Disks,
    clock: &Clock,
) -> Result<(LogDirectory, LogSettings), StartError> {
    let Disks { data, journal } = disks;
    let settings = log_settings(&config.log);
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(config.broker_id),
        rng: entropy::rng().map_err(StartError::system("read /dev/urandom"))?,
        boot_id: boot_id(),
        now: clock.now(),
    };
    let (log, report) = LogDirectory::open(data, journal, settings.clone(), context)
        .map_err(|error| StartError::open(&config.data_dir, error))?;
    say(&config.data_dir, &log, &report);
    Ok((log, settings))
}

fn storage(path: &Path) -> Result<Arc<dyn Storage>, StartError> {
    let opened = FilesStorage::open(path, DirectAccess::Auto);
    Ok(Arc::new(opened.map_err(|error| StartError::storage(path, &error))?))
}

fn say(path: &Path, log: &LogDirectory, report: &RecoveryReport) {
    let (directory, kind) = (log.identity(), log.storage_kind());
    let data_dir = path.display();
    if !kind.durable {
        tracing::warn!(
            %data_dir,
            file_system = kind.what,
            "this file system keeps nothing over a power cut; acknowledgements say `relaxed`"
        );
    }
    if kind.network {
        tracing::warn!(%data_dir, file_system = kind.what, "network file systems are not supported");
    }
    tracing::info!(
        %data_dir,
        file_system = kind.what,
        direct = kind.direct,
        directory = %directory.directory,
        streams = report.streams,
        clean = report.clean,
        rounds = report.rounds,
        journal_bytes = report.journal_bytes,
        "{}",
        if report.created { "made a new data directory" } else { "opened the data directory" }
    );
    for (stream, why) in &report.damaged {
        tracing::error!(%stream, why, "a partition is damaged and offline; run ottla doctor");
    }
    for note in &report.notes {
        tracing::info!(note, "recovery");
    }
}

/// The machine's memory bounds the unfilled budget, and the budget the journal.
pub(crate) fn log_settings(config: &LogConfig) -> LogSettings {
    let memory = memory_bytes().map_or(u64::MAX, |bytes| bytes / MEMORY_PART);
    let unfilled_bytes_max = config.unfilled_bytes_max.0.min(memory.max(UNFILLED_BYTES_MIN));
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    LogSettings {
        unfilled_bytes_max,
        tail_cache_bytes: config.tail_cache_bytes.0,
        round_bytes_max: config.round_bytes_max.0,
        straight_bytes_min: config.straight_bytes_min.0,
        straight_backlog_bytes_min: config.straight_backlog_bytes_min.0,
        journal_bytes_start: config.journal_bytes_start.0,
        journal_bytes_max: config.journal_bytes_max.0.max(2 * unfilled_bytes_max),
        room_reserve_bytes: config.room_reserve_bytes.0,
        handles_max: config.handles_max,
        relaxed_flush_ms_max: millis(config.relaxed_flush_max),
        producer_expiry_ms: millis(config.producer_expiry),
        ..LogSettings::default()
    }
}

/// Names this boot of the machine, where it has a name.
pub(crate) fn boot_id() -> String {
    let read = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// How much memory the machine has, where it says so.
fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * KIB)
}
