//! `ottla produce`: records from standard input or a file into a topic.
//!
//! A thread of its own reads, unpacks and cuts the input (`input`, `fields`); this side sends whole chunks with one
//! delivery each and counts what was acknowledged (`progress`).

mod fields;
mod input;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ottla_client::{Client, NewTopic};
use ottla_model::{Acks, ByteCount, Durability, PartitionId};
use ottla_producer::{Compression, ManyDelivered, Producer, ProducerError, Record, TopicProducer};
use serde_json::json;

use crate::args::Context;
use crate::failure::Failure;
use crate::output;

use self::fields::Cutter;
pub use self::input::Cut;
use self::input::{Chunk, Line};
use self::progress::Progress;

/// How many chunks may be sent and not yet acknowledged; the producer's own buffer bounds the bytes.
const CHUNKS_IN_FLIGHT_MAX: usize = 64;

/// How many chunks the reader may be ahead.
const CHUNKS_AHEAD_MAX: usize = 4;

/// The arguments of `ottla produce`.
#[derive(Args, Debug)]
#[command(
    after_help = "Each line of the input that is not empty is a record. gzip and zstd are recognised by their first bytes and unpacked.\n\n\
    Examples:\n  \
    echo hello | ottla produce greetings --create\n  \
    ottla produce flights --create --partitions 4 --file flights.ndjson.zst --key-field tailnum\n  \
    ottla produce pairs --key-separator : --file pairs.txt"
)]
pub struct Produce {
    /// The topic
    topic: String,
    /// The input; `-` is standard input
    #[arg(long, short, default_value = "-", value_name = "PATH")]
    file: PathBuf,
    /// Create the topic if it is not there
    #[arg(long)]
    create: bool,
    /// With --create: how many partitions [default: the broker's setting]
    #[arg(long, requires = "create")]
    partitions: Option<u32>,
    /// Each line is a JSON object, and this field of it is the key (null or absent: no key)
    #[arg(long, value_name = "FIELD", conflicts_with = "key_separator")]
    key_field: Option<String>,
    /// The key is what stands before the first of these in the line
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// Send everything to this partition
    #[arg(long, short)]
    partition: Option<u32>,
    /// A header for every record, as name=value; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Who must have a record before it counts
    #[arg(long, default_value = "all")]
    acks: AcksWanted,
    /// What a record must survive before it counts, where that is more than its topic says
    #[arg(long)]
    durability: Option<DurabilityWanted>,
    /// How batches are compressed
    #[arg(long, short = 'z', default_value = "none")]
    compression: CompressionWanted,
    /// Longest time that a record is tried, through restarts of the broker
    #[arg(long, default_value = "2m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// What records must survive, as typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum DurabilityWanted {
    /// A kill of the broker: the kernel has them
    Relaxed,
    /// A power cut: they are on stable storage
    Fsync,
}

impl DurabilityWanted {
    fn for_producer(self) -> Durability {
        match self {
            Self::Relaxed => Durability::Relaxed,
            Self::Fsync => Durability::Fsync,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum AcksWanted {
    /// The whole in-sync set
    All,
    /// The leader alone
    Leader,
    /// Nobody
    None,
}

/// How batches are compressed, as typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum CompressionWanted {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl CompressionWanted {
    /// The producer's word for it.
    pub(super) fn for_producer(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip => Compression::Gzip,
            Self::Snappy => Compression::Snappy,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
        }
    }
}

impl AcksWanted {
    fn for_producer(self) -> Acks {
        match self {
            Self::All => Acks::All,
            Self::Leader => Acks::Leader,
            Self::None => Acks::None,
        }
    }
}

/// What is read of the arguments before anything is done.
pub(crate) fn check(produce: &Produce) -> Result<(), Failure> {
    headers(&produce.headers).map(drop)
}

/// How lines become records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cutting {
    /// Each is a value.
    Whole,
    /// This field of each is the key.
    Field(String),
    /// The key stands before this.
    Separator(String),
}

/// The records of an input.
pub(crate) fn cut(bytes: Vec<u8>, cutting: Cutting) -> Result<Vec<Cut>, Failure> {
    let cutter = match cutting {
        Cutting::Whole => Cutter::new(None, None),
        Cutting::Field(field) => Cutter::new(Some(field), None),
        Cutting::Separator(separator) => Cutter::new(None, Some(separator)),
    };
    input::all_of(bytes, cutter)
}

/// Sends the whole input; says how much, how fast, and what the acknowledgements mean.
pub async fn run(produce: Produce, context: Context) -> Result<ExitCode, Failure> {
    let headers = headers(&produce.headers)?;
    let cutter = Cutter::new(produce.key_field.clone(), produce.key_separator.clone());
    let input = input::open(&produce.file)?;
    let progress = Progress::new(input.bytes, produce.quiet);
    let client = Client::connect(context.bootstrap.as_str()).await?;
    if produce.create {
        create(&client, &produce).await?;
    }
    let mut builder = Producer::builder(&client);
    if let Some(durability) = produce.durability {
        builder = builder.durability(durability.for_producer());
    }
    let producer = builder
        .acks(produce.acks.for_producer())
        .compression(produce.compression.for_producer())
        .delivery_timeout(produce.timeout)
        .build()
        .await?;
    let topic = producer.topic(&produce.topic).await?;
    let chunks = input::chunks(input, cutter, CHUNKS_AHEAD_MAX);
    let partition = produce.partition.map(PartitionId);
    let mut sending = Sending::new(&topic, partition, &headers, progress);
    let sent = sending.everything(chunks).await;
    let closed = producer.close().await;
    let done = sending.finish();
    if done.records > 0 || sent.is_ok() {
        report(&done, &produce.topic, context)?;
    }
    sent?;
    closed?;
    Ok(ExitCode::SUCCESS)
}

async fn create(client: &Client, produce: &Produce) -> Result<(), Failure> {
    let mut topic = NewTopic::new(&produce.topic);
    topic.partitions = produce.partitions;
    match client.admin().create_topic(topic).await {
        Err(error) if error.code() == Some("TOPIC_EXISTS") => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

type Header = (String, Option<Vec<u8>>);

fn headers(typed: &[String]) -> Result<Vec<Header>, Failure> {
    let parse = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--header {text}`: write name=value, such as source=airport"))
        })?;
        Ok((name.to_owned(), Some(value.as_bytes().to_vec())))
    };
    typed.iter().map(parse).collect()
}

/// What became of the input.
struct Done {
    records: u64,
    bytes: u64,
    seconds: f64,
    durability: Option<&'static str>,
    acks: Option<&'static str>,
}

/// What was acknowledged of one chunk.
struct ChunkDone {
    bytes: u64,
    result: Result<ManyDelivered, ProducerError>,
}

/// Chunks on their way.
struct Sending<'a> {
    topic: &'a TopicProducer,
    partition: Option<PartitionId>,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
    progress: Progress,
    begun: Instant,
    done: Done,
}

impl<'a> Sending<'a> {
    fn new(
        topic: &'a TopicProducer,
        partition: Option<PartitionId>,
        headers: &'a [Header],
        progress: Progress,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let done = Done { records: 0, bytes: 0, seconds: 0.0, durability: None, acks: None };
        Self { topic, partition, headers: headers.collect(), progress, begun: Instant::now(), done }
    }

    async fn everything(&mut self, mut chunks: input::Chunks) -> Result<(), Failure> {
        let mut under_way = FuturesUnordered::new();
        let mut more = true;
        // After the first failure nothing more is sent, and what is under way is still counted.
        let mut failed = Ok(());
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        while more || !under_way.is_empty() {
            tokio::select! {
                chunk = chunks.recv(), if more && under_way.len() < CHUNKS_IN_FLIGHT_MAX => {
                    let sent = match chunk {
                        None => { more = false; continue }
                        Some(Ok(chunk)) => self.send(chunk).await,
                        Some(Err(failure)) => Err(failure),
                    };
                    match sent {
                        Ok(delivery) => under_way.push(delivery),
                        Err(failure) => { more = false; failed = failed.and(Err(failure)) }
                    }
                }
                Some(done) = under_way.next() => {
                    if let Err(failure) = self.count(done) {
                        more = false;
                        failed = failed.and(Err(failure));
                    }
                }
                _ = tick.tick() => self.progress.tick(),
            }
        }
        failed
    }

    async fn send(&self, chunk: Chunk) -> Result<impl Future<Output = ChunkDone> + use<>, Failure> {
        let records = chunk.lines.iter().map(|line| self.record(&chunk.bytes, line));
        let delivery = self.topic.send_many(records).await?;
        let bytes = chunk.input_bytes;
        Ok(async move { ChunkDone { bytes, result: delivery.await } })
    }

    fn record<'r>(&'r self, bytes: &'r [u8], line: &'r Line) -> Record<'r> {
        Record {
            key: line.key.as_ref().map(|key| key.bytes(bytes)),
            value: Some(&bytes[line.value.clone()]),
            headers: &self.headers,
            timestamp: None,
            partition: self.partition,
        }
    }

    fn count(&mut self, chunk: ChunkDone) -> Result<(), Failure> {
        let delivered = chunk.result?;
        self.done.records += delivered.records;
        self.done.bytes += chunk.bytes;
        if let Some(run) = delivered.runs.first() {
            // Who asked nobody knows nothing of durability.
            let asked = run.first.acks != Acks::None;
            self.done.durability = asked.then(|| run.first.durability.name());
            self.done.acks = Some(run.first.acks.name());
        }
        self.progress.acknowledged(self.done.records, self.done.bytes);
        Ok(())
    }

    fn finish(self) -> Done {
        self.progress.finish();
        Done { seconds: self.begun.elapsed().as_secs_f64(), ..self.done }
    }
}

fn report(done: &Done, topic: &str, context: Context) -> Result<(), Failure> {
    let rate = done.bytes as f64 / done.seconds.max(1e-9);
    let value = json!({
        "topic": topic, "records": done.records, "bytes": done.bytes, "seconds": done.seconds,
        "bytes_per_second": rate, "acks": done.acks, "durability": done.durability,
    });
    let level = match (done.acks, done.durability) {
        (Some(acks), Some(durability)) => format!("; acknowledged with acks={acks}, {durability}"),
        (Some(_), None) => "; sent with acks=none, so nobody was asked".to_owned(),
        (None, _) => String::new(),
    };
    let records = if done.records == 1 { "record" } else { "records" };
    let sentence = format!(
        "{} {records}, {} in {:.2} s ({}/s){level}",
        output::grouped(done.records),
        ByteCount(done.bytes),
        done.seconds,
        ByteCount(rate as u64),
    );
    output::say(context.output, &value, &sentence)
}
