//! A broker of Ottla: the release binary with its default settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ottla_client::{Client, ClientConfig, NewTopic};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::job::System;

use super::{Broker, Process, free_port, wait_until_it_answers};

/// How long a broker that starts is waited for before it is asked again.
const ASK_MAX: Duration = Duration::from_millis(500);

pub struct Ottla {
    // Before the directory, so that nothing writes into it any more when it is removed.
    process: Process,
    binary: PathBuf,
    directory: TempDir,
    address: String,
    /// The address of its Kafka door.
    kafka: String,
    runtime: Runtime,
}

impl Ottla {
    /// Starts one in a new directory below `below`, and waits until it answers.
    pub fn start(binary: &Path, below: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("ottla-").tempdir_in(below)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let kafka = format!("127.0.0.1:{}", free_port()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let process = spawn(binary, directory.path(), &address, &kafka)?;
        let mut broker =
            Self { process, binary: binary.to_owned(), directory, address, kafka, runtime };
        wait_until_it_answers(&mut broker)?;
        Ok(broker)
    }

    async fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::connect(self.address.as_str()).await?)
    }
}

fn spawn(binary: &Path, directory: &Path, address: &str, kafka: &str) -> anyhow::Result<Process> {
    let mut command = Command::new(binary);
    // What is set for this program is no setting of the broker's.
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("OTTLA_"))
    {
        command.env_remove(name);
    }
    command.args(["serve", "--grpc", address, "--kafka", kafka, "--http", "off", "--data-dir"]);
    command.arg(directory.join("data")).env("OTTLA_LOG", "warn");
    Process::start(&mut command, &directory.join("log"))
}

impl Broker for Ottla {
    fn system(&self) -> System {
        System::Ottla
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn bootstrap(&self, client: System) -> String {
        match client {
            System::Ottla => self.address.clone(),
            System::Kafka => self.kafka.clone(),
        }
    }

    fn data(&self) -> &Path {
        self.directory.path()
    }

    fn create_topic(&self, name: &str, partitions: u32, safe: bool) -> anyhow::Result<()> {
        let durability = if safe { "fsync" } else { "relaxed" };
        let topic = NewTopic::new(name).partitions(partitions).set("durability", durability);
        self.runtime.block_on(async {
            self.client().await?.admin().create_topic(topic).await?;
            Ok(())
        })
    }

    fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            self.client().await?.admin().delete_topic(name).await?;
            Ok(())
        })
    }

    fn answers(&self) -> bool {
        // A refused connection costs nothing; a client would pause before it tries again.
        let open = std::net::TcpStream::connect(&self.address).is_ok();
        let asked = async {
            let config = ClientConfig::new(&self.address).request_timeout(ASK_MAX);
            let client = Client::connect(config).await?;
            client.admin().describe_cluster().await
        };
        open && self
            .runtime
            .block_on(async { tokio::time::timeout(ASK_MAX, asked).await.is_ok_and(|a| a.is_ok()) })
    }

    fn start_again(&mut self) -> anyhow::Result<()> {
        self.process.kill();
        self.process = spawn(&self.binary, self.directory.path(), &self.address, &self.kafka)?;
        wait_until_it_answers(self)
    }
}
