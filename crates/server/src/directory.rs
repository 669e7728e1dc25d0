//! The data directory: opened with what the world has to tell it, and every way this can fail said in
//! one sentence.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ottla_log::storage::Storage;
use ottla_log::storage::files::{DirectAccess, FilesStorage};
use ottla_log::{LogDirectory, LogSettings, OpenContext, RecoveryReport};
use ottla_model::BrokerId;
use ottla_runtime::{Clock, entropy};

use crate::config::{LogConfig, ServerConfig};
use crate::error::StartError;
use crate::memory::Memory;

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
    memory: &Memory,
    disks: Disks,
    clock: &Clock,
) -> Result<(LogDirectory, LogSettings), StartError> {
    let Disks { data, journal } = disks;
    let settings = log_settings(&config.log, memory);
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

/// The log's part of the memory, and a journal that is large enough for what may be unfilled.
pub(crate) fn log_settings(config: &LogConfig, memory: &Memory) -> LogSettings {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    LogSettings {
        unfilled_bytes_max: memory.unfilled,
        tail_cache_bytes: memory.tail_cache,
        round_bytes_max: config.round_bytes_max.0,
        straight_bytes_min: config.straight_bytes_min.0,
        straight_backlog_bytes_min: config.straight_backlog_bytes_min.0,
        journal_bytes_start: config.journal_bytes_start.0,
        journal_bytes_max: config.journal_bytes_max.0.max(2 * memory.unfilled),
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
