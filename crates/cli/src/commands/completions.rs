//! `ottla completions`: what a shell completes.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::failure::Failure;

/// The arguments of `ottla completions`.
#[derive(Args, Debug)]
#[command(after_help = "For bash: ottla completions bash > /etc/bash_completion.d/ottla")]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

/// Prints the completions.
pub fn run(completions: Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "ottla", &mut script);
    crate::output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
