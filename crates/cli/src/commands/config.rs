//! `ottla config`: the manual of the settings, and a check of what would be in force.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ottla_server::ServerConfig;
use ottla_server::config::SettingDescription;
use serde_json::{Value, json};

use crate::args::Context;
use crate::commands::environment;
use crate::failure::Failure;
use crate::output::{self, Format};

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
pub fn run(config: Config, context: Context) -> Result<ExitCode, Failure> {
    match config {
        Config::Default => match context.output {
            Format::Table => output::line(ServerConfig::manual().trim_end())?,
            Format::Json => output::say(Format::Json, &settings(), "")?,
        },
        Config::Check { file } => check(&file, context.output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn settings() -> Vec<Value> {
    let shown = |setting: SettingDescription| json!({"name": setting.name, "default": setting.default, "doc": setting.doc});
    ServerConfig::settings().into_iter().map(shown).collect()
}

fn check(file: &std::path::Path, format: Format) -> Result<(), Failure> {
    ServerConfig::load(Some(file), environment::ours()?, &[])
        .map_err(|error| Failure::usage(error.to_string()))?;
    let shown = file.display().to_string();
    output::say(format, &json!({"file": shown, "fine": true}), &format!("{shown} is fine"))
}
