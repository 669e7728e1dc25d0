//! What a running broker tells of itself at its HTTP address, and how it changed between two looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Largest answer that is read; a broker's is some tens of kilobytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// All metrics of a broker at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) at: Instant,
    /// By name, labels included.
    values: BTreeMap<String, f64>,
}

/// What a histogram counted between two looks.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    /// Upper bounds, rising, and how many were at most so much.
    buckets: Vec<(f64, f64)>,
}

impl Scrape {
    /// Asks the broker whose HTTP address this is.
    pub(crate) async fn take(address: &str) -> Result<Self, Failure> {
        let scrape = Self::parse(&get(address, "/metrics").await?);
        if scrape.value("ottla_partitions").is_none() {
            return Err(Failure::new(format!("what answers at {address} is no broker of Ottla")));
        }
        Ok(scrape)
    }

    /// Reads the text format of Prometheus; lines that are none of it are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self { at: Instant::now(), values: values.collect() }
    }

    /// A metric without labels.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// A counter, all of its labels together.
    fn total(&self, name: &str) -> f64 {
        let labelled = format!("{name}{{");
        let with_labels = self.values.range(labelled.clone()..);
        let with_labels = with_labels.take_while(|(n, _)| n.starts_with(&labelled));
        self.value(name).unwrap_or_default() + with_labels.map(|(_, value)| value).sum::<f64>()
    }

    /// How much a counter grew since.
    pub(crate) fn grown(&self, since: &Self, name: &str) -> f64 {
        // A broker that was started again counts from 0.
        (self.total(name) - since.total(name)).max(0.0)
    }

    /// How much a counter grew in a second.
    pub(crate) fn rate(&self, since: &Self, name: &str) -> f64 {
        self.grown(since, name) / self.seconds(since)
    }

    /// How long it is since.
    pub(crate) fn seconds(&self, since: &Self) -> f64 {
        self.at.duration_since(since.at).as_secs_f64().max(1e-3)
    }

    /// What a histogram counted since.
    pub(crate) fn spread(&self, since: &Self, name: &str) -> Spread {
        let begins = format!("{name}_bucket{{le=\"");
        let ours = self.values.range(begins.clone()..);
        let ours = ours.take_while(|(n, _)| n.starts_with(&begins));
        let mut buckets: Vec<(f64, f64)> = ours
            .filter_map(|(key, value)| {
                let bound = key[begins.len()..].trim_end_matches("\"}");
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
                Some((bound, (value - since.value(key).unwrap_or_default()).max(0.0)))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let grown = |what: &str| self.grown(since, &format!("{name}_{what}"));
        Spread { count: grown("count"), sum: grown("sum"), buckets }
    }
}

impl Spread {
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// About the value below which so large a part lies: as if a bucket's were spread evenly.
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = self.count * part;
        let (mut below, mut least) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= wanted && *count > below {
                let within = (wanted - below) / (count - below);
                return Some(if bound.is_finite() {
                    least + (bound - least) * within
                } else {
                    least
                });
            }
            (below, least) = (*count, *bound);
        }
        None
    }
}

/// The body of a page.
pub(crate) async fn get(address: &str, path: &str) -> Result<String, Failure> {
    let asked = tokio::time::timeout(ANSWER_MAX, ask(address, path)).await;
    let answer = asked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|error| {
        Failure::new(format!(
            "no metrics at {address}: {error}; a broker serves them at its HTTP address \
             (ottla serve --http {address}; `off` turns it off), `--http` says here where that is"
        ))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    match status {
        "200" => Ok(body.to_owned()),
        _ => Err(Failure::new(format!("what answers at {address} has no {path} of Ottla's"))),
    }
}

async fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE x histogram\nx_sum 1.0\nx_count 10\nx_bucket{le=\"0.001\"} 10\n\
        x_bucket{le=\"0.01\"} 10\nx_bucket{le=\"+Inf\"} 10\nr_total{reason=\"a\"} 1\n";
    const AFTER: &str = "x_sum 1.5\nx_count 110\nx_bucket{le=\"0.001\"} 60\nx_bucket{le=\"0.01\"} 109\n\
        x_bucket{le=\"+Inf\"} 110\nr_total{reason=\"a\"} 3\nr_total{reason=\"b\"} 2\n# EOF\n";

    #[test]
    fn what_changed_between_two_looks() {
        let (before, after) = (Scrape::parse(BEFORE), Scrape::parse(AFTER));
        assert_eq!(after.grown(&before, "r_total"), 4.0);
        let spread = after.spread(&before, "x");
        assert_eq!((spread.count, spread.mean()), (100.0, Some(0.005)));
        let micros = |part| spread.quantile(part).map(|seconds| (seconds * 1e6).round());
        assert_eq!(micros(0.25), Some(500.0));
        assert_eq!(micros(0.5), Some(1_000.0));
        assert_eq!(micros(0.99), Some(10_000.0));
        assert_eq!(micros(1.0), Some(10_000.0), "beyond the last bound nothing is known");
        assert_eq!(Spread::default().quantile(0.5), None);
    }
}
