//! `ottla serve`: a broker until it is told to stop.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ottla_model::ByteCount;
use ottla_server::{RunningServer, Server, ServerConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::commands::environment;
use crate::failure::Failure;

/// The arguments of `ottla serve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every setting: `ottla config default`. Priority, rising: file, OTTLA_* environment, flags."
)]
pub struct Serve {
    /// A configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the data is kept [default: ./ottla-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where the journal is kept, if on another disk than the data
    #[arg(long, value_name = "DIR")]
    journal_dir: Option<String>,
    /// Where gRPC clients connect: an address or `off` [default: 127.0.0.1:9095]
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<String>,
    /// Where Kafka clients connect: an address, or several with commas; `ADDRESS=HOST:PORT` tells clients another one
    /// than they reached, as behind a port mapping (`ottla doctor --bootstrap` tells whether that leads here) [default:
    /// off]
    #[arg(long, value_name = "ADDRESS")]
    kafka: Option<String>,
    /// Where health and metrics are served: an address or `off` [default: 127.0.0.1:9096]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// How much memory the process may take, such as 1GiB, at least 256MiB [default: half of what the machine or its
    /// container has]
    #[arg(long, value_name = "BYTES")]
    memory_max: Option<String>,
    /// Listen beyond loopback although nobody has to say who they are: anybody who reaches the address can read,
    /// write and delete everything
    #[arg(long)]
    insecure_listen: bool,
    /// Any other setting, as name=value; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Log as JSON lines
    #[arg(long)]
    log_json: bool,
}

/// What is read of the arguments before anything is done; no file is.
pub(crate) fn check(serve: &Serve) -> Result<(), Failure> {
    match serve.config {
        Some(_) => Ok(()),
        None => configured(serve).map(drop),
    }
}

/// Serves until SIGINT or SIGTERM, then drains.
pub fn run(serve: Serve) -> Result<ExitCode, Failure> {
    log_to_stderr(serve.log_json)?;
    let config = configured(&serve)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(until_told(config))
}

async fn until_told(config: ServerConfig) -> Result<ExitCode, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let data_dir = config.data_dir.display().to_string();
    let server = Server::start(config).await.map_err(|error| Failure::new(error.to_string()))?;
    greet(&server, &data_dir);
    let why = tokio::select! {
        _ = interrupt.recv() => "SIGINT".to_owned(),
        _ = terminate.recv() => "SIGTERM".to_owned(),
    };
    eprintln!("{why}: draining; a second signal ends it at once");
    tokio::select! {
        drained = server.shutdown() => drained.map_err(|error| Failure::new(error.to_string()))?,
        () = another(&mut interrupt, &mut terminate) => return Err(Failure::new(
            "ended before the drain was over; the log recovers at the next start",
        )),
    }
    eprintln!("stopped cleanly");
    Ok(ExitCode::SUCCESS)
}

/// A signal that was meant: one that comes within a second of the first was the same one, sent to the process and
/// again to its group, as `timeout` does.
async fn another(interrupt: &mut Signal, terminate: &mut Signal) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < SAME_SIGNAL {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// How long after a signal another one is taken for the same.
const SAME_SIGNAL: std::time::Duration = std::time::Duration::from_secs(1);

/// How much memory the broker may take, where one is wanted.
pub(crate) fn memory_max(serve: &Serve) -> Option<ByteCount> {
    Some(configured(serve).ok()?.memory_ceiling())
}

fn configured(serve: &Serve) -> Result<ServerConfig, Failure> {
    let mut overrides: Vec<(&str, String)> = Vec::new();
    let flags = [
        ("data_dir", &serve.data_dir),
        ("journal_dir", &serve.journal_dir),
        ("memory_max", &serve.memory_max),
        ("grpc", &serve.grpc),
        ("kafka", &serve.kafka),
        ("http", &serve.http),
    ];
    for (name, value) in flags {
        overrides.extend(value.clone().map(|value| (name, value)));
    }
    if serve.insecure_listen {
        overrides.push(("insecure_listen", "true".to_owned()));
    }
    for pair in &serve.set {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--set {pair}`: write name=value, such as --set broker_id=1"))
        })?;
        overrides.push((name.trim(), value.trim().to_owned()));
    }
    ServerConfig::load(serve.config.as_deref(), environment::ours()?, &overrides)
        .map_err(|error| Failure::usage(error.to_string()))
}

fn greet(server: &RunningServer, data_dir: &str) {
    eprintln!("ottla {} is ready; data in {data_dir}", env!("CARGO_PKG_VERSION"));
    if let Some(grpc) = server.grpc_address() {
        let flag = if grpc.port() == 9095 { String::new() } else { format!(" --bootstrap {grpc}") };
        eprintln!(
            "  gRPC     {grpc}   no authentication: whoever reaches this address may do anything"
        );
        eprintln!("  try      echo hello | ottla produce greetings --create{flag}");
        eprintln!("           ottla consume greetings --from start{flag}");
    }
    for kafka in server.kafka_addresses() {
        eprintln!("  Kafka    {kafka}   for every Kafka client, as its bootstrap server");
    }
    if let Some(http) = server.http_address() {
        eprintln!("  metrics  http://{http}/metrics   health http://{http}/health/ready");
    }
}

fn log_to_stderr(json: bool) -> Result<(), Failure> {
    let filter = match std::env::var("OTTLA_LOG") {
        Err(_) => EnvFilter::new("info"),
        Ok(text) => EnvFilter::try_new(&text).map_err(|error| {
            Failure::usage(format!(
                "OTTLA_LOG={text} is no filter ({error}); write a level such as debug, or ottla_broker=debug,info"
            ))
        })?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second subscriber in one process (a test) is no reason to stop.
    let _already_set = if json { builder.json().try_init() } else { builder.try_init() };
    Ok(())
}
