//! Why a record was slow: its own moments, the broker's trace of the acknowledgement that it waited for, and how late
//! the machine was.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use crate::scrape;

use super::timeline::{Moments, Slow};

/// The broker remembers half a minute; this remembers a little more.
const TRACES_MAX: usize = 512;
/// Two clocks are compared, of which one counts milliseconds.
const CLOCKS_MS: f64 = 2.0;

/// The broker's traces, as far as they were seen.
#[derive(Default)]
pub(super) struct Traces {
    all: VecDeque<Trace>,
}

/// One line of the broker's `/slowest`.
#[derive(Clone, PartialEq, Debug)]
struct Trace {
    unix_ms: f64,
    took_ms: f64,
    line: String,
    /// The stages and what was beside them, as the broker wrote them.
    stages: String,
}

/// A slow record, and why it was.
pub(super) struct Explained {
    pub(super) took: Duration,
    /// Seconds since the beginning, when it was acknowledged.
    seconds: f64,
    /// From when it was due until the producer had it.
    handed_ms: f64,
    /// The slowest acknowledgement within that time.
    broker: Option<(f64, String)>,
    /// How late the machine was to wake a sleeping thread meanwhile.
    late_ms: f64,
}

impl Traces {
    /// Asks the broker for what is new.
    pub(super) async fn take(&mut self, http: &str) {
        // A broker that does not tell is not explained.
        let Ok(text) = scrape::get(http, "/slowest").await else { return };
        for trace in text.lines().filter_map(Trace::parse) {
            if !self.all.iter().any(|known| known.line == trace.line) {
                self.all.push_back(trace);
            }
        }
        while self.all.len() > TRACES_MAX {
            self.all.pop_front();
        }
    }

    /// What is known of a slow record.
    pub(super) fn explain(&self, slow: &Slow, moments: &Moments) -> Explained {
        let (due, done) = (moments.unix_ms(slow.due), moments.unix_ms(slow.acknowledged));
        let broker = self.within(due, done).map(|trace| (trace.took_ms, trace.stages.clone()));
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        Explained {
            took: slow.took(),
            seconds: moments.seconds_at(slow.acknowledged),
            handed_ms: millis(slow.handed.duration_since(slow.due)),
            broker,
            late_ms: millis(moments.late_within(slow.due, slow.acknowledged)),
        }
    }

    /// The slowest acknowledgement that began and ended within this time.
    fn within(&self, from: f64, to: f64) -> Option<&Trace> {
        let inside = |trace: &&Trace| {
            trace.unix_ms <= to + CLOCKS_MS && trace.unix_ms - trace.took_ms >= from - CLOCKS_MS
        };
        self.all.iter().filter(inside).max_by(|a, b| a.took_ms.total_cmp(&b.took_ms))
    }
}

impl Trace {
    /// `unix_ms topic partition took_ms stage=ms ...`
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let unix_ms = words.next()?.parse().ok()?;
        let took_ms = words.nth(2)?.parse().ok()?;
        let stages = words.filter(|word| !word.ends_with("=0.000")).collect::<Vec<_>>().join(" ");
        Some(Self { unix_ms, took_ms, line: line.to_owned(), stages })
    }
}

impl Explained {
    pub(super) fn sentence(&self) -> String {
        let took = self.took.as_secs_f64() * 1e3;
        let mut text = format!("{:8.2} s {took:8.2} ms:", self.seconds);
        if self.handed_ms >= 0.1 {
            text.push_str(&format!(" {:.2} until the producer took it,", self.handed_ms));
        }
        match &self.broker {
            Some((millis, stages)) => {
                let rest = (took - self.handed_ms - millis).max(0.0);
                text.push_str(&format!(
                    " broker {millis:.2} ({stages}), client and network {rest:.2}"
                ));
            }
            None => text.push_str(" nothing that slow at the broker: client or network"),
        }
        if self.late_ms > 0.0 {
            text.push_str(&format!(
                "; the machine woke a sleeping thread {:.2} late",
                self.late_ms
            ));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "seconds": self.seconds, "took_ms": self.took.as_secs_f64() * 1e3, "handed_ms": self.handed_ms,
            "broker_ms": self.broker.as_ref().map(|(millis, _)| millis),
            "broker_stages": self.broker.as_ref().map(|(_, stages)| stages),
            "late_ms": self.late_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_trace_within_a_records_time_explains_it() {
        let lines = [
            "# unix_ms topic partition took_ms stages",
            "1000 a 0 12.500 room=0.000 queue=2.500 write=10.000 beside:Fill=8.000",
            "1004 a 1 9.000 write=9.000",
            "1030 a 1 29.000 write=29.000",
        ];
        let all: VecDeque<Trace> = lines.iter().filter_map(|line| Trace::parse(line)).collect();
        assert_eq!(all.len(), 3);
        let traces = Traces { all };
        let within = |from, to| traces.within(from, to).map(|trace| trace.stages.as_str());
        assert_eq!(within(988.0, 1010.0), Some("queue=2.500 write=10.000 beside:Fill=8.000"));
        assert_eq!(within(994.0, 1010.0), Some("write=9.000"));
        assert_eq!(within(1010.0, 1040.0), None, "it began before that");
    }
}
