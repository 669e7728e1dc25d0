//! Apache Kafka: one node in KRaft mode on loopback, from a distribution or a directory of its jars.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tempfile::TempDir;

use crate::job::System;

use super::{Broker, Process, free_port, wait_until_it_answers};

/// The broker's heap.
pub const HEAP: &str = "1g";
/// The heap of one of its tools.
const TOOL_HEAP: &str = "512m";
/// An identity for its directory: any sixteen bytes, in base64.
const CLUSTER: &str = "b3R0bGEtcml2YWxzLTAwMQ";
/// Longest wait for an answer about topics; ten thousand partitions take Kafka a while.
const ADMIN_MAX: Duration = Duration::from_secs(120);
/// How long it is waited for an answer before it is asked again.
const ASK_MAX: Duration = Duration::from_millis(500);

const LOGGING: &str = r#"<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d %-5p [%c{1}] %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"#;

/// Where Kafka's jars and a Java to run them are.
#[derive(Clone, Debug)]
pub struct KafkaHome {
    jars: PathBuf,
    /// As its jars say.
    pub version: String,
}

impl KafkaHome {
    /// Looks at a distribution (its `libs`) or at a directory of jars.
    ///
    /// # Errors
    /// With what is missing.
    pub fn find(home: Option<&Path>, libs: Option<&Path>) -> anyhow::Result<Self> {
        let jars = match (home, libs) {
            (Some(home), _) => home.join("libs"),
            (None, Some(libs)) => libs.to_owned(),
            (None, None) => bail!(
                "say where Kafka is: --kafka-home DIR (OTTLA_KAFKA_HOME, a distribution) or --kafka-libs DIR \
                 (OTTLA_KAFKA_LIBS, its jars)"
            ),
        };
        let version = version_of(&jars)
            .with_context(|| format!("no kafka-clients-*.jar in {}", jars.display()))?;
        let java = Command::new("java").arg("-version").output();
        if !java.is_ok_and(|java| java.status.success()) {
            bail!("no `java` (17 or later; Debian: apt-get install openjdk-17-jre-headless)");
        }
        Ok(Self { jars, version })
    }

    /// Runs a class of Kafka's.
    pub fn java(&self, heap: &str, options: &[&str], class: &str) -> Command {
        let mut command = Command::new("java");
        command.arg(format!("-Xmx{heap}")).args(options).arg("-cp");
        command.arg(self.jars.join("*")).arg(class);
        command
    }

    /// Runs one of its tools.
    pub fn tool(&self, class: &str) -> Command {
        self.java(TOOL_HEAP, &["-XX:+UseG1GC"], class)
    }
}

fn version_of(jars: &Path) -> Option<String> {
    let names = std::fs::read_dir(jars).ok()?.flatten();
    let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.find_map(|n| Some(n.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned()))
}

pub struct Kafka {
    // Before the directory, so that nothing writes into it any more when it is removed.
    process: Process,
    admin: AdminClient<DefaultClientContext>,
    home: KafkaHome,
    directory: TempDir,
    address: String,
}

impl Kafka {
    /// Starts one in a new directory below `below`, and waits until it answers.
    pub fn start(home: &KafkaHome, below: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("kafka-").tempdir_in(below)?;
        let (port, controller) = (free_port()?, free_port()?);
        let address = format!("127.0.0.1:{port}");
        let settings = settings(directory.path(), port, controller);
        std::fs::write(directory.path().join("server.properties"), settings)?;
        std::fs::write(directory.path().join("log4j2.xml"), LOGGING)?;
        format_storage(home, directory.path())?;
        let process = spawn(home, directory.path())?;
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &address).set("log_level", "0");
        config.set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "50");
        let admin = config.create()?;
        let mut broker = Self { process, admin, home: home.clone(), directory, address };
        wait_until_it_answers(&mut broker)?;
        Ok(broker)
    }
}

/// Threads for the cores there are; everything else as Kafka comes, but that what was deleted goes at once.
fn settings(directory: &Path, port: u16, controller: u16) -> String {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let (network, io) = (cores.max(2), 2 * cores);
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\nlog.dirs={}\n\
         num.network.threads={network}\nnum.io.threads={io}\nlog.segment.delete.delay.ms=100\n\
         offsets.topic.num.partitions=1\noffsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n",
        directory.join("data").display()
    )
}

fn format_storage(home: &KafkaHome, directory: &Path) -> anyhow::Result<()> {
    let settings = directory.join("server.properties");
    let mut tool = home.tool("kafka.tools.StorageTool");
    let done = tool.args(["format", "-t", CLUSTER, "-c"]).arg(settings).output()?;
    if !done.status.success() {
        bail!("Kafka does not format its directory: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn spawn(home: &KafkaHome, directory: &Path) -> anyhow::Result<Process> {
    let logging = format!("-Dlog4j2.configurationFile={}", directory.join("log4j2.xml").display());
    let least = format!("-Xms{HEAP}");
    // As Kafka's own start script has it.
    let options = [
        least.as_str(),
        "-server",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExplicitGCInvokesConcurrent",
        logging.as_str(),
    ];
    let mut command = home.java(HEAP, &options, "kafka.Kafka");
    command.arg(directory.join("server.properties"));
    Process::start(&mut command, &directory.join("log"))
}

impl Broker for Kafka {
    fn system(&self) -> System {
        System::Kafka
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn bootstrap(&self, _client: System) -> String {
        self.address.clone()
    }

    fn data(&self) -> &Path {
        self.directory.path()
    }

    fn create_topic(&self, name: &str, partitions: u32, safe: bool) -> anyhow::Result<()> {
        let mut topic = NewTopic::new(name, i32::try_from(partitions)?, TopicReplication::Fixed(1));
        if safe {
            topic = topic.set("flush.messages", "1");
        }
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN_MAX)).operation_timeout(Some(ADMIN_MAX));
        let made = block_on(self.admin.create_topics([&topic], &options))?;
        made.into_iter().try_for_each(|one| {
            one.map(drop)
                .map_err(|(name, code)| anyhow::anyhow!("Kafka does not make {name}: {code}"))
        })
    }

    fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        let options =
            AdminOptions::new().request_timeout(Some(ADMIN_MAX)).operation_timeout(Some(ADMIN_MAX));
        let gone = block_on(self.admin.delete_topics(&[name], &options))?;
        gone.into_iter().try_for_each(|one| {
            one.map(drop).map_err(|(name, code)| anyhow::anyhow!("Kafka keeps {name}: {code}"))
        })
    }

    fn answers(&self) -> bool {
        let open = std::net::TcpStream::connect(&self.address).is_ok();
        let metadata = || self.admin.inner().fetch_metadata(None, ASK_MAX);
        open && metadata().is_ok_and(|metadata| !metadata.brokers().is_empty())
    }

    fn start_again(&mut self) -> anyhow::Result<()> {
        self.process.kill();
        self.process = spawn(&self.home, self.directory.path())?;
        wait_until_it_answers(self)
    }
}
