//! Every setting of a server: documented structs, one per component, whose doc comments are the manual.
//!
//! A setting has one name everywhere: `log.tail_cache_bytes` in a file is `tail_cache_bytes` under `[log]`, in the
//! environment `OTTLA_LOG_TAIL_CACHE_BYTES`, as a flag `--set log.tail_cache_bytes=128MiB`. What is set later wins: file,
//! environment, flags. A name that nobody knows is an error with a suggestion.

mod bounds;
mod listen;
mod manual;
mod setting;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ottla_model::ByteCount;

pub use self::listen::{KafkaAddress, KafkaAddresses, ListenAddress};
pub use self::manual::SettingDescription;

use crate::error::StartError;
use crate::memory::Memory;

use self::setting::{Section, settings};

settings! {
    /// One durable node.
    pub struct ServerConfig [""] {
        /// Where the data is kept. Made when it is not there; belongs to one process at a time.
        data_dir: PathBuf = "./ottla-data",
        /// Where the journal is kept, when it is to be on another disk than the data. Empty: with the data.
        journal_dir: Option<PathBuf> = "",
        /// Where gRPC clients connect: address and port, or `off`. Port 0 takes a free one.
        grpc: ListenAddress = "127.0.0.1:9095",
        /// Where Kafka clients connect: addresses and ports, with commas between them, or `off`. A client that has
        /// connected is told where the broker is: at the address that it connected to, unless another is written
        /// behind `=`, as it must be where addresses or ports are translated on the way (a container, a gateway):
        /// `0.0.0.0:9092=broker.example:19092`.
        kafka: KafkaAddresses = "off",
        /// Where health and metrics are served over HTTP: address and port, or `off`.
        http: ListenAddress = "127.0.0.1:9096",
        /// Allow addresses beyond loopback although nobody has to say who they are: whoever reaches the address can
        /// read, write and delete everything.
        insecure_listen: bool = "false",
        /// This broker's number in its cluster. Fixed with the first start of a data directory.
        broker_id: i32 = "1",
        /// How much memory the process may take, at least 256MiB. Everything that holds much of it gets a part, unless a
        /// setting of its own says how much. `auto`: half of what the machine or its container has.
        memory_max: Option<ByteCount> = "auto",
        /// How long a shutdown waits for what was begun before it ends it.
        drain_timeout: Duration = "10s",
    } with {
        /// The storage log.
        log: LogConfig,
        /// What a new topic gets that does not say.
        topics: TopicsConfig,
        /// What gRPC clients may use up.
        grpc_limits: GrpcLimits,
        /// What Kafka clients may use up.
        kafka_limits: KafkaLimits,
    }
}

settings! {
    /// The storage log.
    pub struct LogConfig ["log"] {
        /// How many acknowledged bytes may wait in memory for their segments before producers have to wait. `auto`: a
        /// part of `memory_max`, at most 256MiB.
        unfilled_bytes_max: Option<ByteCount> = "auto",
        /// How many bytes stay in memory for readers at the tail after they were written to their segments. `auto`: a
        /// part of `memory_max`, at most 64MiB.
        tail_cache_bytes: Option<ByteCount> = "auto",
        /// Largest journal round, unless a single batch is larger.
        round_bytes_max: ByteCount = "4MiB",
        /// A partition with this much waiting is written straight into its segment, past the journal, so that large
        /// batches are written once and not twice.
        straight_bytes_min: ByteCount = "256KiB",
        /// That is done while this much or more waits for the journal, of all partitions together. With less, a journal
        /// round takes all of it, and sooner than the flush of a file that has grown.
        straight_backlog_bytes_min: ByteCount = "4MiB",
        /// Size of the journal's first file. Small, so that a first start is instant; it grows by itself.
        journal_bytes_start: ByteCount = "4MiB",
        /// How large the journal may grow. At least twice `unfilled_bytes_max`.
        journal_bytes_max: ByteCount = "512MiB",
        /// Free disk space that is never given to producers, so that what is acknowledged can be written out and
        /// deletion still works on a full disk. Below it, produce is refused until there is room again.
        room_reserve_bytes: ByteCount = "256MiB",
        /// How many segment files are open at a time.
        handles_max: usize = "512",
        /// The longest time that bytes of a `relaxed` topic stay unflushed.
        relaxed_flush_max: Duration = "1s",
        /// How often retention looks for segments to delete.
        retention_interval: Duration = "30s",
        /// How long an idempotent producer is remembered after its last batch.
        producer_expiry: Duration = "1day",
    }
}

settings! {
    /// What a new topic gets that does not say.
    pub struct TopicsConfig ["topics"] {
        /// How many partitions. One keeps the order of the whole topic.
        partitions: u32 = "1",
        /// Whether a topic is made when a Kafka client asks for it by a name that no topic has.
        auto_create: bool = "true",
    }
}

settings! {
    /// What gRPC clients may use up.
    pub struct GrpcLimits ["grpc_limits"] {
        /// Calls that one connection may have open at a time.
        streams_max: u32 = "128",
        /// Bytes of requests, of all connections together, that have not been acted upon; further ones are refused.
        /// `auto`: a part of `memory_max`, at most 256MiB.
        request_bytes_max: Option<ByteCount> = "auto",
        /// Bytes that all connections together may send before they are read. The more connections, the less each of
        /// them may; 64KiB are needed for each. `auto`: a part of `memory_max`, at most 1250MiB.
        receive_bytes_max: Option<ByteCount> = "auto",
        /// Bytes that were read for fetch streams and not sent yet, of all of them together; beyond, each reads one
        /// batch at a time. `auto`: a part of `memory_max`, at most 256MiB.
        answer_bytes_max: Option<ByteCount> = "auto",
        /// Connections open at a time, fewer where `receive_bytes_max` is small; further ones are closed at once.
        connections_max: u32 = "10000",
        /// Calls open at a time, of all connections together; further ones are refused.
        calls_max: usize = "100000",
        /// How long a connection without a call is kept. Clients connect again by themselves.
        idle_max: Duration = "15min",
    }
}

settings! {
    /// What Kafka clients may use up.
    pub struct KafkaLimits ["kafka_limits"] {
        /// Bytes of requests, of all connections together, that are not whole yet or not acknowledged; further ones are
        /// not read until there is room. `auto`: a part of `memory_max`, at most 256MiB.
        request_bytes_max: Option<ByteCount> = "auto",
        /// Bytes of requests that are worked on and of answers that were not taken yet, of all connections together.
        /// `auto`: a part of `memory_max`, at most 256MiB.
        answer_bytes_max: Option<ByteCount> = "auto",
    }
}

impl ServerConfig {
    /// Reads the configuration: defaults, then the file, then `OTTLA_*` of the environment, then `overrides` by name.
    ///
    /// # Errors
    /// [`StartError::Config`] with one sentence: what was wrong, where it was written, and what to write instead.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Self, StartError> {
        let read = file.map(sources::read).transpose().map_err(StartError::Config)?;
        let file = file.zip(read.as_deref());
        let file = file.map(|(path, text)| (path.display().to_string(), text));
        Self::read(file.as_ref().map(|(place, text)| (&**place, *text)), environment, overrides)
    }

    /// The same with the file's text, and what that is called in errors.
    ///
    /// # Errors
    /// Those of [`ServerConfig::load`].
    pub fn read(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Self, StartError> {
        let mut given = Vec::new();
        if let Some((place, text)) = file {
            given.extend(sources::file(place, text).map_err(StartError::Config)?);
        }
        given.extend(sources::environment(environment));
        given.extend(sources::flags(overrides));
        let mut config = Self::default();
        for setting in given {
            config.apply(&setting).map_err(StartError::Config)?;
        }
        config.check().map_err(StartError::Config)?;
        Ok(config)
    }

    /// Every setting with its default and what it does, as a valid configuration file.
    pub fn manual() -> String {
        manual::text()
    }

    /// The same for programs.
    pub fn settings() -> Vec<SettingDescription> {
        manual::settings()
    }

    fn apply(&mut self, given: &sources::Given) -> Result<(), String> {
        let Some(name) = sources::resolve(given) else {
            return Err(sources::unknown(given));
        };
        self.set(&name, &given.value)
            .map_err(|why| format!("{}: `{name} = {}`: {why}", given.place, given.value))
    }

    /// How much memory the process may take: `memory_max`, or what `auto` comes to on this machine.
    pub fn memory_ceiling(&self) -> ByteCount {
        self.memory_max.unwrap_or_else(crate::memory::half_of_the_machine)
    }

    /// What no single setting can see.
    ///
    /// # Errors
    /// One sentence that says what to do.
    pub(crate) fn check(&self) -> Result<(), String> {
        let kafka = self.kafka.0.iter().map(|at| ("kafka", ListenAddress::At(at.listen)));
        for (name, address) in [("grpc", self.grpc), ("http", self.http)].into_iter().chain(kafka) {
            if address.is_beyond_loopback() && !self.insecure_listen {
                return Err(format!(
                    "`{name} = {address}` can be reached from other machines, and nobody there has to say who they \
                     are; listen on 127.0.0.1, or accept that with --insecure-listen (setting insecure_listen = true)"
                ));
            }
        }
        bounds::check(self)?;
        Memory::divide(self).map(drop)
    }
}

#[cfg(test)]
mod tests;
