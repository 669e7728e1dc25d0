//! `ottla consume`: records of a topic on standard output, new ones as they come.
//!
//! It reads by assignment and commits nothing, so it never disturbs anybody else.

mod format;
mod start;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Args;
use futures::future::OptionFuture;
use ottla_client::{Admin, Client, ClientError, TopicDescription};
use ottla_consumer::{ConsumedBatch, Consumer, ConsumerError, OutOfRange};
use ottla_model::{Offset, PartitionId};

use crate::args::Context;
use crate::failure::Failure;

use self::format::Template;
use self::start::From;

/// The arguments of `ottla consume`.
#[derive(Args, Debug)]
#[command(
    after_help = "Formats: `raw` (the value and a line feed), `json` (all of the record), or a template with \
    %t topic, %p partition, %o offset, %k key, %v value, %T time, %s milliseconds, %h headers, %% percent, \
    \\n, \\t, \\0.\n\n\
    Examples:\n  \
    ottla consume flights --from start --until-end --format '%o %k %v\\n'\n  \
    ottla consume flights --from '2h ago' --format json\n  \
    ottla consume flights --from -10"
)]
pub struct Consume {
    /// The topic
    topic: String,
    /// Only this partition; may be repeated [default: all]
    #[arg(long, short, value_name = "PARTITION")]
    partition: Vec<u32>,
    /// Where to begin: `start`, `end`, an offset, a time (`2026-11-21T10:00:00Z`, `2h ago`), or -N for the last N
    /// of each partition
    #[arg(long, default_value = "end", value_name = "WHERE", allow_hyphen_values = true)]
    from: String,
    /// Stop at what was the end when it began
    #[arg(long, short = 'e')]
    until_end: bool,
    /// Stop after this many records
    #[arg(long, short = 'n', value_name = "RECORDS")]
    count: Option<u64>,
    /// How a record is printed: raw, json, or a template
    #[arg(long, short, default_value = "raw")]
    format: String,
}

/// What is read of the arguments before anything is done.
pub(crate) fn check(consume: &Consume) -> Result<(), Failure> {
    From::parse(&consume.from)?;
    Template::parse(&consume.format).map(drop)
}

/// Reads until it is told to stop.
pub async fn run(consume: Consume, context: Context) -> Result<ExitCode, Failure> {
    let template = Template::parse(&consume.format)?;
    let from = From::parse(&consume.from)?;
    let client = Client::connect(context.bootstrap.as_str()).await?;
    let topic = client.admin().describe_topic(&consume.topic).await?;
    let partitions = chosen(&topic, &consume.partition)?;
    let mut until = Until::new(&consume, &topic, &partitions)?;
    let mut consumer =
        consumer(&client, &consume.topic, from, &topic, &partitions, &mut until).await?;
    if from == From::End && !consume.until_end {
        eprintln!("waiting for new records of {} (`--from start` reads the old ones)", topic.name);
    }
    let mut printer = Printer { out: BufWriter::new(io::stdout()), template };
    let finished = follow(&mut consumer, &mut until, &mut printer).await;
    printer.flush()?;
    let code = finished?;
    match until.missed {
        // What is left was read. That it is not the whole must not look like success.
        Some(why) => Err(Failure::new(why)),
        None => Ok(code),
    }
}

fn chosen(topic: &TopicDescription, wanted: &[u32]) -> Result<Vec<PartitionId>, Failure> {
    let count = topic.partitions.len();
    if let Some(bad) = wanted.iter().find(|p| **p as usize >= count) {
        return Err(Failure::usage(match count {
            0 | 1 => format!("{} has partition 0 only, no {bad}", topic.name),
            more => format!("{} has partitions 0 to {}, no {bad}", topic.name, more - 1),
        }));
    }
    let all = topic.partitions.iter().map(|p| p.partition);
    Ok(all.filter(|p| wanted.is_empty() || wanted.contains(&p.0)).collect())
}

async fn consumer(
    client: &Client,
    name: &str,
    from: From,
    topic: &TopicDescription,
    partitions: &[PartitionId],
    until: &mut Until,
) -> Result<Consumer, Failure> {
    let consumer = Consumer::builder(client).out_of_range(OutOfRange::Earliest).build().await?;
    let admin: Admin = client.admin();
    for partition in partitions {
        let described = &topic.partitions[partition.0 as usize];
        let (start, first) = from.start(&admin, name, described).await?;
        until.begins_at(*partition, first);
        consumer.assign(name, *partition, start).await?;
    }
    if until.follows() && partitions.len() == topic.partitions.len() {
        consumer.follow_topic(name).await?;
    }
    Ok(consumer)
}

/// When to stop.
struct Until {
    topic: String,
    records_left: Option<u64>,
    /// The partitions that are still to be read up to an end; `None` to follow for ever.
    ends: Option<BTreeMap<PartitionId, Offset>>,
    /// Why there is no such end in one of them: records of it were lost.
    missed: Option<String>,
}

impl Until {
    fn new(
        consume: &Consume,
        topic: &TopicDescription,
        partitions: &[PartitionId],
    ) -> Result<Self, Failure> {
        let end = |p: &PartitionId| {
            let (_, end) = start::bounds(&consume.topic, &topic.partitions[p.0 as usize])?;
            Ok((*p, end))
        };
        let ends: Result<BTreeMap<_, _>, Failure> = partitions.iter().map(end).collect();
        let (ends, missed) = match consume.until_end {
            true => (Some(ends?), missed(topic, partitions)),
            false => (None, None),
        };
        Ok(Self { topic: consume.topic.clone(), records_left: consume.count, ends, missed })
    }

    /// Whether the error only says that a partition is damaged behind what could be read of it, which
    /// is no reason to leave the others.
    fn takes(&mut self, error: &ConsumerError) -> bool {
        let (Some(ends), ConsumerError::Client(ClientError::Refused(refused))) =
            (&mut self.ends, error)
        else {
            return false;
        };
        let partition = refused.metadata.get("partition").and_then(|p| p.parse().ok());
        if let Some(partition) = partition.filter(|_| refused.code == "PARTITION_DAMAGED") {
            ends.remove(&PartitionId(partition));
            self.missed = Some(error.to_string());
            return true;
        }
        false
    }

    /// Whether partitions that the topic gets meanwhile are read too.
    fn follows(&self) -> bool {
        self.ends.is_none()
    }

    fn begins_at(&mut self, partition: PartitionId, first: Offset) {
        self.reached(partition, first);
    }

    fn reached(&mut self, partition: PartitionId, next: Offset) {
        if let Some(ends) = &mut self.ends
            && ends.get(&partition).is_some_and(|end| next >= *end)
        {
            ends.remove(&partition);
        }
    }

    /// Learns of partitions whose start has passed the end that was waited for.
    fn look(&mut self, consumer: &Consumer) {
        let waiting = self.ends.iter().flatten().map(|(partition, _)| *partition);
        for partition in waiting.collect::<Vec<_>>() {
            if let Some(next) = consumer.position(&self.topic, partition) {
                self.reached(partition, next);
            }
        }
    }

    fn wants(&self, partition: PartitionId, offset: Offset) -> bool {
        let before_end = |ends: &BTreeMap<_, _>| ends.get(&partition).is_some_and(|e| offset < *e);
        self.records_left != Some(0) && self.ends.as_ref().is_none_or(before_end)
    }

    fn took_one(&mut self) {
        if let Some(left) = &mut self.records_left {
            *left = left.saturating_sub(1);
        }
    }

    fn over(&self) -> bool {
        self.records_left == Some(0) || self.ends.as_ref().is_some_and(BTreeMap::is_empty)
    }
}

fn missed(topic: &TopicDescription, partitions: &[PartitionId]) -> Option<String> {
    let mut offline =
        partitions.iter().filter_map(|p| topic.partitions[p.0 as usize].offline.as_ref());
    offline.next().cloned()
}

async fn follow(
    consumer: &mut Consumer,
    until: &mut Until,
    printer: &mut Printer,
) -> Result<ExitCode, Failure> {
    let mut dirty = false;
    let mut look = tokio::time::interval(LOOK_EVERY);
    while !until.over() {
        // What is printed is flushed when nothing more is at hand, so that a follower sees it at once.
        let flush: OptionFuture<_> = dirty.then(|| tokio::time::sleep(FLUSH_AFTER)).into();
        tokio::select! {
            biased;
            batch = consumer.next_batch() => {
                match batch {
                    Ok(batch) if !print(&batch, until, printer)? => return Ok(ExitCode::SUCCESS),
                    Ok(_) => dirty = true,
                    Err(error) if until.takes(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Some(()) = flush => { printer.flush()?; dirty = false; }
            _ = look.tick(), if until.ends.is_some() => until.look(consumer),
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How often it is looked whether records that were to come are gone: deleted, or past their retention.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// How long output may wait for more of it.
const FLUSH_AFTER: std::time::Duration = std::time::Duration::from_millis(5);

/// Prints what is wanted of a batch; says whether anybody still reads.
fn print(batch: &ConsumedBatch, until: &mut Until, printer: &mut Printer) -> Result<bool, Failure> {
    for record in batch.records() {
        if !until.wants(record.partition(), record.offset()) {
            continue;
        }
        if !printer.print(&record)? {
            return Ok(false);
        }
        until.took_one();
    }
    until.reached(batch.partition(), batch.next_offset());
    Ok(true)
}

struct Printer {
    out: BufWriter<io::Stdout>,
    template: Template,
}

impl Printer {
    /// Prints a record; says whether anybody still reads.
    fn print(&mut self, record: &ottla_consumer::ConsumedRecord) -> Result<bool, Failure> {
        still_read(self.template.write(&mut self.out, record))
    }

    fn flush(&mut self) -> Result<bool, Failure> {
        still_read(self.out.flush())
    }
}

fn still_read(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}
