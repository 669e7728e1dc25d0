//! `ottla config`: the manual of the settings, and a check of what would be in force.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ottla_server::ServerConfig;

use crate::args::Context;
use crate::commands::environment;
use crate::failure::Failure;
use crate::output;

/// The commands of `ottla config`.
#[derive(Subcommand, Debug)]
pub enum Config {
    /// Print every setting with its default and what it does; it is a valid configuration file
    Default,
    /// Check a configuration file together with the OTTLA_* environment
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Runs one of them.
pub fn run(config: Config, _context: Context) -> Result<ExitCode, Failure> {
    match config {
        Config::Default => output::line(ServerConfig::manual().trim_end())?,
        Config::Check { file } => check(&file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: &std::path::Path) -> Result<(), Failure> {
    ServerConfig::load(Some(file), environment::ours()?, &[])
        .map_err(|error| Failure::new(error.to_string()))?;
    output::line(&format!("{} is fine", file.display()))
}
