//! What callers and the driver have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ottla_client::{Client, TopicRoute};
use ottla_model::{PartitionId, TopicName};
use ottla_record::BatchBuilder;
use ottla_runtime::Clock;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, oneshot};

use crate::budget::Budget;
use crate::buffers::{BUFFER_BYTES_MIN, Buffers};
use crate::config::ProducerConfig;
use crate::error::ProducerError;
use crate::gather::Gathering;
use crate::machine::{LineId, TopicKey};

/// Empty builders kept for the next batches. More would hold memory that the budget does not count.
const BUILDERS_KEPT_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: ProducerConfig,
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    /// Wakes the driver.
    pub(crate) wake: Notify,
    /// A batch was filled: the next call lets others run first, the driver above all. Otherwise a
    /// loop of sends on a runtime of one thread would never let anything leave.
    pub(crate) give_way: AtomicBool,
    /// In boxes, in which they go on into a batch: a builder itself has some KiB to move.
    #[allow(clippy::vec_box)]
    builders: Mutex<Vec<Box<BatchBuilder>>>,
    pub(crate) buffers: Arc<Buffers>,
    attention: Mutex<Vec<LineId>>,
    /// Nothing once the driver has ended.
    commands: Mutex<Option<Vec<Command>>>,
    topics: Mutex<Topics>,
}

/// What callers ask of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// These partitions of the topic are new. They come in the order of their lines.
    Add(Arc<Topic>, Vec<Arc<Gathering>>, Arc<TopicRoute>),
    Flush(oneshot::Sender<()>),
    /// Take nothing more; tell when everything is decided.
    Close(Option<oneshot::Sender<()>>),
}

#[derive(Debug, Default)]
struct Topics {
    by_name: BTreeMap<TopicName, Arc<Topic>>,
    count: u32,
    lines: u32,
    closed: bool,
}

/// One topic that is written to.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) key: TopicKey,
    pub(crate) route: Arc<TopicRoute>,
    /// By partition; grows when the topic does.
    pub(crate) partitions: RwLock<Vec<Arc<Gathering>>>,
    /// Where records without a key go for now.
    pub(crate) roaming_at: AtomicU64,
}

/// What the driver counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records_taken: AtomicU64,
    pub(crate) records_delivered: AtomicU64,
    pub(crate) records_failed: AtomicU64,
    pub(crate) batches_delivered: AtomicU64,
    pub(crate) bytes_delivered: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) epoch_bumps: AtomicU64,
    pub(crate) disconnects: AtomicU64,
    pub(crate) waits_for_room: AtomicU64,
    pub(crate) batches_in_flight: AtomicU64,
}

impl Shared {
    pub(crate) fn new(client: Client, config: ProducerConfig) -> Self {
        Self {
            clock: client.clock(),
            client,
            budget: Budget::new(config.buffer_bytes_max),
            config,
            counters: Counters::default(),
            wake: Notify::new(),
            give_way: AtomicBool::new(false),
            builders: Mutex::default(),
            buffers: Arc::default(),
            attention: Mutex::default(),
            commands: Mutex::new(Some(Vec::new())),
            topics: Mutex::default(),
        }
    }

    /// An empty builder, with memory that was used before if possible: it is warm.
    pub(crate) fn builder(&self) -> Box<BatchBuilder> {
        let mut builder = self.builders.lock().pop().unwrap_or_default();
        if builder.room() < BUFFER_BYTES_MIN
            && let Some(buffer) = self.buffers.take()
        {
            builder.use_buffer(buffer);
        }
        builder
    }

    pub(crate) fn keep_builder(&self, builder: Box<BatchBuilder>) {
        let mut builders = self.builders.lock();
        if builders.len() < BUILDERS_KEPT_MAX {
            builders.push(builder);
        }
    }

    /// Has the driver look at a partition.
    pub(crate) fn attend(&self, line: LineId) {
        self.attention.lock().push(line);
        self.give_way.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    pub(crate) fn take_attention(&self) -> Vec<LineId> {
        std::mem::take(&mut self.attention.lock())
    }

    /// Dropped, and with it whoever waits for it, when the driver has ended.
    pub(crate) fn command(&self, command: Command) {
        if let Some(commands) = &mut *self.commands.lock() {
            commands.push(command);
        }
        self.wake.notify_one();
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.commands.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The driver has ended: nobody takes commands any more.
    pub(crate) fn refuse_commands(&self) {
        *self.commands.lock() = None;
    }

    /// The topic of this route, which the driver gets to know if it is new here.
    pub(crate) fn topic(&self, route: &Arc<TopicRoute>) -> Result<Arc<Topic>, ProducerError> {
        let mut topics = self.topics.lock();
        if topics.closed {
            return Err(ProducerError::Closed);
        }
        if let Some(topic) = topics.by_name.get(&route.name).filter(|t| t.route.id == route.id) {
            return Ok(topic.clone());
        }
        let topic = Arc::new(Topic {
            key: TopicKey(topics.count),
            route: route.clone(),
            partitions: RwLock::default(),
            roaming_at: AtomicU64::new(0),
        });
        topics.count += 1;
        topics.by_name.insert(route.name.clone(), topic.clone());
        self.add_partitions(&mut topics, &topic, route);
        Ok(topic)
    }

    /// Gives the topic the partitions that it did not have yet.
    pub(crate) fn grow(&self, topic: &Arc<Topic>, route: &Arc<TopicRoute>) {
        self.add_partitions(&mut self.topics.lock(), topic, route);
    }

    /// Numbers the new lines and tells the driver under one lock, so that it hears of them in order.
    fn add_partitions(&self, topics: &mut Topics, topic: &Arc<Topic>, route: &Arc<TopicRoute>) {
        let mut partitions = topic.partitions.write();
        let first = partitions.len();
        let new = (first..route.leaders.len()).zip(topics.lines..).map(|(partition, line)| {
            let partition = PartitionId(u32::try_from(partition).unwrap_or(u32::MAX));
            let name = route.name.clone();
            Arc::new(Gathering::new(LineId(line), partition, name, route.batch_bytes_max))
        });
        let new: Vec<_> = new.collect();
        topics.lines += new.len() as u32;
        partitions.extend(new.iter().cloned());
        if !new.is_empty() {
            self.command(Command::Add(topic.clone(), new, route.clone()));
        }
    }

    /// Forgets a topic that is gone, so that one made again under its name is another.
    pub(crate) fn forget_topic(&self, topic: &Arc<Topic>) {
        let mut topics = self.topics.lock();
        if topics.by_name.get(&topic.route.name).is_some_and(|known| Arc::ptr_eq(known, topic)) {
            topics.by_name.remove(&topic.route.name);
        }
    }

    /// Takes no more records of any topic.
    pub(crate) fn close(&self, done: Option<oneshot::Sender<()>>) {
        self.topics.lock().closed = true;
        self.command(Command::Close(done));
    }
}
