//! Makes what is here agree with what the metadata says: streams are created and dropped,
//! partitions opened, led, altered and closed.
//!
//! Invariants:
//! - Every step can be repeated: a crash between the metadata's commit and the stream's creation or
//!   drop is mended by the first reconciliation of the next start, which compares everything.
//! - A stream is dropped only when a complete image says that its topic is gone. The metadata stream
//!   itself is never touched.
//! - The table shows an image's changes before `applied` does, so that who waits for an image finds
//!   its partitions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ottla_log::{LogDirectory, Stream, StreamError, StreamSettings};
use ottla_metadata::config::MessageTimestampType;
use ottla_metadata::{Delta, Image, PartitionImage, TopicConfig, TopicImage};
use ottla_model::{Durability, Offset, PartitionId, StreamId, TopicId};
use ottla_partition::ReplicaConfig;
use ottla_record::{BatchRules, TimestampSpans, TimestampType};
use tokio::sync::watch;

use crate::config::BrokerConfig;
use crate::partition::{Partition, Surroundings};
use crate::table::{PartitionTable, TopicEntry};

/// Applies images to a log and a table.
pub(crate) struct Reconciler {
    log: LogDirectory,
    table: Arc<PartitionTable>,
    around: Arc<Surroundings>,
    config: BrokerConfig,
    flushes: bool,
    applied: Arc<Image>,
    published: watch::Sender<Offset>,
}

impl Reconciler {
    pub(crate) fn new(
        log: LogDirectory,
        table: Arc<PartitionTable>,
        around: Arc<Surroundings>,
        config: BrokerConfig,
    ) -> Self {
        let flushes = log.storage_kind().durable;
        let (published, _) = watch::channel(Offset::ZERO);
        Self { log, table, around, config, flushes, applied: Arc::default(), published }
    }

    /// Tells up to which end of the metadata log everything is applied here.
    pub(crate) fn applied(&self) -> watch::Receiver<Offset> {
        self.published.subscribe()
    }

    /// The first image after a start: also drops the streams of topics that were deleted while this
    /// broker was down, or crashed before it could.
    pub(crate) fn begin(&mut self, image: Arc<Image>) {
        let orphans = orphans(&self.log.streams(), &image);
        for stream in &orphans {
            tracing::info!(%stream, "dropping the log of a topic that was deleted");
            self.drop_stream(*stream);
        }
        self.apply(image);
    }

    /// Follows the images until nobody publishes any more.
    pub(crate) async fn run(mut self, mut images: watch::Receiver<Arc<Image>>) {
        loop {
            let image = Arc::clone(&images.borrow_and_update());
            self.apply(image);
            if images.changed().await.is_err() {
                return;
            }
        }
    }

    fn apply(&mut self, image: Arc<Image>) {
        let delta = Delta::between(&self.applied, &image);
        let mut put = Vec::new();
        for topic in &delta.created {
            put.push(self.open_topic(topic, Vec::new()));
        }
        for change in &delta.changed {
            put.push(self.change_topic(&change.after));
        }
        let gone: Vec<_> = delta.deleted.iter().map(|topic| topic.id).collect();
        let closing: Vec<_> = gone.iter().filter_map(|id| self.entry(*id)).collect();
        self.table.update(put, gone);
        for entry in closing {
            self.close_topic(&entry);
        }
        self.applied = image;
        self.published.send_replace(self.applied.end());
    }

    fn entry(&self, id: TopicId) -> Option<Arc<TopicEntry>> {
        self.table.entry(&id.into())
    }

    fn change_topic(&self, topic: &Arc<TopicImage>) -> TopicEntry {
        let before = self.entry(topic.id).map(|entry| entry.partitions.clone());
        self.open_topic(topic, before.unwrap_or_default())
    }

    /// The topic with all its partitions that this broker keeps open, as the image wants them.
    fn open_topic(
        &self,
        topic: &Arc<TopicImage>,
        before: Vec<Option<Arc<Partition>>>,
    ) -> TopicEntry {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        let mut before = before.into_iter();
        for (number, image) in topic.partitions() {
            let open = before.next().flatten();
            partitions.push(self.reconcile(topic, number, image, open));
        }
        TopicEntry { image: Arc::clone(topic), partitions }
    }

    fn reconcile(
        &self,
        topic: &TopicImage,
        number: PartitionId,
        image: &PartitionImage,
        open: Option<Arc<Partition>>,
    ) -> Option<Arc<Partition>> {
        if !image.replicas.contains(&self.config.broker) {
            return None;
        }
        let id = StreamId::new(topic.id, number);
        let partition = match open {
            Some(partition) => {
                self.alter(&partition, topic, image);
                partition
            }
            None => self.open(id, topic, image)?,
        };
        if image.leader == Some(self.config.broker)
            && let Err(error) = partition.become_leader(image.leader_epoch)
        {
            tracing::error!(stream = %id, %error, "cannot lead the partition");
            partition.fail(error.to_string());
        }
        Some(partition)
    }

    fn open(
        &self,
        id: StreamId,
        topic: &TopicImage,
        image: &PartitionImage,
    ) -> Option<Arc<Partition>> {
        let stream = match self.stream(id, &stream_settings(&topic.config)) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(stream = %id, %error, "cannot open the partition");
                return None;
            }
        };
        let config = self.replica_config(id, &topic.config, image);
        let around = Arc::clone(&self.around);
        Some(Arc::new(Partition::open(topic.name.clone(), stream, config, around)))
    }

    /// The stream as it is, or a new one. A crash may have come before its creation, or before a
    /// change of its settings.
    fn stream(&self, id: StreamId, settings: &StreamSettings) -> Result<Arc<Stream>, StreamError> {
        let Some(stream) = self.log.stream(id) else {
            return self.log.create_stream(id, settings.clone());
        };
        // A damaged one keeps its settings; what is left of it is served all the same.
        if stream.settings() != *settings && !stream.is_damaged() {
            stream.alter(settings.clone())?;
        }
        Ok(stream)
    }

    fn alter(&self, partition: &Partition, topic: &TopicImage, image: &PartitionImage) {
        let settings = stream_settings(&topic.config);
        let stream = partition.stream();
        let mut config = self.replica_config(partition.id(), &topic.config, image);
        // What is acknowledged never claims more than the log keeps: it is lowered before the log is, and
        // raised after it, if it is.
        if settings.durability == Durability::Relaxed {
            partition.alter(config.clone());
        }
        if stream.settings() != settings
            && let Err(error) = stream.alter(settings)
        {
            tracing::error!(stream = %partition.id(), %error, "cannot change the log's settings");
        }
        config.durability = stream.settings().durability;
        partition.alter(config);
    }

    fn close_topic(&self, entry: &TopicEntry) {
        for partition in entry.partitions.iter().flatten() {
            partition.close();
            self.drop_stream(partition.id());
        }
    }

    fn drop_stream(&self, stream: StreamId) {
        // Left for the next start when it fails: the directory is offline then.
        if let Err(error) = self.log.drop_stream(stream) {
            tracing::error!(%stream, %error, "cannot drop the log of a deleted topic");
        }
    }

    fn replica_config(
        &self,
        stream: StreamId,
        config: &TopicConfig,
        image: &PartitionImage,
    ) -> ReplicaConfig {
        ReplicaConfig {
            stream,
            broker: self.config.broker,
            durability: config.durability,
            flushes: self.flushes,
            min_insync: config.min_insync(image.replicas.len()),
            rules: BatchRules {
                trust_compressed: config.producers_trusted,
                ..BatchRules::for_client(config.max_message_bytes)
            },
            timestamp_spans: TimestampSpans {
                before_ms_max: millis(config.timestamp_before_max),
                after_ms_max: millis(config.timestamp_after_max),
            },
            timestamp_type: match config.message_timestamp_type {
                MessageTimestampType::CreateTime => TimestampType::CreateTime,
                MessageTimestampType::LogAppendTime => TimestampType::LogAppendTime,
            },
            ack_wait_max: self.config.ack_wait_max,
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The streams that no topic of the image has, the metadata's own aside.
fn orphans(streams: &[StreamId], image: &Image) -> BTreeSet<StreamId> {
    let is_known = |stream: &StreamId| {
        let topic = image.topics().get(stream.topic);
        topic.is_some_and(|topic| topic.partition(stream.partition).is_some())
    };
    let candidates = streams.iter().filter(|stream| **stream != StreamId::METADATA);
    candidates.filter(|stream| !is_known(stream)).copied().collect()
}

fn stream_settings(config: &TopicConfig) -> StreamSettings {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    StreamSettings {
        durability: config.durability,
        segment_bytes: config.segment_bytes,
        segment_ms: millis(config.segment_age),
        retention_bytes: config.retention_bytes,
        retention_ms: config.retention.map(millis),
    }
}
