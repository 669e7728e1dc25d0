//! Which stage bounds a run: how busy each one was, and where a record's time went.
//!
//! The client is known from inside, the broker's stages from its metrics before and after. The rules, first match: a client
//! whose buffer never filled bounds the run itself; batches that waited for room wait for fills; a thread that was always
//! busy is a bound, and so are cores that were; where nothing was busy, it was the way between the two.

use serde_json::{Value, json};

use crate::scrape::{Scrape, Spread};

use super::load::Loaded;
use super::reading::ReadBack;

/// A thread that works this much of the time has no more to give.
const BUSY: f64 = 0.75;
/// Cores that work this much of the time have no more to give.
const CORES_BUSY: f64 = 0.9;
/// Batches that wait for room this much of the time are held back by it.
const ROOM_WAIT: f64 = 0.1;

/// What was found of one direction of a run.
pub(super) struct Bound {
    verdict: &'static str,
    why: String,
    /// Names and figures, for people and programs.
    stages: Vec<(&'static str, f64)>,
    /// Where the mean record's milliseconds went, of produced ones.
    millis: Vec<(&'static str, f64)>,
}

/// The broker before and after, when its metrics can be reached.
pub(super) struct Looks {
    pub(super) before: Option<Scrape>,
    pub(super) after: Option<Scrape>,
}

/// How much of the time each thing was busy: 1.0 is one thread, or one batch, always.
#[derive(Default)]
struct Shares {
    cores: f64,
    client: f64,
    broker: f64,
    others: f64,
    room: f64,
    journal: f64,
    straight: f64,
    fill: f64,
    files: f64,
    memory: f64,
}

impl Looks {
    fn spread(&self, name: &str) -> Spread {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => after.spread(before, name),
            _ => Spread::default(),
        }
    }

    fn broker_millis(&self) -> f64 {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                after.grown(before, "ottla_process_cpu_milliseconds_total")
            }
            _ => 0.0,
        }
    }

    fn are_there(&self) -> bool {
        self.before.is_some() && self.after.is_some()
    }

    fn shares(&self, seconds: f64, machine_cpu: f64, own_cpu: f64) -> Shares {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let busy = |name: &str| self.spread(name).sum / seconds;
        let client = own_cpu / seconds;
        let broker = self.broker_millis() / 1000.0 / seconds;
        Shares {
            cores: machine_cpu / seconds / cores,
            client,
            broker,
            others: (machine_cpu / seconds - client - broker).max(0.0),
            room: busy("ottla_produce_room_wait_seconds"),
            journal: busy("ottla_journal_round_seconds"),
            straight: busy("ottla_straight_seconds"),
            fill: busy("ottla_fill_seconds"),
            files: busy("ottla_fetch_cold_seconds"),
            memory: busy("ottla_fetch_tail_seconds"),
        }
    }
}

/// Of what was sent. `paced` says that there was a rate, which then is the bound if it was kept.
pub(super) fn of_producing(loaded: &Loaded, looks: &Looks, paced: bool) -> Bound {
    let shares = looks.shares(loaded.seconds, loaded.machine_cpu, loaded.own_cpu);
    let (verdict, why) = match paced && loaded.waits_for_room == 0 {
        true => ("the wanted rate", "everything kept up with it".to_owned()),
        false => producing(&shares, loaded.waits_for_room, looks.are_there()),
    };
    Bound { verdict, why, stages: shares.named(), millis: millis(loaded, looks) }
}

/// Of what was read back.
pub(super) fn of_reading(read: &ReadBack, looks: &Looks) -> Bound {
    let shares = looks.shares(read.seconds, read.machine_cpu, read.own_cpu);
    let (verdict, why) = reading(&shares, looks.are_there());
    Bound { verdict, why, stages: shares.named(), millis: Vec::new() }
}

fn producing(shares: &Shares, waits_for_room: u64, broker_known: bool) -> (&'static str, String) {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    if waits_for_room == 0 {
        return ("client", "its buffer never filled: it could not send faster".to_owned());
    }
    if shares.room > ROOM_WAIT {
        let why = "batches waited for room until what came before was in its segment";
        return ("fill", format!("{why}, {} of the time", percent(shares.room.min(1.0))));
    }
    let threads =
        [("journal", shares.journal), ("fill", shares.fill), ("journal", shares.straight / 2.0)];
    for (stage, share) in threads {
        if share > BUSY {
            return (stage, format!("its thread was busy {} of the time", percent(share.min(1.0))));
        }
    }
    cores_or_network(shares, broker_known)
}

fn reading(shares: &Shares, broker_known: bool) -> (&'static str, String) {
    if shares.files > BUSY && shares.cores < CORES_BUSY {
        let why = format!("{:.1} reads of files were under way at any time", shares.files);
        return ("fetch", why);
    }
    cores_or_network(shares, broker_known)
}

fn cores_or_network(shares: &Shares, broker_known: bool) -> (&'static str, String) {
    if shares.cores > CORES_BUSY {
        // What is not known to be the broker's is nobody else's on a machine that is measured.
        let elsewhere = if broker_known { "others" } else { "broker" };
        let users =
            [("client", shares.client), ("broker", shares.broker), (elsewhere, shares.others)];
        let (stage, _) = users.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("three");
        let why = format!(
            "every core was busy: the client had {:.2} of them, the broker {:.2}, others and the kernel {:.2}",
            shares.client, shares.broker, shares.others
        );
        return (stage, why);
    }
    match broker_known {
        true => {
            ("network", "neither cores nor threads were busy: what is left is the way".to_owned())
        }
        false => ("unknown", "the broker's metrics could not be reached (--http)".to_owned()),
    }
}

/// Where a record's time went in the mean. What the broker does not see is the client's and the network's.
fn millis(loaded: &Loaded, looks: &Looks) -> Vec<(&'static str, f64)> {
    let mean = |name: &str| looks.spread(name).mean().unwrap_or_default() * 1000.0;
    let (acknowledged, journal) =
        (mean("ottla_produce_ack_seconds"), mean("ottla_journal_round_seconds"));
    let room = looks.spread("ottla_produce_room_wait_seconds").sum * 1000.0;
    let batches = looks.spread("ottla_produce_ack_seconds").count.max(1.0);
    let all = loaded.latency.mean() / 1000.0;
    let journal = journal.min(acknowledged);
    let (room, queue) = (room / batches, acknowledged - journal);
    let rest = (all - acknowledged - room).max(0.0);
    match looks.are_there() {
        true => vec![
            ("client and network", rest),
            ("room", room),
            ("queue", queue),
            ("journal", journal),
        ],
        false => Vec::new(),
    }
}

impl Shares {
    fn named(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("cores", self.cores),
            ("client", self.client),
            ("broker", self.broker),
            ("others", self.others),
            ("room wait", self.room),
            ("journal", self.journal),
            ("straight", self.straight),
            ("fill", self.fill),
            ("fetch from memory", self.memory),
            ("fetch from files", self.files),
        ]
    }
}

impl Bound {
    pub(super) fn json(&self) -> Value {
        let map = |list: &[(&str, f64)]| {
            list.iter().map(|(n, f)| ((*n).to_owned(), json!(f))).collect::<serde_json::Map<_, _>>()
        };
        json!({
            "bound_by": self.verdict, "why": self.why,
            "busy": map(&self.stages), "mean_ms": map(&self.millis),
        })
    }

    /// A line or two.
    pub(super) fn sentence(&self, direction: &str) -> String {
        let busy = self.stages.iter().filter(|(_, share)| *share >= 0.005);
        let busy: Vec<_> =
            busy.map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
        let mut text = format!("{direction} is bound by: {}, because {}", self.verdict, self.why);
        text.push_str(&format!("\n  busy: {}", busy.join(", ")));
        if !self.millis.is_empty() {
            let millis = self.millis.iter().map(|(name, ms)| format!("{name} {ms:.2}"));
            let millis: Vec<_> = millis.collect();
            text.push_str(&format!("\n  milliseconds in the mean: {}", millis.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(shares: &Shares, waits_for_room: u64) -> &'static str {
        producing(shares, waits_for_room, true).0
    }

    #[test]
    fn the_first_rule_that_holds_names_the_stage() {
        let busy = Shares { cores: 0.95, client: 0.7, broker: 1.2, ..Shares::default() };
        assert_eq!(verdict(&busy, 0), "client");
        assert_eq!(verdict(&busy, 9), "broker");
        assert_eq!(verdict(&Shares { journal: 0.9, ..Shares::default() }, 9), "journal");
        assert_eq!(verdict(&Shares { room: 0.4, journal: 0.9, ..Shares::default() }, 9), "fill");
        assert_eq!(verdict(&Shares::default(), 9), "network");
        assert_eq!(reading(&Shares { files: 1.5, ..Shares::default() }, true).0, "fetch");
        assert_eq!(producing(&Shares::default(), 9, false).0, "unknown");
    }
}
