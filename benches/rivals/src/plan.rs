//! What is measured: rows, each with its contestants, and the choices of them.

use clap::ValueEnum;
use serde::Serialize;

use crate::job::System;

/// Who takes part in a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// Ottla, every acknowledged record on stable storage; many records a call
    OttlaFsync,
    /// The same, one call and one delivery a record
    OttlaFsyncEach,
    /// The same broker by librdkafka, through its Kafka door
    OttlaFsyncKafka,
    /// Ottla, acknowledged when the kernel has it, as Kafka does by default
    OttlaRelaxed,
    /// Kafka as it comes, which flushes nothing, by librdkafka
    Kafka,
    /// Kafka with flush.messages=1, by librdkafka
    KafkaFlush,
    /// The same broker by the Java client's own tools, through its Kafka door
    OttlaFsyncJava,
    /// Kafka as it comes, by the Java client's own tools
    KafkaJava,
    /// Kafka with flush.messages=1, by the Java client's own tools
    KafkaFlushJava,
}

impl Contestant {
    pub const ALL: [Self; 9] = [
        Self::OttlaFsync,
        Self::OttlaFsyncEach,
        Self::OttlaFsyncKafka,
        Self::OttlaRelaxed,
        Self::Kafka,
        Self::KafkaFlush,
        Self::OttlaFsyncJava,
        Self::KafkaJava,
        Self::KafkaFlushJava,
    ];

    /// Those who use the same clients, librdkafka's and Java's.
    const DOOR: [Self; 6] = [
        Self::OttlaFsyncKafka,
        Self::Kafka,
        Self::KafkaFlush,
        Self::OttlaFsyncJava,
        Self::KafkaJava,
        Self::KafkaFlushJava,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::OttlaFsync => "Ottla, fsync",
            Self::OttlaFsyncEach => "Ottla, fsync, one by one",
            Self::OttlaFsyncKafka => "Ottla, fsync, librdkafka",
            Self::OttlaRelaxed => "Ottla, relaxed",
            Self::Kafka => "Kafka, no flush",
            Self::KafkaFlush => "Kafka, flush.messages=1",
            Self::OttlaFsyncJava => "Ottla, fsync, Java",
            Self::KafkaJava => "Kafka, no flush, Java",
            Self::KafkaFlushJava => "Kafka, flush.messages=1, Java",
        }
    }

    pub const fn is_ottla(self) -> bool {
        !matches!(self, Self::Kafka | Self::KafkaFlush | Self::KafkaJava | Self::KafkaFlushJava)
    }

    /// Whether every acknowledged byte is on stable storage.
    pub const fn is_safe(self) -> bool {
        !matches!(self, Self::OttlaRelaxed | Self::Kafka | Self::KafkaJava)
    }

    /// Whether the Java client's own tools are its client.
    pub const fn is_java(self) -> bool {
        matches!(self, Self::OttlaFsyncJava | Self::KafkaJava | Self::KafkaFlushJava)
    }

    /// Those who store in the same way read and wait in the same way: variants of the client sit out.
    const fn is_variant(self) -> bool {
        matches!(self, Self::OttlaFsyncEach | Self::OttlaFsyncKafka) || self.is_java()
    }

    /// Whether there is a reading of its own to measure. Java's tool reads as a member of a group, which Ottla does
    /// not have yet.
    const fn reads(self) -> bool {
        !matches!(self, Self::OttlaFsyncEach | Self::OttlaFsyncJava | Self::KafkaFlushJava)
    }

    /// Whose client it uses.
    pub const fn client(self) -> System {
        match self {
            Self::OttlaFsync | Self::OttlaFsyncEach | Self::OttlaRelaxed => System::Ottla,
            _ => System::Kafka,
        }
    }
}

/// What is done in a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Send; latency until the acknowledgement
    Produce,
    /// Read everything that was sent, from files that no cache holds
    Catchup,
    /// Read it once more
    CatchupAgain,
    /// Send and read at the tail; latency until a record was read
    Tail,
    /// The tail at half rate, while another process reads a backlog from files
    Both,
    /// From the start of the process to its first answer
    Start,
}

impl Workload {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Catchup => "catch up, dropped caches",
            Self::CatchupAgain => "catch up again",
            Self::Tail => "tail",
            Self::Both => "tail beside a catch-up",
            Self::Start => "start",
        }
    }
}

/// How much is sent.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// As fast as it goes.
    Full,
    /// Half of what the same contestant reached as fast as it goes.
    Half,
    /// So many records a second.
    Rate(f64),
}

impl Load {
    pub fn name(self) -> String {
        match self {
            Self::Full => "as fast as it goes".to_owned(),
            Self::Half => "half of that".to_owned(),
            Self::Rate(rate) => format!("{rate:.0}/s"),
        }
    }
}

/// One row.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    pub workload: Workload,
    pub record_bytes: usize,
    pub partitions: u32,
    pub load: Load,
    /// Record by record to the next partition.
    pub turn: bool,
    pub contestants: Vec<Contestant>,
}

/// Which rows there are to choose from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Plan {
    /// Everything: more than an hour with five repetitions
    Full,
    /// What the aims speak of: about four minutes a repetition
    Core,
    /// A few rows, to see whether it works: less than a minute a repetition
    Quick,
    /// What partitions cost: one to ten thousand at one rate, and as fast as it goes
    Partitions,
    /// The same clients, librdkafka's and Java's, on both brokers
    Door,
}

pub const SIZES: [usize; 3] = [100, 1024, 16 * 1024];
pub const PARTITIONS: [u32; 4] = [1, 16, 1_000, 10_000];
/// The rate of a low load.
const LOW: Load = Load::Rate(1_000.0);
/// The rate at which few and many partitions are compared, each record going to the next partition.
const TURN: Load = Load::Rate(50_000.0);

/// Partitions beyond which Kafka sits out, because it takes longer than the row to make and to delete them.
const KAFKA_PARTITIONS_MAX: u32 = 1_000;

impl Row {
    fn new(workload: Workload, record_bytes: usize, partitions: u32, load: Load) -> Self {
        let contestants = Contestant::ALL.into_iter().filter(|c| !c.is_variant()).collect();
        Self { workload, record_bytes, partitions, load, turn: false, contestants }
    }

    /// What a start takes does not hang on how topics are flushed.
    fn start(partitions: u32) -> Self {
        let mut row = Self::new(Workload::Start, 0, partitions, Load::Full);
        row.contestants = vec![Contestant::OttlaFsync, Contestant::Kafka];
        row
    }

    /// With the other ways in and out; what was stored in the same way is read in the same way.
    fn with_variants(mut self) -> Self {
        self.contestants = Contestant::ALL.to_vec();
        self.of_readers()
    }

    /// With those who use Kafka's own clients alone.
    fn through_the_door(mut self) -> Self {
        self.contestants = Contestant::DOOR.to_vec();
        self.of_readers()
    }

    fn of_readers(mut self) -> Self {
        let reads = self.goes_on();
        self.contestants.retain(|c| !reads || c.reads());
        self
    }

    fn turning(mut self) -> Self {
        self.turn = true;
        self
    }

    fn without_many_partitions_of_kafka(mut self) -> Self {
        let many = self.partitions > KAFKA_PARTITIONS_MAX;
        self.contestants.retain(|c| c.is_ottla() || !many);
        self
    }

    /// Whether this row reads what the row before it sent.
    pub const fn goes_on(&self) -> bool {
        matches!(self.workload, Workload::Catchup | Workload::CatchupAgain)
    }

    /// Whether this row makes no sense without the other one, whose records it reads or whose rate it takes half of.
    pub fn needs(&self, other: &Self) -> bool {
        let same = (self.record_bytes, self.partitions) == (other.record_bytes, other.partitions);
        let whole = other.workload == Workload::Produce && other.load == Load::Full;
        same && whole && (self.goes_on() || self.load == Load::Half)
    }

    pub fn title(&self) -> String {
        let size = if self.record_bytes < 1024 {
            format!("{} B", self.record_bytes)
        } else {
            format!("{} KiB", self.record_bytes / 1024)
        };
        let turn = if self.turn { ", each record to the next" } else { "" };
        let (workload, load) = (self.workload.name(), self.load.name());
        match self.workload {
            Workload::Start => format!("{workload}, {} partitions", self.partitions),
            Workload::Catchup | Workload::CatchupAgain => {
                format!("{workload}, {size}, {} partitions", self.partitions)
            }
            _ => format!("{workload}, {size}, {} partitions{turn}, {load}", self.partitions),
        }
    }
}

impl Plan {
    /// The rows in the order of a repetition. Rows at half load come after the row whose half it is.
    pub fn rows(self, kafka_everywhere: bool) -> Vec<Row> {
        let mut rows = match self {
            Self::Full => full(),
            Self::Core => core(),
            Self::Quick => quick(),
            Self::Partitions => partitions(),
            Self::Door => door(),
        };
        if !kafka_everywhere {
            rows = rows.into_iter().map(Row::without_many_partitions_of_kafka).collect();
        }
        rows
    }
}

fn quick() -> Vec<Row> {
    let mut rows = with_reading(1024, 16);
    rows.push(Row::new(Workload::Produce, 1024, 16, Load::Half));
    rows.push(Row::new(Workload::Tail, 1024, 16, LOW));
    rows
}

fn core() -> Vec<Row> {
    let mut rows = vec![Row::start(1)];
    rows.extend(with_reading(1024, 16).into_iter().map(Row::with_variants));
    rows.push(Row::new(Workload::Produce, 1024, 16, Load::Half));
    rows.push(Row::new(Workload::Produce, 1024, 16, LOW));
    rows.push(Row::new(Workload::Tail, 1024, 16, Load::Half));
    rows.push(Row::new(Workload::Tail, 1024, 16, LOW));
    rows.push(Row::new(Workload::Both, 1024, 16, Load::Half));
    rows.extend(with_reading(100, 16).into_iter().take(2).map(Row::with_variants));
    rows.push(Row::new(Workload::Produce, 16 * 1024, 16, Load::Full));
    for partitions in [1, 1_000, 10_000] {
        rows.push(Row::new(Workload::Produce, 1024, partitions, Load::Full));
    }
    for partitions in [16, 10_000] {
        rows.push(Row::new(Workload::Produce, 1024, partitions, TURN).turning());
    }
    rows.push(Row::start(10_000));
    rows
}

/// Record by record to the next partition is the harder half: a batch holds what a partition gets while its last one
/// is under way, so that with ten thousand of them every record is a batch.
fn partitions() -> Vec<Row> {
    let mut rows = Vec::new();
    for partitions in PARTITIONS {
        rows.push(Row::new(Workload::Produce, 1024, partitions, Load::Full));
        rows.push(Row::new(Workload::Produce, 1024, partitions, TURN).turning());
        rows.push(Row::new(Workload::Produce, 1024, partitions, Load::Full).turning());
    }
    rows.push(Row::start(10_000));
    rows
}

fn door() -> Vec<Row> {
    let mut rows = with_reading(1024, 16);
    rows.push(Row::new(Workload::Produce, 1024, 16, Load::Half));
    rows.push(Row::new(Workload::Produce, 1024, 16, LOW));
    rows.push(Row::new(Workload::Produce, 100, 16, Load::Full));
    rows.into_iter().map(Row::through_the_door).collect()
}

fn full() -> Vec<Row> {
    let mut rows = Vec::new();
    for partitions in PARTITIONS {
        rows.push(Row::start(partitions));
        for size in SIZES {
            rows.extend(with_reading(size, partitions).into_iter().map(Row::with_variants));
            for workload in [Workload::Produce, Workload::Tail] {
                for load in [Load::Half, LOW] {
                    rows.push(Row::new(workload, size, partitions, load));
                }
            }
            rows.push(Row::new(Workload::Tail, size, partitions, Load::Full));
            rows.push(Row::new(Workload::Both, size, partitions, Load::Half));
        }
        rows.push(Row::new(Workload::Produce, 1024, partitions, TURN).turning());
    }
    rows
}

fn with_reading(record_bytes: usize, partitions: u32) -> Vec<Row> {
    [Workload::Produce, Workload::Catchup, Workload::CatchupAgain]
        .map(|workload| Row::new(workload, record_bytes, partitions, Load::Full))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_after_its_whole_and_every_reading_after_its_writing() {
        for plan in [Plan::Full, Plan::Core, Plan::Quick, Plan::Partitions, Plan::Door] {
            let rows = plan.rows(true);
            for (index, row) in rows.iter().enumerate() {
                let before = &rows[..index];
                if row.load == Load::Half {
                    assert!(before.iter().any(|other| row.needs(other)), "{}", row.title());
                }
                if row.goes_on() {
                    let last = before.last().expect("something was sent");
                    assert!(last.goes_on() || row.needs(last), "{}", row.title());
                    let wrote = |c: &Contestant| last.contestants.contains(c);
                    assert!(row.contestants.iter().all(wrote), "{}", row.title());
                }
            }
        }
    }
}
