//! The client process: reads a [`Job`] from standard input, does it, prints its [`Outcome`].

pub mod kafka;
mod native;
mod ottla;

use anyhow::Context as _;

use crate::job::{Job, Outcome, System};

/// Does one job.
pub fn run() -> anyhow::Result<()> {
    let job: Job = serde_json::from_reader(std::io::stdin()).context("no job on standard input")?;
    let outcome: Outcome = match job.system {
        System::Ottla => ottla::run(&job)?,
        System::Kafka => kafka::run(&job)?,
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
