//! The results for people, as Markdown.

use std::fmt::Write as _;

use crate::limits::Limit;
use crate::plan::{Contestant, Row, Workload};
use crate::results::{self, Results};

/// A column: its heading, and what a contestant has there.
type Column = (&'static str, fn(&Results, usize, Contestant) -> String);

const LOADS: &[Column] = &[
    ("records/s", |r, row, c| figure(r, row, c, results::RECORDS, 1.0, 0)),
    ("MB/s", |r, row, c| figure(r, row, c, results::BYTES, 1e-6, 0)),
    ("of Kafka", of_kafka),
    ("p50 ms", |r, row, c| figure(r, row, c, results::P50, 1e-3, 2)),
    ("p99", |r, row, c| figure(r, row, c, results::P99, 1e-3, 2)),
    ("p999", |r, row, c| figure(r, row, c, results::P999, 1e-3, 2)),
    ("worst", |r, row, c| figure(r, row, c, results::WORST, 1e-3, 1)),
    ("broker cpu-s/GB", |r, row, c| figure(r, row, c, results::BROKER_CPU, 1.0, 2)),
    ("client cpu-s/GB", |r, row, c| figure(r, row, c, results::CLIENT_CPU, 1.0, 2)),
    ("resident MiB", |r, row, c| figure(r, row, c, results::RESIDENT, MEBI, 0)),
    ("peak", |r, row, c| figure(r, row, c, results::PEAK, MEBI, 0)),
    ("n", count),
];

const READS: &[Column] =
    &[LOADS[0], LOADS[1], LOADS[2], LOADS[7], LOADS[8], LOADS[9], LOADS[10], LOADS[11]];

const STARTS: &[Column] = &[
    ("empty, ms", |r, row, c| figure(r, row, c, results::START, 1.0, 0)),
    ("after kill -9, ms", |r, row, c| figure(r, row, c, results::RESTART, 1.0, 0)),
    ("resident MiB, empty", |r, row, c| figure(r, row, c, results::RESIDENT, MEBI, 0)),
    ("with these partitions", |r, row, c| figure(r, row, c, results::PEAK, MEBI, 0)),
    ("n", count),
];

const BESIDE: &[Column] = &[
    LOADS[0],
    LOADS[3],
    LOADS[4],
    LOADS[5],
    LOADS[6],
    ("catch-up MB/s", |r, row, c| figure(r, row, c, results::BESIDE, 1e-6, 0)),
    LOADS[11],
];

const MEBI: f64 = 1.0 / 1024.0 / 1024.0;

/// The whole page.
pub fn markdown(results: &Results) -> String {
    let mut text = String::new();
    let is = |workloads: &'static [Workload]| move |row: &Row| workloads.contains(&row.workload);
    section(&mut text, results, "Produce", LOADS, is(&[Workload::Produce]));
    section(
        &mut text,
        results,
        "Read from files",
        READS,
        is(&[Workload::Catchup, Workload::CatchupAgain]),
    );
    section(&mut text, results, "Tail: from due to read", LOADS, is(&[Workload::Tail]));
    section(&mut text, results, "Tail beside a catch-up", BESIDE, is(&[Workload::Both]));
    section(&mut text, results, "Start to first answer", STARTS, is(&[Workload::Start]));
    limits(&mut text, &results.limits());
    failures(&mut text, results);
    text.push_str("### How it was measured\n\n");
    for line in results
        .settings
        .iter()
        .chain(&results.skipped.iter().map(|s| format!("Skipped: {s}.")).collect::<Vec<_>>())
    {
        let _infallible = writeln!(text, "- {line}");
    }
    text
}

fn section(
    text: &mut String,
    results: &Results,
    title: &str,
    columns: &[Column],
    is: impl Fn(&Row) -> bool,
) {
    let rows: Vec<usize> = (0..results.rows.len())
        .filter(|index| is(&results.rows[*index]) && measured(results, *index).next().is_some())
        .collect();
    if rows.is_empty() {
        return;
    }
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let _infallible = writeln!(text, "### {title}\n\n| | | {} |", headings.join(" | "));
    let _infallible = writeln!(text, "|---|---|{}", "---:|".repeat(columns.len()));
    for row in rows {
        let mut name = results.rows[row].title();
        for contestant in measured(results, row) {
            let cells: Vec<String> =
                columns.iter().map(|(_, cell)| cell(results, row, contestant)).collect();
            let _infallible =
                writeln!(text, "| {name} | {} | {} |", contestant.name(), cells.join(" | "));
            name.clear();
        }
    }
    text.push('\n');
}

fn measured(results: &Results, row: usize) -> impl Iterator<Item = Contestant> + '_ {
    let all = results.rows[row].contestants.iter().copied();
    all.filter(move |c| results.count(row, *c) > 0)
}

fn count(results: &Results, row: usize, contestant: Contestant) -> String {
    results.count(row, contestant).to_string()
}

fn figure(
    results: &Results,
    row: usize,
    who: Contestant,
    name: &str,
    scale: f64,
    digits: usize,
) -> String {
    let figure = results.figure(row, who, name);
    figure.map_or("-".to_owned(), |figure| grouped(figure * scale, digits))
}

/// The ratio to Kafka as it comes, by librdkafka.
fn of_kafka(results: &Results, row: usize, contestant: Contestant) -> String {
    let of = |c| results.figure(row, c, results::RECORDS);
    match (of(contestant), of(Contestant::Kafka)) {
        (Some(ours), Some(kafka)) if kafka > 0.0 => format!("{:.2}", ours / kafka),
        _ => "-".to_owned(),
    }
}

/// A number with its thousands apart.
fn grouped(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    rest.map_or(out.clone(), |rest| format!("{out}.{rest}"))
}

fn limits(text: &mut String, limits: &[Limit]) {
    if limits.is_empty() {
        return;
    }
    text.push_str("### The machine's own limits, in the same run\n\n| | MB/s | cpu-s/GB | p50 ms | p99 | worst |\n|---|---:|---:|---:|---:|---:|\n");
    for limit in limits {
        let of = |pick: fn(crate::job::Latency) -> u64| {
            limit.latency.map_or("-".to_owned(), |l| grouped(pick(l) as f64 / 1000.0, 2))
        };
        let speed = grouped(limit.bytes_per_second / 1e6, 0);
        let _infallible = writeln!(
            text,
            "| {} | {speed} | {:.2} | {} | {} | {} |",
            limit.name,
            limit.cpu_per_gb,
            of(|l| l.p50),
            of(|l| l.p99),
            of(|l| l.worst)
        );
    }
    text.push('\n');
}

fn failures(text: &mut String, results: &Results) {
    let mut heading = Some("### What failed\n\n");
    for (index, row) in results.rows.iter().enumerate() {
        for contestant in &row.contestants {
            if let Some(why) = results.failure(index, *contestant) {
                text.push_str(heading.take().unwrap_or_default());
                let why = why.lines().next().unwrap_or_default();
                let _infallible = writeln!(text, "- {}, {}: {why}", row.title(), contestant.name());
            }
        }
    }
    if heading.is_none() {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        for (number, digits, text) in [
            (999.0, 0, "999"),
            (1234567.8, 0, "1,234,568"),
            (1234.5, 2, "1,234.50"),
            (0.07, 2, "0.07"),
        ] {
            assert_eq!(grouped(number, digits), text);
        }
    }
}
