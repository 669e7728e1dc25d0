//! `ottla topic`: topics and their settings.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use ottla_client::{
    Admin, Client, ConfigChanges, ConfigEntry, NewTopic, OffsetAt, TopicDescription, TopicListing,
};
use ottla_model::{ByteCount, Offset, PartitionId};
use serde::Serialize;
use serde_json::json;

use crate::args::Context;
use crate::failure::Failure;
use crate::output::{self, Format, grouped};

/// The commands of `ottla topic`.
#[derive(Subcommand, Debug)]
pub enum Topic {
    /// Create a topic
    Create {
        /// Its name: 1 to 249 of a-z A-Z 0-9 . _ -
        name: String,
        /// How many partitions [default: the broker's setting]
        #[arg(long, short)]
        partitions: Option<u32>,
        /// A setting, as name=value; may be repeated
        #[arg(long = "config", short, value_name = "NAME=VALUE", value_parser = pair)]
        config: Vec<(String, String)>,
        /// Only check whether it could be created
        #[arg(long)]
        validate_only: bool,
    },
    /// List all topics
    List,
    /// Describe a topic: its partitions and the settings that differ from the default
    Describe {
        /// Its name
        name: String,
        /// Show every setting, with what it does
        #[arg(long)]
        all: bool,
    },
    /// Change settings of a topic
    Set {
        /// Its name
        name: String,
        /// Settings, as name=value
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
        settings: Vec<(String, String)>,
    },
    /// Take settings of a topic back to their default
    Unset {
        /// Its name
        name: String,
        /// Settings, such as retention.ms
        #[arg(required = true)]
        settings: Vec<String>,
    },
    /// Give a topic more partitions
    AddPartitions {
        /// Its name
        name: String,
        /// How many it has then
        total: u32,
    },
    /// Delete a topic and everything in it
    Delete {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Delete the records of a partition before an offset
    DeleteRecords {
        /// The topic's name
        name: String,
        /// The partition
        #[arg(long, short)]
        partition: u32,
        /// The first offset that stays
        #[arg(long)]
        before: i64,
    },
    /// Show the first and next offset of every partition, or the offset at a time
    Offsets {
        /// The topic's name
        name: String,
        /// The first record at this time or later, such as 2026-11-21T10:00:00Z or "2h ago"
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
}

/// What is read of the arguments before anything is done.
pub(crate) fn check(topic: &Topic) -> Result<(), Failure> {
    match topic {
        Topic::Offsets { at: Some(at), .. } => super::time::parse(at).map(drop),
        _ => Ok(()),
    }
}

/// Runs one of them.
pub async fn run(topic: Topic, context: Context) -> Result<ExitCode, Failure> {
    let client = Client::connect(context.bootstrap.as_str()).await?;
    let admin = client.admin();
    let format = context.output;
    match topic {
        Topic::Create { name, partitions, config, validate_only } => {
            let config = config.into_iter().collect();
            let new = NewTopic { name, partitions, config, validate_only };
            create(&admin, new, format).await?;
        }
        Topic::List => list(&admin, format).await?,
        Topic::Describe { name, all } => describe(&admin, &name, all, format).await?,
        Topic::Set { name, settings } => {
            let set: BTreeMap<_, _> = settings.into_iter().collect();
            alter(&admin, &name, ConfigChanges { set, ..ConfigChanges::default() }, format).await?;
        }
        Topic::Unset { name, settings } => {
            let changes = ConfigChanges { unset: settings, ..ConfigChanges::default() };
            alter(&admin, &name, changes, format).await?;
        }
        Topic::AddPartitions { name, total } => {
            let topic = admin.add_partitions(&name, total).await?;
            let count = topic.partitions;
            let sentence =
                format!("{name} has {count} partitions; keys may go to others from now on");
            output::say(format, &listing(&topic), &sentence)?;
        }
        Topic::Delete { name, yes } => delete(&admin, &name, yes, format).await?,
        Topic::DeleteRecords { name, partition, before } => {
            let id = PartitionId(partition);
            let start = admin.delete_records(&name, id, Offset(before)).await?;
            let sentence = format!("{name}-{partition} begins at offset {start}");
            let value = json!({"topic": name, "partition": partition, "log_start": start});
            output::say(format, &value, &sentence)?;
        }
        Topic::Offsets { name, at } => offsets(&admin, &name, at.as_deref(), format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(admin: &Admin, new: NewTopic, format: Format) -> Result<(), Failure> {
    let validate_only = new.validate_only;
    let topic = admin.create_topic(new).await?;
    let verb = if validate_only { "could be created" } else { "created" };
    let sentence = format!("{} {verb} with {}", topic.name, partitions(topic.partitions));
    output::say(format, &listing(&topic), &sentence)
}

fn listing(topic: &TopicListing) -> serde_json::Value {
    json!({"name": topic.name, "id": topic.id, "partitions": topic.partitions})
}

fn partitions(count: u32) -> String {
    if count == 1 { "1 partition".to_owned() } else { format!("{count} partitions") }
}

async fn list(admin: &Admin, format: Format) -> Result<(), Failure> {
    let topics = admin.list_topics().await?;
    if topics.is_empty() && format == Format::Table {
        return output::line("no topics yet; `ottla topic create NAME` makes one");
    }
    let shown: Vec<_> = topics.iter().map(listing).collect();
    output::print(format, &shown, || {
        let mut table = output::table(&["topic", "partitions", "id"]);
        for topic in &topics {
            table.add_row([
                topic.name.to_string(),
                topic.partitions.to_string(),
                topic.id.to_string(),
            ]);
        }
        table
    })
}

#[derive(Serialize)]
struct Shown {
    name: String,
    id: String,
    partitions: Vec<ShownPartition>,
    config: Vec<ShownSetting>,
}

#[derive(Serialize)]
struct ShownPartition {
    partition: u32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    log_start: Option<i64>,
    high_watermark: Option<i64>,
    bytes: Option<u64>,
    offline: Option<String>,
    damaged: bool,
}

impl ShownPartition {
    /// How it is, in a word.
    fn state(&self) -> &'static str {
        match self.offline {
            None => "ok",
            Some(_) if self.damaged => "damaged",
            Some(_) => "offline",
        }
    }
}

#[derive(Serialize)]
struct ShownSetting {
    name: String,
    value: String,
    is_default: bool,
    doc: String,
}

impl Shown {
    fn of(topic: &TopicDescription, all: bool) -> Self {
        let partitions = topic.partitions.iter().map(|p| ShownPartition {
            partition: p.partition.0,
            leader: p.leader.map(|b| b.0),
            leader_epoch: p.leader_epoch.0,
            replicas: p.replicas.iter().map(|b| b.0).collect(),
            isr: p.isr.iter().map(|b| b.0).collect(),
            log_start: p.log_start.map(|o| o.0),
            high_watermark: p.high_watermark.map(|o| o.0),
            bytes: p.bytes,
            offline: p.offline.clone(),
            damaged: p.damaged,
        });
        Self {
            name: topic.name.to_string(),
            id: topic.id.to_string(),
            partitions: partitions.collect(),
            config: settings(&topic.config, all),
        }
    }
}

fn settings(entries: &[ConfigEntry], all: bool) -> Vec<ShownSetting> {
    let wanted = entries.iter().filter(|entry| all || !entry.is_default);
    let shown = wanted.map(|entry| ShownSetting {
        name: entry.key.clone(),
        value: entry.value.clone(),
        is_default: entry.is_default,
        doc: entry.doc.clone(),
    });
    shown.collect()
}

async fn describe(admin: &Admin, name: &str, all: bool, format: Format) -> Result<(), Failure> {
    let topic = admin.describe_topic(name).await?;
    let shown = Shown::of(&topic, all);
    if format == Format::Json {
        return output::print(format, &shown, comfy_table::Table::new);
    }
    output::line(&format!(
        "{} ({}), {}",
        shown.name,
        shown.id,
        partitions(shown.partitions.len() as u32)
    ))?;
    output::line(&partition_table(&shown).to_string())?;
    for why in shown.partitions.iter().filter_map(|p| p.offline.as_ref()) {
        output::line(why)?;
    }
    if shown.config.is_empty() {
        return output::line("all settings have their default; `--all` shows them");
    }
    output::line(&setting_table(&shown.config).to_string())
}

fn partition_table(shown: &Shown) -> comfy_table::Table {
    let mut table = output::table(&[
        "partition",
        "leader",
        "epoch",
        "isr",
        "first",
        "next",
        "records",
        "size",
        "state",
    ]);
    for p in &shown.partitions {
        let isr: Vec<String> = p.isr.iter().map(i32::to_string).collect();
        let records = p.high_watermark.zip(p.log_start).map(|(end, start)| end - start);
        table.add_row([
            p.partition.to_string(),
            p.leader.map_or("none".to_owned(), |id| id.to_string()),
            p.leader_epoch.to_string(),
            isr.join(","),
            cell(p.log_start),
            cell(p.high_watermark),
            records.map_or(UNKNOWN.to_owned(), |r| grouped(r.unsigned_abs())),
            p.bytes.map_or(UNKNOWN.to_owned(), |bytes| ByteCount(bytes).to_string()),
            p.state().to_owned(),
        ]);
    }
    table
}

/// What a table shows where the broker does not know.
const UNKNOWN: &str = "-";

fn cell(number: Option<i64>) -> String {
    number.map_or(UNKNOWN.to_owned(), |number| number.to_string())
}

fn setting_table(settings: &[ShownSetting]) -> comfy_table::Table {
    let mut table = output::table(&["setting", "value", "from", "what it does"]);
    for s in settings {
        let from = if s.is_default { "default" } else { "topic" };
        table.add_row([&s.name, &s.value, from, &s.doc]);
    }
    table
}

async fn alter(
    admin: &Admin,
    name: &str,
    changes: ConfigChanges,
    format: Format,
) -> Result<(), Failure> {
    let shown = settings(&admin.alter_topic_config(name, changes).await?, false);
    output::print(format, &shown, || setting_table(&shown))
}

async fn delete(admin: &Admin, name: &str, yes: bool, format: Format) -> Result<(), Failure> {
    if !yes && !confirmed(name)? {
        return Err(Failure::new(format!("{name} was not deleted")));
    }
    admin.delete_topic(name).await?;
    output::say(format, &json!({"name": name, "deleted": true}), &format!("{name} deleted"))
}

fn confirmed(name: &str) -> Result<bool, Failure> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to confirm; say --yes"));
    }
    eprint!("delete topic {name} and everything in it? type its name: ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == name)
}

async fn offsets(
    admin: &Admin,
    name: &str,
    at: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    let time = at.map(super::time::parse).transpose()?;
    let topic = admin.describe_topic(name).await?;
    let mut rows = Vec::new();
    for p in &topic.partitions {
        let found = match time {
            None => None,
            Some(t) => admin.list_offset(name, p.partition, OffsetAt::Timestamp(t)).await?,
        };
        rows.push(json!({
            "partition": p.partition, "log_start": p.log_start, "high_watermark": p.high_watermark,
            "at": found.map(|f| f.offset),
        }));
    }
    output::print(format, &rows, || {
        let mut table = output::table(&["partition", "first", "next", "at"]);
        for row in &rows {
            let cell = |key: &str| match &row[key] {
                serde_json::Value::Null => "-".to_owned(),
                value => value.to_string(),
            };
            table.add_row(["partition", "log_start", "high_watermark", "at"].map(cell));
        }
        table
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("write name=value, such as retention.ms=3600000")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
