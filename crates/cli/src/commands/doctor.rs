//! `ottla doctor`: a data directory, looked at offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::Context;
use crate::failure::Failure;

/// The arguments of `ottla doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// The data directory
    data_dir: PathBuf,
    /// Where the journal is, if on another disk than the data
    #[arg(long, value_name = "DIR")]
    journal_dir: Option<PathBuf>,
}

/// Looks at the directory and says what it found.
pub fn run(doctor: Doctor, _context: Context) -> Result<ExitCode, Failure> {
    let _ = doctor;
    Err(Failure::new("the doctor is not in yet"))
}
