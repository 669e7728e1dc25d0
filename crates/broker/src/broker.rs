//! The facade: everything that a door may ask, in domain words. The data path is here; topics and
//! the cluster are in [`crate::admin`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ottla_log::LogDirectory;
use ottla_metadata::{ControllerChannel, Image};
use ottla_model::limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX};
use ottla_model::{LeaderEpoch, Offset, PartitionId, StreamId};
use ottla_partition::Wanted;
use ottla_runtime::{Clock, Metrics, Shutdown, Tasks, Thread, spawn_thread};
use tokio::sync::watch;

use crate::admission::{Admission, Gate};
use crate::busiest::{Busiest, Looks};
use crate::cold::ColdReads;
use crate::config::BrokerConfig;
use crate::error::{Explains as _, FetchError, LookupError, ProduceError};
use crate::housekeeping::Housekeeper;
use crate::metrics::{BrokerMetrics, LogGauges};
use crate::partition::{FetchContext, Partition, Surroundings};
use crate::produce::ProduceAck;
use crate::producer_ids::ProducerIds;
use crate::reconciler::Reconciler;
use crate::request::{FetchRequest, Fetched, OffsetAt, OffsetFound, ProduceRequest, TopicRef};
use crate::slowest::{SlowAck, Slowest};
use crate::storage::StorageListener;
use crate::table::PartitionTable;

/// One broker. Cheap to clone; every clone is the same broker.
#[derive(Clone)]
pub struct Broker(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: BrokerConfig,
    pub(crate) log: LogDirectory,
    pub(crate) table: Arc<PartitionTable>,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) images: watch::Receiver<Arc<Image>>,
    pub(crate) applied: watch::Receiver<Offset>,
    pub(crate) controller: Arc<dyn ControllerChannel>,
    pub(crate) producer_ids: ProducerIds,
    gate: Gate,
    cold: ColdReads,
    looks: Looks,
    /// Requested when the broker takes nothing new.
    draining: Shutdown,
    offline: ArcSwapOption<String>,
    housekeeper: parking_lot::Mutex<Option<Thread>>,
    housekeeper_stop: Arc<AtomicBool>,
}

/// What a broker is started with.
pub struct BrokerParts {
    /// The open log, whose lanes run already.
    pub log: LogDirectory,
    /// The metadata as it is published; the image in it is complete.
    pub images: watch::Receiver<Arc<Image>>,
    /// The way to the controller.
    pub controller: Arc<dyn ControllerChannel>,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// The clock.
    pub clock: Clock,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where the slowest acknowledgements are remembered; the log's threads tell it what they do.
    pub slowest: Arc<Slowest>,
}

impl Broker {
    /// Opens every partition that the metadata gives to this broker, and follows the metadata from
    /// there. The caller makes it a [`StorageListener`] of the log's threads.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub fn start(config: BrokerConfig, parts: BrokerParts) -> io::Result<Self> {
        let BrokerParts { log, images, controller, tasks, clock, metrics, slowest } = parts;
        let around = Arc::new(Surroundings {
            clock,
            panics: tasks.panics().clone(),
            metrics: BrokerMetrics::register(&metrics),
            slowest,
        });
        let table = Arc::new(PartitionTable::default());
        let mut reconciler =
            Reconciler::new(log.clone(), Arc::clone(&table), Arc::clone(&around), config.clone());
        let applied = reconciler.applied();
        let first = Arc::clone(&images.borrow());
        reconciler.begin(first);
        let cold_waiting = around.metrics.cold_waiting.clone();
        let broker = Self(Arc::new(Inner {
            gate: Gate::new(
                &log,
                config.admit_wait_max,
                config.room_reserve,
                clock,
                around.metrics.room_wait.clone(),
            ),
            looks: Looks::default(),
            cold: ColdReads::start(config.cold_read_threads, &around.panics, cold_waiting)?,
            producer_ids: ProducerIds::default(),
            draining: Shutdown::new(),
            offline: ArcSwapOption::empty(),
            housekeeper: parking_lot::Mutex::new(None),
            housekeeper_stop: Arc::default(),
            images: images.clone(),
            config,
            log,
            table,
            around,
            applied,
            controller,
        }));
        tasks.spawn("reconciler", reconciler.run(images));
        broker.start_housekeeper()?;
        broker.show_metrics(&metrics);
        Ok(broker)
    }

    fn start_housekeeper(&self) -> io::Result<()> {
        let housekeeper = Housekeeper {
            log: self.0.log.clone(),
            table: Arc::clone(&self.0.table),
            around: Arc::clone(&self.0.around),
            interval: self.0.config.retention_interval,
            stop: Arc::clone(&self.0.housekeeper_stop),
        };
        let thread = spawn_thread("ottla-keeper", move || housekeeper.run())?;
        *self.0.housekeeper.lock() = Some(thread);
        Ok(())
    }

    /// Figures that are read off the broker when somebody scrapes. The registry outlives a broker,
    /// and so must not keep it alive.
    fn show_metrics(&self, metrics: &Metrics) {
        let gauges = LogGauges::register(metrics);
        let broker = Arc::downgrade(&self.0);
        metrics.on_scrape(move || {
            if let Some(inner) = broker.upgrade() {
                gauges.show(&inner.log.metrics());
                inner.show_gauges();
            }
        });
    }

    /// Waits until there is room for `bytes`, then reserves it. Call it before a batch is taken
    /// from the network, so that a full broker slows its producers down. Cancel-safe.
    ///
    /// # Errors
    /// When the disk has reached its reserve, the directory is offline, or the wait was too long.
    pub async fn admit(&self, bytes: u64) -> Result<Admission, ProduceError> {
        let admitted = match self.0.check_serving() {
            Ok(()) => self.0.gate.admit(&self.0.log, bytes).await,
            Err(error) => Err(error),
        };
        admitted.inspect_err(|error| self.0.around.metrics.refuse(error.code()))
    }

    /// Appends a batch at once, in the order of the calls; the answer resolves when the batch is
    /// as safe as was asked. Dropping the answer does not undo the append.
    pub fn produce(&self, request: ProduceRequest) -> ProduceAck {
        let ProduceRequest { topic, partition, batch, acks, durability, admission } = request;
        let asked = admission.asked();
        let ack = match self.0.check_serving().and_then(|()| Ok(self.find(&topic, partition)?)) {
            Ok(partition) => partition.produce(batch, Wanted { acks, durability }).asked(asked),
            Err(error) => ProduceAck::answered(Err(error)),
        };
        // The log counts the bytes from here on.
        drop(admission);
        if let Some(Err(error)) = ack.ready() {
            self.0.around.metrics.refuse(error.code());
        }
        ack
    }

    /// Reads whole batches; waits at the end of the partition when asked to. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such partition or offset, or the log cannot be read.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let FetchRequest { topic, partition, offset, bytes_max, wait } = request;
        let partition = self.find(&topic, partition)?;
        let context = FetchContext { cold: &self.0.cold, shutdown: &self.0.draining };
        let wait = wait.map(|span| span.min(Duration::from_millis(FETCH_WAIT_MS_MAX)));
        partition.fetch(context, offset, bytes_max.clamp(1, FETCH_BYTES_MAX), wait).await
    }

    /// Resolves when there is something to read at `offset`, for whoever waits for more than one
    /// partition. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such partition or offset, or the broker shuts down.
    pub async fn wait_for_records(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        offset: Offset,
    ) -> Result<(), FetchError> {
        self.find(topic, partition)?.wait_for_records(&self.0.draining, offset).await
    }

    /// Under which reign this broker leads the partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn leader_epoch(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<LeaderEpoch, LookupError> {
        Ok(self.find(topic, partition)?.leader_epoch())
    }

    /// Where `epoch` ended: the largest epoch that is not above it and wrote here, and the offset at
    /// which the next one begins. `None` when it is newer than anything here.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn epoch_end(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        epoch: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, LookupError> {
        Ok(self.find(topic, partition)?.epoch_end(epoch))
    }

    /// Looks an offset up. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such partition, or the log cannot be read.
    pub async fn list_offset(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        at: OffsetAt,
    ) -> Result<OffsetFound, FetchError> {
        self.find(topic, partition)?.list_offset(&self.0.cold, at).await
    }

    /// The largest encoded batch that the topic allows, for those who refuse before they have it
    /// whole.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn batch_bytes_max(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<u64, LookupError> {
        Ok(self.find(topic, partition)?.batch_bytes_max().0)
    }

    pub(crate) fn find(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<Arc<Partition>, LookupError> {
        self.0.table.find(topic, partition, &self.0.images.borrow())
    }

    /// The newest metadata that was published.
    pub fn image(&self) -> Arc<Image> {
        Arc::clone(&self.0.images.borrow())
    }

    /// Whether it serves: `Err` says why not.
    ///
    /// # Errors
    /// When the data directory is offline, or the broker is shutting down.
    pub fn health(&self) -> Result<(), String> {
        self.0.check_serving().map_err(|error| error.to_string())
    }

    /// The partitions that most went through since somebody looked last; see [`Busiest`].
    pub fn busiest(&self) -> Busiest {
        self.0.looks.look(&self.0.table, self.0.around.clock.moment())
    }

    /// The slowest acknowledgements of the last half a minute, the oldest first, and what each waited for.
    pub fn slowest(&self) -> Vec<SlowAck> {
        let name = |stream| Some(self.0.table.get(stream)?.topic().clone());
        self.0.around.slowest.list(name)
    }

    /// What is wrong with the partitions that lost records; they serve what is left.
    pub fn damaged(&self) -> Vec<LookupError> {
        self.0.table.partitions().iter().filter_map(|partition| partition.damaged()).collect()
    }

    /// Takes nothing new, and waits until everything that was appended is acknowledged, at most
    /// `patience`. Whether everything was. Parked fetches are told at once.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.0.draining.request();
        let drained = async {
            while self.0.around.metrics.acks_waiting.get() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(patience, drained).await.is_ok()
    }

    /// Ends what runs beside the tasks. After [`Broker::drain`], before the log is closed.
    pub fn stop(&self) {
        self.0.draining.request();
        self.0.housekeeper_stop.store(true, Ordering::Release);
        if let Some(thread) = self.0.housekeeper.lock().take() {
            thread.unpark();
            thread.join();
        }
    }
}

impl Inner {
    fn check_serving(&self) -> Result<(), ProduceError> {
        if let Some(why) = &*self.offline.load() {
            return Err(ProduceError::DirectoryOffline { why: why.to_string() });
        }
        if self.draining.is_requested() {
            return Err(ProduceError::ShuttingDown);
        }
        Ok(())
    }

    fn show_gauges(&self) {
        let metrics = &self.around.metrics;
        let (topics, _) = self.table.counts();
        let partitions = self.table.partitions();
        let offline = partitions.iter().filter(|p| p.refusal().is_some()).count();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        metrics.topics.set(count(topics));
        metrics.partitions.set(count(partitions.len()));
        metrics.partitions_offline.set(count(offline));
        metrics.admitted.set(i64::try_from(self.gate.admitted()).unwrap_or(i64::MAX));
    }
}

impl StorageListener for Broker {
    fn handle_durable(&self, ends: &[(StreamId, Offset)]) {
        for (stream, end) in ends {
            // None: the metadata's own stream, or one that was just dropped.
            if let Some(partition) = self.0.table.get(*stream) {
                partition.handle_durable(*end);
            }
        }
    }

    fn handle_offline(&self, why: &str) {
        self.0.offline.store(Some(Arc::new(why.to_owned())));
        for partition in self.0.table.partitions() {
            partition.handle_log_stopped(why);
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({})", self.0.config.broker)
    }
}
