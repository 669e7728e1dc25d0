//! A look drawn for people.

use std::fmt::Write as _;

use ottla_model::ByteCount;

use crate::output::grouped;

use super::view::{Budget, Stage, View};

/// How many signs a budget's bar has.
const BAR: usize = 20;
/// To the upper left corner.
const HOME: &str = "\x1b[H";
/// Clears to the end of the line, and to the end of the screen.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The text of a look; over the one before it when it is for a `screen`.
pub(super) fn draw(view: &View, address: &str, screen: bool) -> String {
    let text = text(view, address);
    if !screen {
        return text;
    }
    let lines: Vec<String> = text.lines().map(|line| format!("{line}{CLEAR_LINE}")).collect();
    format!("{HOME}{}\n{CLEAR_BELOW}", lines.join("\n"))
}

fn text(view: &View, address: &str) -> String {
    let mut text = String::new();
    head(&mut text, view, address);
    let _infallible = writeln!(
        text,
        "\nSTAGE                 per second     mean ms      p50 ms      p99 ms    busy"
    );
    for stage in &view.stages {
        stage_line(&mut text, stage);
    }
    text.push_str("\nBUDGET\n");
    for budget in &view.budgets {
        budget_line(&mut text, budget);
    }
    text.push_str("\nBUSIEST PARTITION                         records in/s      bytes in/s     bytes out/s\n");
    for partition in &view.partitions {
        let name = format!("{}-{}", partition.topic, partition.partition);
        let _infallible = writeln!(
            text,
            "{name:<38} {:>15} {:>15} {:>15}",
            count(partition.produce_records),
            bytes(partition.produce_bytes),
            bytes(partition.fetch_bytes)
        );
    }
    if view.partitions.is_empty() {
        text.push_str("(all are idle)\n");
    }
    text
}

fn head(text: &mut String, view: &View, address: &str) {
    let (rates, now) = (&view.rates, &view.now);
    let _infallible = writeln!(
        text,
        "broker at {address}: {:.2} cores, {} resident; {} topics, {} partitions ({} offline), {} connections; over {:.1} s",
        now.cores,
        bytes(now.resident_bytes),
        count(now.topics),
        count(now.partitions),
        count(now.partitions_offline),
        count(now.connections),
        view.seconds
    );
    let _infallible = writeln!(
        text,
        "in    {:>12} records/s  {:>10}/s  {:>9} batches/s  {} refused/s  {} waiting for their acknowledgement",
        count(rates.produce_records),
        bytes(rates.produce_bytes),
        count(rates.produce_batches),
        count(rates.produce_refused),
        count(now.produce_waiting)
    );
    let _infallible = writeln!(
        text,
        "out   {:>12} answers/s  {:>10}/s  {:>9} from memory/s  {} from files/s  {} parked  {} wait for files",
        count(rates.fetches),
        bytes(rates.fetch_bytes),
        count(rates.reads_tail),
        count(rates.reads_cold),
        count(now.fetches_parked),
        count(now.cold_reads_waiting)
    );
    let _infallible = writeln!(
        text,
        "fill  {:>10}/s  {} forced/s",
        bytes(rates.fill_bytes),
        count(rates.forced_fills)
    );
}

fn stage_line(text: &mut String, stage: &Stage) {
    let millis = |figure: Option<f64>| figure.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
    let _infallible = writeln!(
        text,
        "{:<18} {:>13} {:>11} {:>11} {:>11} {:>5.0} %",
        stage.name,
        count(stage.per_second),
        millis(stage.mean_ms),
        millis(stage.p50_ms),
        millis(stage.p99_ms),
        stage.busy * 100.0
    );
}

fn budget_line(text: &mut String, budget: &Budget) {
    let _infallible = match budget.bytes_max.filter(|most| *most > 0.0) {
        None => writeln!(text, "{:<18} {:>13}", budget.name, bytes(budget.bytes)),
        Some(most) => {
            let part = (budget.bytes / most).clamp(0.0, 1.0);
            let full = (part * BAR as f64).round() as usize;
            let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR - full));
            let (now, most) = (bytes(budget.bytes), bytes(most));
            writeln!(
                text,
                "{:<18} {now:>13} of {most:>9} {bar} {:>3.0} %",
                budget.name,
                part * 100.0
            )
        }
    };
}

fn count(number: f64) -> String {
    grouped(number.round() as u64)
}

fn bytes(number: f64) -> String {
    ByteCount(number.round() as u64).to_string()
}

#[cfg(test)]
mod tests {
    use crate::scrape::Scrape;

    use super::*;

    #[test]
    fn a_look_reads_well() {
        let before = Scrape::parse("");
        let mut now = Scrape::parse(
            "ottla_partitions 16\nottla_topics 2\nottla_grpc_connections 3\nottla_produce_records_total 20000\n\
             ottla_produce_bytes_total 20971520\nottla_produce_batches_total 80\nottla_produce_waiting 4\n\
             ottla_produce_ack_seconds_sum 0.16\nottla_produce_ack_seconds_count 80\n\
             ottla_produce_ack_seconds_bucket{le=\"0.0016\"} 40\nottla_produce_ack_seconds_bucket{le=\"0.0032\"} 80\n\
             ottla_journal_round_seconds_sum 0.04\nottla_journal_round_seconds_count 40\n\
             ottla_process_cpu_milliseconds_total 1500\nottla_process_resident_bytes 25165824\n\
             ottla_unfilled_bytes 33554432\nottla_unfilled_bytes_max 67108864\nottla_tail_cache_bytes 1048576\n",
        );
        now.at = before.at + std::time::Duration::from_secs(2);
        let busiest = "# topic partition records bytes bytes\nflights 7 5000.4 5242880 0\n";
        let view = View::between(&before, &now, busiest, 10);
        expect_test::expect![[r#"
            broker at 127.0.0.1:9096: 0.75 cores, 24 MiB resident; 2 topics, 16 partitions (0 offline), 3 connections; over 2.0 s
            in          10,000 records/s      10 MiB/s         40 batches/s  0 refused/s  4 waiting for their acknowledgement
            out              0 answers/s         0 B/s          0 from memory/s  0 from files/s  0 parked  0 wait for files
            fill         0 B/s  0 forced/s

            STAGE                 per second     mean ms      p50 ms      p99 ms    busy
            room wait                      0           -           -           -     0 %
            acknowledge                   40       2.000       1.600       3.168     8 %
            queue                         40       1.000           -           -     4 %
            journal round                 20       1.000           -           -     2 %
            straight write                 0           -           -           -     0 %
            fill                           0           -           -           -     0 %
            fetch, memory                  0           -           -           -     0 %
            fetch, files                   0           -           -           -     0 %

            BUDGET
            unfilled                  32 MiB of    64 MiB ##########..........  50 %
            tail cache                 1 MiB

            BUSIEST PARTITION                         records in/s      bytes in/s     bytes out/s
            flights-7                                        5,000           5 MiB             0 B
        "#]].assert_eq(&text(&view, "127.0.0.1:9096"));
    }
}
