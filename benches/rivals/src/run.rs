//! The run: repetition by repetition, row by row, contestant by contestant, so that whatever changes on the machine changes
//! for all of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::broker::kafka::Kafka;
use crate::broker::ottla::Ottla;
use crate::broker::{Broker, KafkaHome};
use crate::job::{Job, Outcome, System, Task};
use crate::machine;
use crate::plan::{Contestant, Load, Row, Workload};
use crate::results::{self, Results, Sample, sample_of};
use crate::{java, limits};

/// What a client process may take beyond the time of its job before it is ended.
const CLIENT_PATIENCE: Duration = Duration::from_secs(90);
/// How long a reader may take.
const READ_SECONDS_MAX: f64 = 30.0;
/// How long a broker is left alone after a load, so that what it still does is counted as its cost.
const AFTERMATH: Duration = Duration::from_millis(300);
/// How long a broker has been idle when its memory is looked at after a start.
const IDLE: Duration = Duration::from_secs(1);

const WARM_UP_TOPIC: &str = "rivals-warm-up";

/// What stays the same over a run.
pub struct Settings {
    pub ottla: Option<PathBuf>,
    pub kafka: Option<KafkaHome>,
    /// Where brokers and limits keep their files.
    pub directory: PathBuf,
    pub repetitions: usize,
    pub seconds: f64,
    pub limits: bool,
    /// How long every broker is warmed up before the first measurement.
    pub warm_up: f64,
    /// When nothing new is begun any more.
    pub budget: Duration,
}

/// The run under way.
pub struct Run {
    settings: Settings,
    ottla: Option<Box<dyn Broker>>,
    kafka: Option<Box<dyn Broker>>,
    results: Results,
    begun: Instant,
    done: usize,
    topics: usize,
}

impl Run {
    /// Starts the brokers.
    pub fn start(settings: Settings, results: Results) -> anyhow::Result<Self> {
        let mut run = Self {
            settings,
            ottla: None,
            kafka: None,
            results,
            begun: Instant::now(),
            done: 0,
            topics: 0,
        };
        if run.settings.ottla.is_some() {
            run.ottla = Some(run.new_broker(System::Ottla)?);
        }
        if run.settings.kafka.is_some() {
            eprintln!("starting Kafka ...");
            run.kafka = Some(run.new_broker(System::Kafka)?);
        }
        Ok(run)
    }

    fn new_broker(&self, system: System) -> anyhow::Result<Box<dyn Broker>> {
        let below: &Path = &self.settings.directory;
        Ok(match system {
            System::Ottla => {
                let binary = self.settings.ottla.as_ref().context("no binary of Ottla")?;
                Box::new(Ottla::start(binary, below)?)
            }
            System::Kafka => {
                let home = self.settings.kafka.as_ref().context("no Kafka")?;
                Box::new(Kafka::start(home, below)?)
            }
        })
    }

    /// Measures everything, as long as the budget lasts.
    pub fn measure(mut self) -> anyhow::Result<Results> {
        self.warm_up(Contestant::OttlaFsync, self.ottla.is_some())?;
        self.warm_up(Contestant::Kafka, self.kafka.is_some())?;
        let groups = groups(&self.results.rows);
        let wanted: usize = self.results.rows.iter().map(|row| row.contestants.len()).sum();
        let wanted = wanted * self.settings.repetitions;
        for repetition in 0..self.settings.repetitions {
            if self.settings.limits && !self.is_over() {
                self.progress(wanted, "limits of the machine");
                machine::settle();
                let measured =
                    limits::measure(&self.settings.directory, self.settings.seconds.min(1.5))?;
                self.results.add_limits(measured);
            }
            for group in &groups {
                for contestant in self.results.rows[group[0]].contestants.clone() {
                    if self.is_over() {
                        let budget = self.settings.budget;
                        self.results.skipped.push(format!(
                            "from repetition {} on, what did not fit into {budget:?}: the last columns say how often each was measured",
                            repetition + 1
                        ));
                        return Ok(self.results);
                    }
                    self.one(group, contestant, wanted);
                }
            }
        }
        Ok(self.results)
    }

    /// Some load before anything counts: a virtual machine of Java compiles what it runs often.
    fn warm_up(&mut self, contestant: Contestant, there: bool) -> anyhow::Result<()> {
        if !there || self.settings.warm_up <= 0.0 {
            return Ok(());
        }
        eprintln!("warming up: {}", contestant.name());
        let seconds = self.settings.warm_up;
        let broker = self.broker(contestant)?;
        broker.create_topic(WARM_UP_TOPIC, 16, false)?;
        let job = Job {
            system: broker.system(),
            task: Task::Produce,
            bootstrap: broker.bootstrap(broker.system()),
            topic: WARM_UP_TOPIC.to_owned(),
            partitions: 16,
            record_bytes: 1024,
            rate: None,
            seconds,
            turn: false,
            each: false,
            records: 0,
        };
        let records = Client::start(&job)?.outcome()?.flow.records;
        Client::start(&Job { task: Task::Read, records, ..job })?.outcome()?;
        broker.delete_topic(WARM_UP_TOPIC)
    }

    fn is_over(&self) -> bool {
        self.begun.elapsed() > self.settings.budget
    }

    fn progress(&self, wanted: usize, what: &str) {
        let elapsed = self.begun.elapsed().as_secs();
        eprintln!("[{}/{wanted}, {elapsed} s] {what}", self.done);
    }

    /// One contestant through the rows of a group; a failure is a result too.
    fn one(&mut self, group: &[usize], contestant: Contestant, wanted: usize) {
        self.topics += 1;
        let topic = format!("rivals-{}", self.topics);
        let mut sent = 0;
        for row in group {
            let (index, row) = (*row, self.results.rows[*row].clone());
            if !row.contestants.contains(&contestant) {
                continue;
            }
            self.progress(wanted, &format!("{}: {}", row.title(), contestant.name()));
            self.done += 1;
            match self.sample(index, &row, contestant, &topic, &mut sent) {
                Ok(sample) => {
                    eprintln!("    {}", in_short(&sample));
                    self.results.add(index, contestant, sample);
                }
                Err(error) => {
                    eprintln!("    FAILED: {error:#}");
                    self.results.fail(index, contestant, format!("{error:#}"));
                    self.revive(contestant);
                    break;
                }
            }
        }
        // Not there when it could not be made; then the next one has a name of its own.
        let _gone = self.broker(contestant).and_then(|broker| broker.delete_topic(&topic));
    }

    fn revive(&mut self, contestant: Contestant) {
        if let Ok(broker) = self.broker(contestant)
            && broker.process().check().is_err()
        {
            // It fails again where it is asked next.
            let _revived = broker.start_again();
        }
    }

    fn broker(&mut self, contestant: Contestant) -> anyhow::Result<&mut Box<dyn Broker>> {
        let broker = if contestant.is_ottla() { &mut self.ottla } else { &mut self.kafka };
        broker.as_mut().context("it was not started")
    }

    fn sample(
        &mut self,
        index: usize,
        row: &Row,
        contestant: Contestant,
        topic: &str,
        sent: &mut u64,
    ) -> anyhow::Result<Sample> {
        match row.workload {
            Workload::Start => return self.start_up(row, contestant),
            Workload::Both => return self.both(index, row, contestant, topic),
            Workload::Produce | Workload::Tail => {
                let broker = self.broker(contestant)?;
                broker.create_topic(topic, row.partitions, contestant.is_safe())?;
            }
            Workload::Catchup => {
                let data = self.broker(contestant)?.data().to_owned();
                machine::drop_caches(&data);
            }
            Workload::CatchupAgain => {}
        }
        machine::settle();
        let rate = self.rate(row, contestant)?;
        let job = self.job(row, contestant, topic, rate, *sent)?;
        let sample = self.measured(contestant, &job)?;
        if row.workload == Workload::Produce {
            *sent = sample.1.flow.records;
        }
        Ok(sample.0)
    }

    /// The wanted rate of a row.
    fn rate(&self, row: &Row, contestant: Contestant) -> anyhow::Result<Option<f64>> {
        match row.load {
            Load::Full => Ok(None),
            Load::Rate(rate) => Ok(Some(rate)),
            Load::Half => {
                let index = self.results.find(|r| row.needs(r)).context("half of nothing")?;
                let full = self.results.figure(index, contestant, results::RECORDS);
                Ok(Some(full.context("the full load was not measured")? / 2.0))
            }
        }
    }

    fn job(
        &mut self,
        row: &Row,
        contestant: Contestant,
        topic: &str,
        rate: Option<f64>,
        records: u64,
    ) -> anyhow::Result<Job> {
        let seconds = self.settings.seconds;
        let broker = self.broker(contestant)?;
        let (task, seconds) = match row.workload {
            Workload::Produce => (Task::Produce, seconds),
            Workload::Tail | Workload::Both => (Task::Tail, seconds),
            Workload::Catchup | Workload::CatchupAgain => (Task::Read, READ_SECONDS_MAX),
            Workload::Start => bail!("a start is no load"),
        };
        Ok(Job {
            system: contestant.client(),
            task,
            bootstrap: broker.bootstrap(contestant.client()),
            topic: topic.to_owned(),
            partitions: row.partitions,
            record_bytes: row.record_bytes,
            rate,
            seconds,
            turn: row.turn,
            each: contestant == Contestant::OttlaFsyncEach,
            records,
        })
    }

    /// Runs a job and looks at its broker meanwhile.
    fn measured(&mut self, contestant: Contestant, job: &Job) -> anyhow::Result<(Sample, Outcome)> {
        let kafka = self.settings.kafka.clone();
        let broker = self.broker(contestant)?;
        let pid = broker.process().pid();
        machine::forget_peak(pid);
        let cpu = machine::cpu_of(pid);
        let outcome = match (contestant.is_java(), job.task) {
            (true, Task::Produce) => java::produce(&kafka.context("no Kafka's tools")?, job)?,
            (true, Task::Read) => java::read(&kafka.context("no Kafka's tools")?, job)?,
            _ => Client::start(job)?.outcome()?,
        };
        broker.process().check()?;
        std::thread::sleep(AFTERMATH);
        let mut sample = sample_of(&outcome, machine::cpu_of(pid) - cpu, job.rate);
        let (resident, peak) = machine::memory_of(pid);
        sample.extend([(results::RESIDENT, resident as f64), (results::PEAK, peak as f64)]);
        Ok((sample, outcome))
    }

    /// A tail at half rate on one topic, while another process reads a backlog of another one from files.
    fn both(
        &mut self,
        index: usize,
        row: &Row,
        contestant: Contestant,
        topic: &str,
    ) -> anyhow::Result<Sample> {
        let rate = self.rate(row, contestant)?;
        let backlog = format!("{topic}-backlog");
        let safe = contestant.is_safe();
        for name in [topic, &backlog] {
            self.broker(contestant)?.create_topic(name, row.partitions, safe)?;
        }
        let filling = Job { task: Task::Produce, ..self.job(row, contestant, &backlog, None, 0)? };
        let filled = Client::start(&filling)?.outcome()?;
        let data = self.broker(contestant)?.data().to_owned();
        machine::drop_caches(&data);
        machine::settle();
        let tail = self.job(row, contestant, topic, rate, 0)?;
        let reading = Job { task: Task::Read, records: filled.flow.records, ..filling };
        let beside = Client::start(&reading)?;
        let sample = self.measured(contestant, &tail);
        let read = beside.outcome();
        let _gone = self.broker(contestant)?.delete_topic(&backlog);
        let (mut sample, _) = sample.with_context(|| self.results.rows[index].title())?;
        sample.insert(results::BESIDE, read?.flow.bytes_per_second());
        // Of two loads together: neither's cost.
        sample.remove(results::BROKER_CPU);
        Ok(sample)
    }

    /// A broker of its own: started in an empty directory, given partitions with a record each, killed, started again.
    fn start_up(&mut self, row: &Row, contestant: Contestant) -> anyhow::Result<Sample> {
        let system = self.broker(contestant)?.system();
        machine::settle();
        let mut broker = self.new_broker(system)?;
        let started = broker.process().ready_after;
        std::thread::sleep(IDLE);
        let (resident, _) = machine::memory_of(broker.process().pid());
        broker.create_topic("start", row.partitions, contestant.is_safe())?;
        let job = Job {
            system,
            task: Task::Produce,
            bootstrap: broker.bootstrap(broker.system()),
            topic: "start".to_owned(),
            partitions: row.partitions,
            record_bytes: 100,
            rate: Some(f64::from(row.partitions)),
            seconds: 1.0,
            turn: true,
            each: false,
            records: 0,
        };
        Client::start(&job)?.outcome()?;
        broker.start_again()?;
        let restarted = broker.process().ready_after;
        std::thread::sleep(IDLE);
        let (resident_with, _) = machine::memory_of(broker.process().pid());
        Ok(Sample::from([
            (results::START, started.as_secs_f64() * 1000.0),
            (results::RESTART, restarted.as_secs_f64() * 1000.0),
            (results::RESIDENT, resident as f64),
            (results::PEAK, resident_with as f64),
        ]))
    }
}

/// Rows that go on with what the row before them sent are measured together with it.
fn groups(rows: &[Row]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if row.goes_on() => group.push(index),
            _ => groups.push(vec![index]),
        }
    }
    groups
}

fn in_short(sample: &Sample) -> String {
    let figures = sample.iter().map(|(name, figure)| {
        let digits = if *figure < 100.0 { 2 } else { 0 };
        format!("{name} {figure:.digits$}")
    });
    figures.collect::<Vec<_>>().join(", ")
}

/// A client's process.
struct Client {
    child: Child,
    until: Instant,
}

impl Client {
    fn start(job: &Job) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("client").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("it was asked for")?;
        stdin.write_all(&serde_json::to_vec(job)?)?;
        let until = Instant::now() + Duration::from_secs_f64(job.seconds) + CLIENT_PATIENCE;
        Ok(Self { child, until })
    }

    fn outcome(mut self) -> anyhow::Result<Outcome> {
        while self.child.try_wait()?.is_none() {
            if Instant::now() > self.until {
                bail!("the client did not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = read_to_end(self.child.stdout.take());
        serde_json::from_str(&said).with_context(|| {
            let stderr = read_to_end(self.child.stderr.take());
            stderr.lines().last().unwrap_or("the client said nothing").to_owned()
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ended already, when it fails.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn read_to_end(from: Option<impl std::io::Read>) -> String {
    let mut text = String::new();
    if let Some(mut from) = from {
        // What could be read is what there is.
        let _read = from.read_to_string(&mut text);
    }
    text
}
