//! `ottla bench --soak`: a given rate for a long time, with everything going on that a broker does beside it.
//!
//! Retention deletes, segments roll, checkpoints are made, one consumer follows, another one catches up again and
//! again, clients come and go. Latency is printed span by span, and the slowest moments with what they waited for: the
//! broker remembers its slowest acknowledgements ([`traces`]), this process what happened before and after.

mod company;
mod timeline;
mod traces;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use ottla_client::{Client, NewTopic};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::args::Context;
use crate::failure::Failure;
use crate::output::{self, Format, grouped};
use crate::scrape::Scrape;

use super::load::{self, Loaded, Ready};
use super::{Bench, Case};

use self::company::Company;
pub(super) use self::timeline::Timeline;

use self::timeline::Moments;
use self::traces::{Explained, Traces};

/// Small segments, few of them kept: something rolls and is deleted all the time.
const SEGMENT_BYTES: &str = "16MiB";
const RETENTION_BYTES: &str = "96MiB";
/// How long the broker is driven as hard as it goes, in company, when no rate is given: half of that is the rate.
const CALIBRATION: Duration = Duration::from_secs(5);
/// How long one span is.
const EVERY: Duration = Duration::from_secs(5);
/// How many of the slowest moments are told of.
const WORST_MAX: usize = 20;
/// The project's aims: p999, and the slowest of all.
const AIM_P999: Duration = Duration::from_millis(10);
const AIM_MAX: Duration = Duration::from_millis(50);

/// Runs it, and prints what it found.
pub(super) async fn run(mut bench: Bench, context: Context) -> Result<ExitCode, Failure> {
    let client = Client::connect(context.bootstrap.as_str()).await?;
    let case = super::cases(&bench)[0];
    let topic = format!("ottla-soak-{}", std::process::id());
    let new = NewTopic::new(&topic).partitions(case.partitions);
    let new = new.set("durability", case.durability.name());
    let new = new.set("segment.bytes", SEGMENT_BYTES).set("retention.bytes", RETENTION_BYTES);
    client.admin().create_topic(new).await?;
    let soaked = soak(&mut bench, &context, &topic, case).await;
    if !bench.keep {
        client.admin().delete_topic(&topic).await?;
    }
    soaked?.print(context.output)?;
    Ok(ExitCode::SUCCESS)
}

async fn soak(
    bench: &mut Bench,
    context: &Context,
    topic: &str,
    case: Case,
) -> Result<Soaked, Failure> {
    let company = Company::start(&context.bootstrap, topic);
    let mut ready = load::warm_up(bench, &context.bootstrap, topic, case).await?;
    let rate = match bench.rate {
        Some(rate) => rate,
        None => half_of_all(bench, &ready, case).await?,
    };
    bench.rate = Some(rate);
    eprintln!(
        "{} records a second of {} for {:?}",
        grouped(rate),
        case.record_bytes,
        bench.duration
    );
    let timeline = Arc::new(Timeline::start());
    ready.watch(Arc::clone(&timeline));
    let naps = Arc::clone(&timeline);
    let napping = tokio::task::spawn_blocking(move || naps.nap());
    let mut watcher = Watcher::new(bench, timeline, context.output);
    let done = Notify::new();
    let run = async {
        let loaded = ready.run(bench, case).await;
        done.notify_one();
        loaded
    };
    let (loaded, ()) = tokio::join!(run, watcher.run(&company, &done));
    company.stop();
    watcher.timeline.stop();
    napping.await.map_err(|error| Failure::new(error.to_string()))?;
    let Watcher { rows, worst, .. } = watcher;
    Ok(Soaked { rate, rows, worst, loaded: loaded?, case: super::report::case_of(case, bench) })
}

async fn half_of_all(bench: &Bench, ready: &Ready, case: Case) -> Result<u64, Failure> {
    eprintln!("as fast as it goes for {CALIBRATION:?}, to find half of that ...");
    let sent = ready.send(bench, case, CALIBRATION).await?.len();
    Ok((sent / CALIBRATION.as_secs() / 2).max(1))
}

/// Looks at everything, span by span.
struct Watcher {
    http: String,
    timeline: Arc<Timeline>,
    format: Format,
    traces: Traces,
    last: Option<Scrape>,
    rows: Vec<Row>,
    worst: Vec<Explained>,
}

/// One span.
struct Row {
    moments: Moments,
    /// What the broker did in it, by name.
    did: Vec<(&'static str, f64)>,
    company: String,
}

/// What the broker did, and the counters that say so.
const DONE: [(&str, &str); 6] = [
    ("rounds", "ottla_journal_rounds_total"),
    ("straight", "ottla_straight_writes_total"),
    ("fills", "ottla_fills_total"),
    ("checkpoints", "ottla_checkpoints_total"),
    ("rolled", "ottla_segments_closed_total"),
    ("deleted", "ottla_segments_deleted_total"),
];

impl Watcher {
    fn new(bench: &Bench, timeline: Arc<Timeline>, format: Format) -> Self {
        Self {
            http: bench.http.clone(),
            timeline,
            format,
            traces: Traces::default(),
            last: None,
            rows: Vec::new(),
            worst: Vec::new(),
        }
    }

    async fn run(&mut self, company: &Company, done: &Notify) {
        self.last = Scrape::take(&self.http).await.ok();
        while tokio::time::timeout(EVERY, done.notified()).await.is_err() {
            self.look(company).await;
        }
        self.look(company).await;
    }

    /// Ends a span. A broker without metrics is watched from here alone.
    async fn look(&mut self, company: &Company) {
        let moments = self.timeline.take();
        self.traces.take(&self.http).await;
        let now = Scrape::take(&self.http).await.ok();
        let did = match (&self.last, &now) {
            (Some(last), Some(now)) => DONE.map(|(name, c)| (name, now.grown(last, c))).to_vec(),
            _ => Vec::new(),
        };
        self.last = now;
        let explained = moments.slowest.iter().map(|slow| self.traces.explain(slow, &moments));
        self.worst.extend(explained);
        self.worst.sort_by_key(|slow| std::cmp::Reverse(slow.took));
        self.worst.truncate(WORST_MAX);
        let row = Row { moments, did, company: company.so_far() };
        // Who pipes this into something that ends early wants the rest all the same.
        let _ = self.print(&row);
        self.rows.push(row);
    }

    fn print(&self, row: &Row) -> Result<(), Failure> {
        if self.format == Format::Json {
            return Ok(());
        }
        if self.rows.is_empty() {
            output::line("seconds  records/s   p50 ms   p99 ms  p999 ms   max ms  late ms")?;
        }
        output::line(&row.line())
    }
}

fn millis(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1000.0
}

impl Row {
    fn line(&self) -> String {
        let Moments { latency, seconds, late, until, .. } = &self.moments;
        let did = self.did.iter().map(|(name, count)| format!("{name} {count:.0}"));
        format!(
            "{until:7.0} {:>10} {:8.2} {:8.2} {:8.2} {:8.2} {:8.2}  {}; {}",
            grouped((latency.len() as f64 / seconds) as u64),
            millis(latency, 0.5),
            millis(latency, 0.99),
            millis(latency, 0.999),
            millis(latency, 1.0),
            late.as_secs_f64() * 1e3,
            did.collect::<Vec<_>>().join(" "),
            self.company,
        )
    }

    fn json(&self) -> Value {
        let Moments { latency, seconds, late, until, .. } = &self.moments;
        let did = self.did.iter().map(|(name, count)| ((*name).to_owned(), json!(count)));
        json!({
            "until_seconds": until, "records_per_second": latency.len() as f64 / seconds,
            "p50_ms": millis(latency, 0.5), "p99_ms": millis(latency, 0.99),
            "p999_ms": millis(latency, 0.999), "max_ms": millis(latency, 1.0),
            "late_ms": late.as_secs_f64() * 1e3,
            "broker": did.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Everything that was found.
struct Soaked {
    rate: u64,
    rows: Vec<Row>,
    worst: Vec<Explained>,
    loaded: Loaded,
    case: Value,
}

impl Soaked {
    fn print(&self, format: Format) -> Result<(), Failure> {
        if format == Format::Json {
            return output::say(format, &self.json(), "");
        }
        let latency = &self.loaded.latency;
        output::line(&format!(
            "all: {} records at {} a second: p50 {:.2} ms, p99 {:.2}, p999 {:.2}, p9999 {:.2}, max {:.2}",
            grouped(self.loaded.records),
            grouped((self.loaded.records as f64 / self.loaded.seconds) as u64),
            millis(latency, 0.5),
            millis(latency, 0.99),
            millis(latency, 0.999),
            millis(latency, 0.9999),
            millis(latency, 1.0),
        ))?;
        output::line(&self.verdict())?;
        output::line("the slowest moments, and what they waited for:")?;
        self.worst.iter().try_for_each(|slow| output::line(&slow.sentence()))
    }

    fn verdict(&self) -> String {
        let latency = &self.loaded.latency;
        let is = |good: bool| if good { "yes" } else { "no" };
        let over = |row: &&Row| millis(&row.moments.latency, 1.0) > AIM_MAX.as_secs_f64() * 1e3;
        format!(
            "p999 below {AIM_P999:?}: {}; nothing above {AIM_MAX:?}: {} ({} of {} spans had something)",
            is(millis(latency, 0.999) < AIM_P999.as_secs_f64() * 1e3),
            is(millis(latency, 1.0) <= AIM_MAX.as_secs_f64() * 1e3),
            self.rows.iter().filter(over).count(),
            self.rows.len(),
        )
    }

    fn json(&self) -> Value {
        let latency = &self.loaded.latency;
        json!({
            "case": self.case, "rate": self.rate, "records": self.loaded.records,
            "p50_ms": millis(latency, 0.5), "p99_ms": millis(latency, 0.99),
            "p999_ms": millis(latency, 0.999), "max_ms": millis(latency, 1.0),
            "spans": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "slowest": self.worst.iter().map(Explained::json).collect::<Vec<_>>(),
        })
    }
}
