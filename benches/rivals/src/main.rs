//! Ottla, Apache Kafka and the machine's own limits, side by side in one run.
//!
//! Read in this order: [`plan`] (what is measured), [`run`] (in which order), [`broker`] (who is measured), [`client`] and
//! [`java`] (by whom), [`pace`] (when records are due), [`limits`], [`machine`], [`results`], [`table`], [`plot`].
//!
//! Client and broker share the machine, as they do in the figures of others; each load is a process of its own, so that
//! what the client costs and what the broker costs can be told apart.

mod broker;
mod client;
mod java;
mod job;
mod limits;
mod machine;
mod pace;
mod plan;
mod plot;
mod results;
mod run;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};

use crate::broker::KafkaHome;
use crate::plan::{Contestant, Plan, Row, Workload};
use crate::results::Results;

/// What the clients of Ottla are recommended to use as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ottla, Apache Kafka and the machine's own limits, side by side in one run.
#[derive(Parser, Debug)]
#[command(name = "rivals", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Which rows there are to choose from
    #[arg(long, default_value = "core")]
    plan: Plan,
    /// Only rows of these workloads
    #[arg(long, value_delimiter = ',')]
    workload: Vec<Workload>,
    /// Only rows with records of these sizes in bytes
    #[arg(long, value_delimiter = ',')]
    record_bytes: Vec<usize>,
    /// Only rows with these numbers of partitions
    #[arg(long, value_delimiter = ',')]
    partitions: Vec<u32>,
    /// Only these contestants
    #[arg(long, value_delimiter = ',')]
    only: Vec<Contestant>,
    /// Kafka takes part with ten thousand partitions as well, which takes it minutes
    #[arg(long)]
    kafka_everywhere: bool,
    /// How often everything is measured; the medians count
    #[arg(long, short = 'n', default_value_t = 5)]
    repetitions: usize,
    /// The same as --plan quick -n 1
    #[arg(long)]
    quick: bool,
    /// How long each load sends
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How many seconds of load every broker gets before anything counts
    #[arg(long, default_value_t = 10.0)]
    warm_up: f64,
    /// Begin nothing new after so many minutes
    #[arg(long, default_value_t = 120.0)]
    minutes_max: f64,
    /// Do not measure the machine's own limits
    #[arg(long)]
    no_limits: bool,
    /// The release binary of Ottla
    #[arg(long, env = "OTTLA_BINARY")]
    ottla: Option<PathBuf>,
    /// A distribution of Apache Kafka
    #[arg(long, env = "OTTLA_KAFKA_HOME")]
    kafka_home: Option<PathBuf>,
    /// A directory with the jars of Apache Kafka
    #[arg(long, env = "OTTLA_KAFKA_LIBS")]
    kafka_libs: Option<PathBuf>,
    /// Where the brokers keep their data: the disk to measure
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
    /// Where results.md, results.json and results.svg go
    #[arg(long, default_value = "results")]
    out: PathBuf,
    /// Put the results into this page as well, between its marks, with the plot beside it
    #[arg(long)]
    page: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Inner {
    /// One load, as standard input says; the run starts these
    #[command(hide = true)]
    Client,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.inner {
        Some(Inner::Client) => client::run(),
        None => measure(arguments),
    }
}

fn measure(mut arguments: Arguments) -> anyhow::Result<()> {
    if arguments.quick {
        (arguments.plan, arguments.repetitions) = (Plan::Quick, 1);
    }
    broker::raise_file_limit();
    let mut skipped = Vec::new();
    let ottla = arguments.ottla.clone().filter(|binary| binary.is_file());
    if ottla.is_none() {
        skipped.push("Ottla: say where its release binary is (--ottla)".to_owned());
    }
    let kafka = KafkaHome::find(arguments.kafka_home.as_deref(), arguments.kafka_libs.as_deref());
    let kafka = kafka.map_err(|error| skipped.push(format!("Kafka: {error:#}"))).ok();
    for what in &skipped {
        eprintln!("SKIPPED: {what}");
    }
    let rows = chosen(&arguments, ottla.is_some(), kafka.is_some());
    if rows.is_empty() {
        bail!("no row is left to measure");
    }
    let load = machine::load_average();
    if load > 0.5 {
        eprintln!(
            "WARNING: the machine is not idle (load {load:.1}): these figures will not be worth much"
        );
    }
    let mut results = Results::new(rows, settings_in_words(&arguments, kafka.as_ref(), load));
    results.skipped = skipped;
    let settings = run::Settings {
        ottla,
        kafka,
        directory: arguments.directory.clone(),
        repetitions: arguments.repetitions.max(1),
        seconds: arguments.seconds,
        limits: !arguments.no_limits,
        warm_up: arguments.warm_up,
        budget: Duration::from_secs_f64(arguments.minutes_max * 60.0),
    };
    let results = run::Run::start(settings, results)?.measure()?;
    write(&arguments, &results)
}

fn chosen(arguments: &Arguments, ottla: bool, kafka: bool) -> Vec<Row> {
    let wanted = |contestant: &Contestant| {
        let there = if contestant.is_ottla() { ottla } else { kafka };
        there && (arguments.only.is_empty() || arguments.only.contains(contestant))
    };
    let mut rows = arguments.plan.rows(arguments.kafka_everywhere);
    rows.iter_mut().for_each(|row| row.contestants.retain(wanted));
    rows.retain(|row| !row.contestants.is_empty());
    let named: Vec<Row> = rows.iter().filter(|row| is_named(arguments, row)).cloned().collect();
    rows.retain(|row| named.iter().any(|other| other == row || other.needs(row)));
    rows
}

fn is_named(arguments: &Arguments, row: &Row) -> bool {
    let (workloads, sizes) = (&arguments.workload, &arguments.record_bytes);
    let has_size = row.workload != Workload::Start && !sizes.is_empty();
    (workloads.is_empty() || workloads.contains(&row.workload))
        && (!has_size || sizes.contains(&row.record_bytes))
        && (arguments.partitions.is_empty() || arguments.partitions.contains(&row.partitions))
}

fn settings_in_words(arguments: &Arguments, kafka: Option<&KafkaHome>, load: f64) -> Vec<String> {
    let (n, seconds) = (arguments.repetitions, arguments.seconds);
    let mut words = vec![
        format!("Machine: {}; load {load:.1} at the beginning.", machine::describe(&arguments.directory)),
        format!(
            "Each load: {seconds} s, one producer, one topic, records without keys that do not compress, no compression; \
             medians of {n} repetitions, the worst latency of all; client and broker share the machine; the disk has nothing \
             left to write when a load begins; every broker was warmed up with {} s of load.",
            arguments.warm_up
        ),
        "Ottla: a release build with its default settings; its own clients with theirs (acks=all, idempotent, linger 5 ms, \
         batches of 256 KiB, 64 MiB of buffer; reading: 32 MiB ahead)."
            .to_owned(),
    ];
    if let Some(kafka) = kafka {
        words.extend(kafka_in_words(kafka));
    }
    words
}

fn kafka_in_words(kafka: &KafkaHome) -> Vec<String> {
    let list = |settings: Vec<(&str, String)>| {
        let all = settings.into_iter().filter(|(name, _)| *name != "bootstrap.servers");
        all.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    let version = rdkafka::util::get_rdkafka_version().1;
    vec![
        format!(
            "Apache Kafka {}: one node (KRaft), heap {}, G1, replication factor 1, defaults beside num.network.threads and \
             num.io.threads for the cores there are and log.segment.delete.delay.ms=100.",
            kafka.version,
            broker::kafka::HEAP
        ),
        format!(
            "librdkafka {version}: many records a call, values lent rather than copied, at most 64 MiB under way. Producer: {}; \
             linger.ms=0 up to 10,000 records a second. Consumer: {}.",
            list(client::kafka::producer_settings("", None)),
            list(client::kafka::consumer_settings(""))
        ),
        format!("Java: Kafka's own perf tools, {}.", java::PRODUCER_SETTINGS.join(", ")),
    ]
}

fn write(arguments: &Arguments, results: &Results) -> anyhow::Result<()> {
    let out = &arguments.out;
    std::fs::create_dir_all(out)?;
    let text = table::markdown(results);
    std::fs::write(out.join("results.md"), &text)?;
    let json = serde_json::to_string_pretty(&results.json())?;
    std::fs::write(out.join("results.json"), json + "\n")?;
    plot::draw(results, &out.join("results.svg"))?;
    println!("{text}");
    eprintln!("written: {0}/results.md, {0}/results.json, {0}/results.svg", out.display());
    if let Some(page) = &arguments.page {
        into_page(page, &text, results)?;
    }
    Ok(())
}

const BEGIN: &str = "<!-- rivals: begin -->";
const END: &str = "<!-- rivals: end -->";

/// Replaces what lies between the marks of the page, and draws the plot beside it under the page's name.
fn into_page(page: &Path, text: &str, results: &Results) -> anyhow::Result<()> {
    let plot = page.with_extension("svg");
    plot::draw(results, &plot)?;
    let name = plot.file_name().context("a page has a name")?.to_string_lossy();
    let old = std::fs::read_to_string(page)?;
    let (before, rest) = old.split_once(BEGIN).context("the page has no mark to put results at")?;
    let (_, after) = rest.split_once(END).context("the page's mark has no end")?;
    let picture = format!("![The same figures drawn]({name})");
    std::fs::write(page, format!("{before}{BEGIN}\n\n{picture}\n\n{text}\n{END}{after}"))?;
    eprintln!("written: {}, {}", page.display(), plot.display());
    Ok(())
}
