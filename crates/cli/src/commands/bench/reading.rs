//! The other direction: everything that was written, read back.

use std::time::Instant;

use ottla_client::Client;
use ottla_consumer::{Consumer, Start};

use crate::failure::Failure;

use super::machine::Cpu;

/// What a reading came to.
pub(super) struct ReadBack {
    pub(super) records: u64,
    pub(super) seconds: f64,
    /// Seconds of CPU that the whole machine spent.
    pub(super) machine_cpu: f64,
    /// Seconds of CPU that this process spent.
    pub(super) own_cpu: f64,
}

/// Reads `records` records of a topic from its start.
pub(super) async fn run(bootstrap: &str, topic: &str, records: u64) -> Result<ReadBack, Failure> {
    let client = Client::connect(bootstrap).await?;
    let mut consumer = Consumer::builder(&client).build().await?;
    let cpu = Cpu::now();
    let begun = Instant::now();
    consumer.assign_topic(topic, Start::Earliest).await?;
    let mut read = 0;
    while read < records {
        read += consumer.next_batch().await?.len() as u64;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let spent = Cpu::now();
    let (machine_cpu, own_cpu) = (spent.machine - cpu.machine, spent.own - cpu.own);
    Ok(ReadBack { records: read, seconds, machine_cpu, own_cpu })
}
