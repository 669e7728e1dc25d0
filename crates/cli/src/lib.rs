//! The command line: one file a command.
//!
//! Read in this order: [`args`] (what can be typed), [`commands`] (what it does), [`output`] (tables for people, JSON
//! for programs), [`failure`] (one sentence and an exit code). [`fuzzing`] is a side door to what reads input.

pub mod args;
pub mod commands;
pub mod failure;
#[doc(hidden)]
pub mod fuzzing;
pub mod output;
mod scrape;

use std::process::ExitCode;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::typed();
    match run(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// How much memory the process may take, in bytes, when it was started as a broker whose configuration can be read.
pub fn memory_max() -> Option<u64> {
    use clap::Parser as _;
    match Arguments::try_parse().ok()?.command {
        Command::Serve(serve) => commands::serve::memory_max(&serve).map(|max| max.0),
        _ => None,
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let context = arguments.context;
    match arguments.command {
        Command::Serve(serve) => commands::serve::run(serve),
        Command::Topic(topic) => on_runtime(commands::topic::run(topic, context)),
        Command::Produce(produce) => on_runtime(commands::produce::run(produce, context)),
        Command::Consume(consume) => on_runtime(commands::consume::run(consume, context)),
        Command::Cluster(cluster) => on_runtime(commands::cluster::run(cluster, context)),
        Command::Config(config) => commands::config::run(config, context),
        Command::Bench(bench) => on_runtime(commands::bench::run(bench, context)),
        Command::Top(top) => on_runtime(commands::top::run(top, context)),
        Command::Doctor(doctor) => commands::doctor::run(doctor, context),
        Command::Completions(completions) => commands::completions::run(completions),
    }
}

/// Runs a client command to its end.
fn on_runtime(
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(command);
    // A reader of standard input may block for ever: it must not keep the process.
    runtime.shutdown_background();
    result
}
