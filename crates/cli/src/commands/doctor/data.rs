//! A data directory, looked at offline. Nothing is changed unless a person confirms a repair.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use ottla_log::doctor::{self, Finding, Repair, Report, StreamFacts};
use ottla_log::storage::files::{DirectAccess, FilesStorage};
use ottla_log::storage::{Storage, StorageError};
use ottla_model::ByteCount;
use serde_json::{Value, json};

use super::Doctor;
use crate::args::Context;
use crate::failure::{DAMAGED, Failure};
use crate::output::{self, Format, grouped};

/// The file whose lock says that a broker uses the directory.
const LOCK: &str = "lock";

/// Where a broker keeps its data unless it is told otherwise.
const HERE: &str = "./ottla-data";

/// Looks at the directory and says what it found.
pub(super) fn run(doctor: &Doctor, context: Context) -> Result<ExitCode, Failure> {
    let data_dir = doctor.data_dir.as_deref().unwrap_or(Path::new(HERE));
    let journal_dir = doctor.journal_dir.as_deref().unwrap_or(data_dir);
    let (data, journal) = (look_at(data_dir)?, look_at(journal_dir)?);
    let report = {
        let _lock = lock(&data, data_dir)?;
        doctor::examine(&data, &journal).map_err(|error| cannot(data_dir, &error))?
    };
    if report.is_new() {
        return Err(Failure::new(format!(
            "{} is no data directory of Ottla: it has no superblock; name the one of --data-dir",
            data_dir.display()
        )));
    }
    print(&report, context.output)?;
    if doctor.repair {
        return repair(data_dir, journal_dir, &report);
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

fn look_at(directory: &Path) -> Result<FilesStorage, Failure> {
    if !directory.is_dir() {
        let shown = directory.display();
        let what = if directory.exists() { "is no directory" } else { "is not there" };
        return Err(Failure::usage(format!("{shown} {what}; name the directory of --data-dir")));
    }
    FilesStorage::open_read_only(directory).map_err(|error| cannot(directory, &error))
}

fn cannot(directory: &Path, error: &StorageError) -> Failure {
    if matches!(error, StorageError::Denied { .. }) {
        let shown = directory.display();
        let what = format!("this user may not look at {shown}; run it as the user of the broker");
        return Failure::new(what);
    }
    Failure::new(format!("cannot look at {}: {error}", directory.display()))
}

/// Holds the directory against a broker, or says that one has it.
fn lock(data: &dyn Storage, directory: &Path) -> Result<Option<impl Sized>, Failure> {
    match data.lock(LOCK) {
        Ok(lock) => Ok(Some(lock)),
        Err(StorageError::NotFound { .. }) => Ok(None),
        Err(StorageError::Busy { holder, .. }) => {
            let holder = holder.unwrap_or_else(|| "another process".to_owned());
            Err(Failure::new(format!(
                "{} is in use by {holder}; stop the broker first: what changes cannot be checked",
                directory.display()
            )))
        }
        Err(error) => Err(cannot(directory, &error)),
    }
}

fn print(report: &Report, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::print(format, &as_json(report), comfy_table::Table::new);
    }
    if let Some(superblock) = &report.superblock {
        output::line(&format!(
            "directory {} of broker {} in cluster {}",
            superblock.directory, superblock.broker, superblock.cluster
        ))?;
    }
    if let Some(checkpoint) = &report.checkpoint {
        let stop = if checkpoint.clean { "stopped cleanly" } else { "not stopped cleanly" };
        output::line(&format!(
            "{stop}; the next start reads {} rounds, {}, of the journal",
            grouped(report.journal.rounds),
            ByteCount(report.journal.bytes)
        ))?;
    }
    output::line(&stream_table(&report.streams).to_string())?;
    for finding in &report.findings {
        output::line(&finding.to_string())?;
    }
    output::line(&verdict(report))
}

fn verdict(report: &Report) -> String {
    let records: u64 = report.streams.iter().map(|stream| stream.records).sum();
    let streams = report.streams.len();
    if report.is_sound() {
        format!("sound: {} records in {streams} streams, every checksum fits", grouped(records))
    } else {
        format!("damaged: {} records in {streams} streams can be read; see above", grouped(records))
    }
}

fn stream_table(streams: &[StreamFacts]) -> comfy_table::Table {
    let mut table = output::table(&[
        "stream",
        "durability",
        "first",
        "next",
        "batches",
        "records",
        "segments",
        "size",
        "only in journal",
    ]);
    for s in streams {
        table.add_row([
            s.stream.to_string(),
            s.settings.durability.name().to_owned(),
            s.log_start.to_string(),
            s.log_end.to_string(),
            grouped(s.batches),
            grouped(s.records),
            s.segments.to_string(),
            ByteCount(s.bytes).to_string(),
            ByteCount(s.journal_bytes).to_string(),
        ]);
    }
    table
}

fn as_json(report: &Report) -> Value {
    let streams: Vec<Value> = report
        .streams
        .iter()
        .map(|s| {
            json!({
                "stream": s.stream.to_string(), "durability": s.settings.durability.name(),
                "log_start": s.log_start, "log_end": s.log_end, "batches": s.batches,
                "records": s.records, "segments": s.segments, "bytes": s.bytes,
                "journal_bytes": s.journal_bytes,
            })
        })
        .collect();
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|f| {
            json!({
                "severity": f.severity.name(), "path": f.path, "position": f.position,
                "stream": f.stream.map(|s| s.to_string()), "what": f.what, "advice": f.advice,
                "repair": f.repair.as_ref().map(offer),
            })
        })
        .collect();
    json!({
        "directory": report.superblock.as_ref().map(|s| s.directory),
        "cluster": report.superblock.as_ref().map(|s| s.cluster),
        "clean": report.checkpoint.as_ref().map(|c| c.clean),
        "journal": {"rounds": report.journal.rounds, "bytes": report.journal.bytes},
        "streams": streams, "findings": findings, "sound": report.is_sound(),
    })
}

/// What a repair would do, as a question without its question mark.
fn offer(repair: &Repair) -> String {
    match repair {
        Repair::RemoveFile { path } => format!("remove {path}, which is built again"),
        Repair::CutStream { stream, to, end } => {
            format!("give up offsets {to} to {} of stream {stream} for good", end.plus(-1).max(*to))
        }
        Repair::UseOldCheckpoint => {
            "go back to the checkpoint before the last; the journal leads on from there".to_owned()
        }
    }
}

fn repair(data_dir: &Path, journal_dir: &Path, report: &Report) -> Result<ExitCode, Failure> {
    let offered: Vec<(&Finding, &Repair)> =
        report.findings.iter().filter_map(|f| Some((f, f.repair.as_ref()?))).collect();
    if offered.is_empty() {
        output::line("there is nothing that the doctor could repair")?;
        return Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) });
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("--repair asks before each step; run it in a terminal"));
    }
    let open = |directory: &Path| {
        FilesStorage::open(directory, DirectAccess::Auto).map_err(|e| cannot(directory, &e))
    };
    let (data, journal) = (open(data_dir)?, open(journal_dir)?);
    for (finding, repair) in offered {
        output::line(&format!("\n{finding}"))?;
        if confirmed(repair)? {
            doctor::repair(&data, &journal, repair).map_err(|e| Failure::new(e.to_string()))?;
            output::line("done")?;
        }
    }
    output::line("look again with `ottla doctor`")?;
    Ok(ExitCode::SUCCESS)
}

fn confirmed(repair: &Repair) -> Result<bool, Failure> {
    let word = if matches!(repair, Repair::CutStream { .. }) { "give up" } else { "yes" };
    eprint!("{}? type `{word}` to do it: ", offer(repair));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == word)
}
