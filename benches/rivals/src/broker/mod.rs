//! The brokers under measurement: processes on loopback with a temporary directory of their own, ended always.

pub mod kafka;
pub mod ottla;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::job::System;

pub use kafka::KafkaHome;

/// Longest wait for a broker to serve.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a broker may take to stop by itself.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A running broker.
pub trait Broker {
    fn system(&self) -> System;
    fn process(&mut self) -> &mut Process;
    /// Where clients of this system connect.
    fn bootstrap(&self, client: System) -> String;
    /// Where its files are.
    fn data(&self) -> &Path;
    /// Makes a topic; `safe` says whether every acknowledged byte is on stable storage.
    fn create_topic(&self, name: &str, partitions: u32, safe: bool) -> anyhow::Result<()>;
    fn delete_topic(&self, name: &str) -> anyhow::Result<()>;
    /// Whether it answers a client.
    fn answers(&self) -> bool;
    /// Starts it again after it ended.
    fn start_again(&mut self) -> anyhow::Result<()>;
}

/// A process that does not outlive its owner.
pub struct Process {
    child: Child,
    log: PathBuf,
    begun: Instant,
    /// From its start to its first answer.
    pub ready_after: Duration,
}

impl Process {
    pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let to = std::fs::File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(to.try_clone()?).stderr(to);
        let name = command.get_program().to_string_lossy().into_owned();
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, log: log.to_owned(), begun, ready_after: Duration::ZERO })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has ended, with the end of its log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the broker ended: {status}\n{}", self.last_words());
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub fn kill(&mut self) {
        // Ended already, when it fails.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }

    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ended = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until a broker answers.
pub fn wait_until_it_answers(broker: &mut dyn Broker) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !broker.answers() {
        broker.process().check()?;
        if begun.elapsed() > START_MAX {
            bail!(
                "the broker did not answer within {START_MAX:?}; its log ends so:\n{}",
                broker.process().last_words()
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let process = broker.process();
    process.ready_after = process.begun.elapsed();
    Ok(())
}

/// A port that nobody listens on just now.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A broker of ten thousand partitions has as many files open: as many as this process may.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    // Where it is refused, a broker of many partitions says so.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
}
