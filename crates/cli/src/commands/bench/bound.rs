//! Which stage bounds a run: how busy each one was, and where a record's time went.
//!
//! The client is known from inside, the broker's stages from its metrics before and after. The rules, first match: a client
//! whose buffer never filled bounds the run itself; batches that waited for room wait for fills; a thread that was always
//! busy is a bound, and so are cores that were; where nothing was busy, it was the way between the two. A broker whose
//! metrics could not be reached is never accused, and nothing is said of what it did.

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
    /// What is not the client's, where nothing is known of the broker: both of them.
    others: f64,
    /// Nothing where its metrics could not be reached.
    broker: Option<BrokerShares>,
}

/// The same of the broker and its stages.
#[derive(Default)]
struct BrokerShares {
    all: f64,
    room: f64,
    journal: f64,
    /// Of all of its threads together.
    straight: f64,
    straight_threads: f64,
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

    fn are_there(&self) -> bool {
        self.before.is_some() && self.after.is_some()
    }

    fn shares(&self, seconds: f64, machine_cpu: f64, own_cpu: f64) -> Shares {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let client = own_cpu / seconds;
        let broker = self.broker(seconds);
        let known = client + broker.as_ref().map_or(0.0, |broker| broker.all);
        Shares {
            cores: machine_cpu / seconds / cores,
            client,
            others: (machine_cpu / seconds - known).max(0.0),
            broker,
        }
    }

    fn broker(&self, seconds: f64) -> Option<BrokerShares> {
        let (before, after) = self.before.as_ref().zip(self.after.as_ref())?;
        let busy = |name: &str| self.spread(name).sum / seconds;
        Some(BrokerShares {
            all: after.grown(before, "ottla_process_cpu_milliseconds_total") / 1000.0 / seconds,
            room: busy("ottla_produce_room_wait_seconds"),
            journal: busy("ottla_journal_round_seconds"),
            straight: busy("ottla_straight_seconds"),
            straight_threads: after.value("ottla_straight_writes_at_once_max").unwrap_or(1.0),
            fill: busy("ottla_fill_seconds"),
            files: busy("ottla_fetch_cold_seconds"),
            memory: busy("ottla_fetch_tail_seconds"),
        })
    }
}

/// Of what was sent. `paced` says that there was a rate, which then is the bound if it was kept.
pub(super) fn of_producing(loaded: &Loaded, looks: &Looks, paced: bool) -> Bound {
    let shares = looks.shares(loaded.seconds, loaded.machine_cpu, loaded.own_cpu);
    let (verdict, why) = match paced && loaded.waits_for_room == 0 {
        true => ("the wanted rate", "everything kept up with it".to_owned()),
        false => producing(&shares, loaded.waits_for_room),
    };
    Bound { verdict, why, stages: shares.named(), millis: millis(loaded, looks) }
}

/// Of what was read back.
pub(super) fn of_reading(read: &ReadBack, looks: &Looks) -> Bound {
    let shares = looks.shares(read.seconds, read.machine_cpu, read.own_cpu);
    let (verdict, why) = reading(&shares);
    Bound { verdict, why, stages: shares.named(), millis: Vec::new() }
}

fn producing(shares: &Shares, waits_for_room: u64) -> (&'static str, String) {
    if waits_for_room == 0 {
        return ("client", "its buffer never filled: it could not send faster".to_owned());
    }
    let stage = shares.broker.as_ref().and_then(BrokerShares::producing);
    stage.unwrap_or_else(|| cores_or_network(shares))
}

fn reading(shares: &Shares) -> (&'static str, String) {
    let files = shares.broker.as_ref().map_or(0.0, |broker| broker.files);
    if files > BUSY && shares.cores < CORES_BUSY {
        return ("fetch", format!("{files:.1} reads of files were under way at any time"));
    }
    cores_or_network(shares)
}

impl BrokerShares {
    /// The stage that is always busy when something is produced.
    fn producing(&self) -> Option<(&'static str, String)> {
        let percent = |share: f64| format!("{:.0} %", share.min(1.0) * 100.0);
        if self.room > ROOM_WAIT {
            let why = "batches waited for room until what came before was in its segment";
            return Some(("fill", format!("{why}, {} of the time", percent(self.room))));
        }
        let straight = self.straight / self.straight_threads.max(1.0);
        let threads = [("journal", self.journal), ("fill", self.fill), ("straight", straight)];
        let (stage, share) = threads.into_iter().find(|(_, share)| *share > BUSY)?;
        let whose = if stage == "straight" { "its threads were" } else { "its thread was" };
        Some((stage, format!("{whose} busy {} of the time", percent(share))))
    }
}

fn cores_or_network(shares: &Shares) -> (&'static str, String) {
    let (client, others) = (shares.client, shares.others);
    match &shares.broker {
        Some(broker) if shares.cores > CORES_BUSY => {
            let users = [("client", client), ("broker", broker.all), ("others", others)];
            let (stage, _) = users.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("three");
            let why = format!(
                "every core was busy: the client had {client:.2} of them, the broker {:.2}, others and the kernel {others:.2}",
                broker.all
            );
            (stage, why)
        }
        Some(_) => {
            ("network", "neither cores nor threads were busy: what is left is the way".to_owned())
        }
        None if shares.cores > CORES_BUSY && client > others => {
            let why = format!(
                "every core was busy, and it had {client:.2} of them; what the broker did is not known (--http)"
            );
            ("client", why)
        }
        None => ("unknown", "the broker's metrics could not be reached (--http)".to_owned()),
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
        let Self { cores, client, others, broker } = self;
        let mut named = vec![("cores", *cores), ("client", *client)];
        match broker {
            Some(broker) => {
                named.extend([("broker", broker.all), ("others", *others)]);
                named.extend(broker.named());
            }
            None => named.push(("broker and others", *others)),
        }
        named
    }
}

impl BrokerShares {
    fn named(&self) -> [(&'static str, f64); 6] {
        [
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

    fn known(shares: Shares, broker: BrokerShares) -> Shares {
        Shares { broker: Some(broker), ..shares }
    }

    fn produce(broker: BrokerShares) -> &'static str {
        producing(&known(Shares::default(), broker), 9).0
    }

    #[test]
    fn the_first_rule_that_holds_names_the_stage() {
        let cores = || Shares { cores: 0.95, client: 0.7, ..Shares::default() };
        let busy = || known(cores(), BrokerShares { all: 1.2, ..BrokerShares::default() });
        assert_eq!(producing(&busy(), 0).0, "client");
        assert_eq!(producing(&busy(), 9).0, "broker");
        let journal = || BrokerShares { journal: 0.9, ..BrokerShares::default() };
        assert_eq!(produce(journal()), "journal");
        assert_eq!(produce(BrokerShares { room: 0.4, ..journal() }), "fill");
        assert_eq!(produce(BrokerShares::default()), "network");
        let files = BrokerShares { files: 1.5, ..BrokerShares::default() };
        assert_eq!(reading(&known(Shares::default(), files)).0, "fetch");
    }

    #[test]
    fn threads_for_straight_writes_are_busy_when_all_of_them_are() {
        let straight = |straight| {
            produce(BrokerShares { straight, straight_threads: 4.0, ..BrokerShares::default() })
        };
        assert_eq!((straight(2.9), straight(3.1)), ("network", "straight"));
    }

    #[test]
    fn a_broker_that_could_not_be_asked_is_not_accused() {
        let blind = Shares { cores: 1.0, client: 0.6, others: 1.4, broker: None };
        assert_eq!(producing(&blind, 9).0, "unknown");
        assert_eq!(reading(&blind).0, "unknown");
        assert_eq!(producing(&Shares { client: 1.5, others: 0.5, ..blind }, 9).0, "client");
        assert_eq!(producing(&Shares::default(), 9).0, "unknown");
        let named: Vec<_> = Shares::default().named().iter().map(|(name, _)| *name).collect();
        assert_eq!(named, ["cores", "client", "broker and others"]);
    }
}
