//! `ottla bench`: an open-loop load, with the machine's own limits measured beside it in the same run.
//!
//! A load generator that waits for answers before it sends more leaves out exactly the moments that users suffer from
//! (coordinated omission). With `--rate` this one sends when a record is *due*, and counts latency from then.

mod bound;
mod limits;
mod load;
mod machine;
mod reading;
mod report;
mod soak;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ottla_client::{Admin, Client, NewTopic};
use ottla_model::ByteCount;

use crate::args::Context;
use crate::failure::Failure;
use crate::scrape::Scrape;

use super::produce::CompressionWanted;

use self::bound::Looks;
use self::report::{Report, Run};

/// The arguments of `ottla bench`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    ottla bench                                   as fast as it goes, 1 KiB records, 16 partitions, fsync\n  \
    ottla bench --rate 20000 --duration 30s       20,000 records a second, latency from when each was due\n  \
    ottla bench --soak --duration 10min           half of the most, with everything else going on: is there a tail?\n  \
    ottla bench --matrix                          100 B and 1 KiB by 1, 16 and 1,000 partitions by fsync and relaxed")]
pub struct Bench {
    /// Size of a record's value
    #[arg(long, default_value = "1KiB", value_name = "BYTES")]
    record_bytes: ByteCount,
    /// How many partitions the topic of the run has
    #[arg(long, short, default_value_t = 16)]
    partitions: u32,
    /// When bytes count as safe
    #[arg(long, default_value = "fsync")]
    durability: DurabilityWanted,
    /// Records a second; without it, as fast as it goes
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// How long to send
    #[arg(long, default_value = "10s", value_parser = some_time)]
    duration: Duration,
    /// How long to send before anything is counted
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How many producers, each with a connection of its own
    #[arg(long, default_value_t = 1)]
    producers: u32,
    /// How batches are compressed
    #[arg(long, short = 'z', default_value = "none")]
    compression: CompressionWanted,
    /// How long a record may wait for others
    #[arg(long, default_value = "5ms", value_parser = humantime::parse_duration)]
    linger: Duration,
    /// A call and a delivery for every record, rather than for many records at a time
    #[arg(long)]
    each: bool,
    /// Every record to the next partition, rather than to one partition until its batch is full
    #[arg(long)]
    turn: bool,
    /// Do not read everything back afterwards
    #[arg(long)]
    no_consume: bool,
    /// Do not measure raw TCP and the raw disk
    #[arg(long)]
    no_limits: bool,
    /// Where the raw disk is measured: a directory on the broker's disk
    #[arg(long, default_value = ".", value_name = "DIR")]
    disk_dir: PathBuf,
    /// The HTTP address of the broker: its metrics tell which stage bounds a run
    #[arg(long, default_value = "127.0.0.1:9096", value_name = "ADDRESS")]
    http: String,
    /// Measure the core matrix instead of one run
    #[arg(long)]
    matrix: bool,
    /// Keep a rate up while segments roll and are deleted, a consumer catches up again and again and clients come and
    /// go, and tell what the slowest records waited for. Without --rate, at half of the most
    #[arg(long, conflicts_with = "matrix")]
    soak: bool,
    /// Keep the topics of the runs
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum DurabilityWanted {
    Fsync,
    Relaxed,
}

impl DurabilityWanted {
    const fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Relaxed => "relaxed",
        }
    }
}

/// A time in which something can happen.
fn some_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing is measured in no time; write 1s or more".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
struct Case {
    record_bytes: ByteCount,
    partitions: u32,
    durability: DurabilityWanted,
}

/// Measures, and prints what it found.
pub async fn run(bench: Bench, context: Context) -> Result<ExitCode, Failure> {
    if bench.soak {
        return soak::run(bench, context).await;
    }
    let client = Client::connect(context.bootstrap.as_str()).await?;
    let mut runs = Vec::new();
    for case in cases(&bench) {
        runs.push(measure(&bench, &client, &context, case).await?);
    }
    let limits = if bench.no_limits { None } else { Some(limits::measure(&bench.disk_dir).await?) };
    Report { runs, limits }.print(context.output)?;
    Ok(ExitCode::SUCCESS)
}

fn cases(bench: &Bench) -> Vec<Case> {
    let one = Case {
        record_bytes: bench.record_bytes,
        partitions: bench.partitions,
        durability: bench.durability,
    };
    if !bench.matrix {
        return vec![one];
    }
    let mut cases = Vec::new();
    for durability in [DurabilityWanted::Fsync, DurabilityWanted::Relaxed] {
        for record_bytes in [ByteCount(100), ByteCount(1024)] {
            for partitions in [1, 16, 1000] {
                cases.push(Case { record_bytes, partitions, durability });
            }
        }
    }
    cases
}

async fn measure(
    bench: &Bench,
    client: &Client,
    context: &Context,
    case: Case,
) -> Result<Run, Failure> {
    let admin = client.admin();
    let name = format!("ottla-bench-{}", std::process::id());
    let topic =
        NewTopic::new(&name).partitions(case.partitions).set("durability", case.durability.name());
    admin.create_topic(topic).await?;
    eprintln!(
        "{} records, {} partitions, {}: {:?} ...",
        case.record_bytes,
        case.partitions,
        case.durability.name(),
        bench.duration
    );
    let result = load_and_read(bench, context, &name, case).await;
    if !bench.keep {
        remove(&admin, &name).await?;
    }
    result
}

async fn load_and_read(
    bench: &Bench,
    context: &Context,
    topic: &str,
    case: Case,
) -> Result<Run, Failure> {
    // A broker without metrics is measured all the same; only what bounds it stays unknown.
    let look = async || Scrape::take(&bench.http).await.ok();
    let ready = load::warm_up(bench, &context.bootstrap, topic, case).await?;
    let warmed = ready.warmed;
    let before = look().await;
    let produced = ready.run(bench, case).await?;
    let between = look().await;
    let looks = Looks { before, after: between.clone() };
    let mut bounds =
        vec![("produce", bound::of_producing(&produced, &looks, bench.rate.is_some()))];
    let mut consumed = None;
    if !bench.no_consume {
        let read = reading::run(&context.bootstrap, topic, warmed + produced.records).await?;
        let looks = Looks { before: between, after: look().await };
        bounds.push(("read", bound::of_reading(&read, &looks)));
        consumed = Some(read);
    }
    Ok(Run { case: report::case_of(case, bench), produced, consumed, bounds })
}

async fn remove(admin: &Admin, topic: &str) -> Result<(), Failure> {
    admin.delete_topic(topic).await.map_err(Failure::from)
}
