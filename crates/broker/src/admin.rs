//! Topics and the cluster: questions are answered from the newest image, changes go to the
//! controller and are waited for until they hold here.

use std::sync::Arc;
use std::time::Duration;

use ottla_log::producers::ProducerState;
use ottla_metadata::request as meta;
use ottla_metadata::request::{ControllerRequest, ControllerResponse};
use ottla_metadata::{Committed, Image, TopicConfig};
use ottla_model::{ByteCount, Offset, PartitionId, ProducerId, TopicId};

use crate::broker::Broker;
use crate::describe::{
    AlterTopicConfig, BrokerDescription, ClusterDescription, ConfigEntry, CreateTopic,
    CreatedTopic, PartitionDescription, ProducerDescription, TopicDescription, TopicSummary,
};
use crate::error::{AdminError, Explains as _, LookupError};
use crate::partition::Partition;
use crate::request::{ProducerIdentity, TopicRef};
use crate::table::TopicEntry;
use crate::translate;

/// How long a change that is committed may take to hold here.
const APPLY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Questions.
impl Broker {
    /// Every topic, in order of names.
    pub fn list_topics(&self) -> Vec<TopicSummary> {
        self.0.table.list().iter().map(|entry| summary(entry)).collect()
    }

    /// One topic, in short.
    ///
    /// # Errors
    /// When there is no such topic.
    pub fn topic(&self, topic: &TopicRef) -> Result<TopicSummary, LookupError> {
        Ok(summary(&*self.entry(topic)?))
    }

    /// One topic, with its partitions and settings.
    ///
    /// # Errors
    /// When there is no such topic.
    pub fn describe_topic(&self, topic: &TopicRef) -> Result<TopicDescription, LookupError> {
        let entry = self.entry(topic)?;
        let partitions = (0..entry.partitions.len()).map(|index| describe(&entry, index));
        Ok(TopicDescription {
            id: entry.image.id,
            name: entry.image.name.clone(),
            internal: false,
            partitions: partitions.collect(),
            config: config_entries(&entry),
        })
    }

    /// One partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn describe_partition(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<PartitionDescription, LookupError> {
        let entry = self.entry(topic)?;
        let index = partition.0 as usize;
        if index < entry.partitions.len() {
            return Ok(describe(&entry, index));
        }
        let partitions = entry.image.partition_count();
        Err(LookupError::UnknownPartition { topic: topic.clone(), partition, partitions })
    }

    /// The idempotent producers that a partition remembers, in order of their ids.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn producers(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<Vec<ProducerDescription>, LookupError> {
        let partition = self.find(topic, partition)?;
        let describe = |(id, state): (ProducerId, &ProducerState)| ProducerDescription {
            id,
            epoch: state.epoch,
            last_sequence: state.batches().last().map(|batch| batch.last),
            last_seen: state.last_seen,
        };
        Ok(partition.stream().with_producers(|table| table.iter().map(describe).collect()))
    }

    /// How large the disk of this broker's data is, and how much of it is free, as far as it says.
    pub fn disk_bytes(&self) -> (Option<u64>, Option<u64>) {
        self.0.log.disk_bytes()
    }

    /// The cluster as this broker sees it.
    pub fn describe_cluster(&self) -> ClusterDescription {
        let image = self.image();
        let brokers = image.brokers().iter().map(|broker| BrokerDescription {
            id: broker.id,
            directory: broker.directory,
            grpc: broker
                .endpoint("grpc")
                .map(|at| format!("{}:{}", at.host, at.port))
                .unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        ClusterDescription {
            cluster_id: self.0.log.identity().cluster,
            this_broker: self.0.config.broker,
            controller: Some(self.0.config.broker),
            brokers: brokers.collect(),
            features: self.features(&image),
            topics: u32::try_from(image.topics().len()).unwrap_or(u32::MAX),
            partitions: u32::try_from(image.topics().partition_count()).unwrap_or(u32::MAX),
        }
    }

    fn features(&self, image: &Image) -> Vec<(String, u32)> {
        let log_format = ("log.format".to_owned(), self.0.log.format_version().into());
        let levels = image.features().iter();
        let features = levels.map(|(name, level)| (name.to_owned(), level.into()));
        std::iter::once(log_format).chain(features).collect()
    }

    fn entry(&self, topic: &TopicRef) -> Result<Arc<TopicEntry>, LookupError> {
        self.0.table.topic(topic, &self.image())
    }
}

/// Changes.
impl Broker {
    /// Makes a topic and waits until this broker serves it.
    ///
    /// # Errors
    /// When the name is taken or a setting is wrong.
    pub async fn create_topic(&self, request: CreateTopic) -> Result<CreatedTopic, AdminError> {
        let CreateTopic { name, partitions, config, validate_only } = request;
        let asked = meta::CreateTopic { name: name.clone(), partitions, config, validate_only };
        let answer = self.submit(ControllerRequest::CreateTopic(asked)).await?;
        match answer {
            ControllerResponse::TopicCreated(created) => Ok(CreatedTopic {
                id: created.id,
                name,
                partitions: created.partitions,
                collides_with: created.collides_with,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Deletes a topic and waits until this broker has closed it.
    ///
    /// # Errors
    /// When there is no such topic.
    pub async fn delete_topic(&self, topic: &TopicRef) -> Result<TopicId, AdminError> {
        let asked = meta::DeleteTopic { topic: translate::topic_ref(topic) };
        match self.submit(ControllerRequest::DeleteTopic(asked)).await? {
            ControllerResponse::TopicDeleted(deleted) => Ok(deleted.id),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives a topic more partitions, `partitions` in all, and waits until this broker serves them.
    ///
    /// # Errors
    /// When there is no such topic, or it has as many already.
    pub async fn add_partitions(
        &self,
        topic: &TopicRef,
        partitions: u32,
        validate_only: bool,
    ) -> Result<(), AdminError> {
        let topic = translate::topic_ref(topic);
        let asked = meta::AddPartitions { topic, partitions, validate_only };
        match self.submit(ControllerRequest::AddPartitions(asked)).await? {
            ControllerResponse::PartitionsAdded(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Changes settings of a topic and waits until they hold here.
    ///
    /// # Errors
    /// When there is no such topic, or a setting is wrong.
    pub async fn alter_topic_config(
        &self,
        topic: &TopicRef,
        change: AlterTopicConfig,
    ) -> Result<(), AdminError> {
        let AlterTopicConfig { set, unset, validate_only } = change;
        let topic = translate::topic_ref(topic);
        let unset = unset.into_iter().collect();
        let asked = meta::AlterTopicConfig { topic, set, unset, validate_only };
        match self.submit(ControllerRequest::AlterTopicConfig(asked)).await? {
            ControllerResponse::TopicConfigAltered(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets the records below `before` (`None`: all that may be seen). Answers where the
    /// partition begins now.
    ///
    /// # Errors
    /// When there is no such partition, or `before` lies beyond its end.
    pub async fn delete_records(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        before: Option<Offset>,
    ) -> Result<Offset, AdminError> {
        self.find(topic, partition)?.delete_records(before).await
    }

    /// A producer identity that nobody has or will have.
    ///
    /// # Errors
    /// When the controller did not answer.
    pub async fn allocate_producer_id(&self) -> Result<ProducerIdentity, AdminError> {
        let inner = &*self.0;
        let (broker, epoch) = (inner.config.broker, inner.config.broker_epoch);
        inner.producer_ids.next(&*inner.controller, broker, epoch).await
    }

    async fn submit(&self, request: ControllerRequest) -> Result<ControllerResponse, AdminError> {
        if let Err(why) = self.health() {
            return Err(AdminError::Unavailable { why });
        }
        let answer = self.0.controller.submit(request).await;
        let Committed { response, end } = answer.map_err(translate::controller_error)?;
        self.applied(end).await?;
        Ok(response)
    }

    /// Waits until everything below `end` of the metadata log holds here.
    async fn applied(&self, end: Offset) -> Result<(), AdminError> {
        let mut applied = self.0.applied.clone();
        let reached = applied.wait_for(|applied| *applied >= end);
        match tokio::time::timeout(APPLY_WAIT_MAX, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AdminError::Late),
        }
    }
}

fn summary(entry: &TopicEntry) -> TopicSummary {
    TopicSummary {
        id: entry.image.id,
        name: entry.image.name.clone(),
        partitions: entry.image.partition_count(),
        internal: false,
    }
}

fn describe(entry: &TopicEntry, index: usize) -> PartitionDescription {
    let image = &entry.image.partitions[index];
    let open = entry.partitions[index].as_ref();
    let offsets = open.map(|partition| partition.offsets());
    PartitionDescription {
        partition: PartitionId(u32::try_from(index).expect("a topic has at most 10,000")),
        leader: image.leader,
        leader_epoch: image.leader_epoch,
        replicas: image.replicas.clone(),
        isr: image.isr.clone(),
        log_start: offsets.map(|o| o.log_start).unwrap_or_default(),
        high_watermark: offsets.map(|o| o.high_watermark).unwrap_or_default(),
        log_end: offsets.map(|o| o.log_end).unwrap_or_default(),
        size: ByteCount(open.map_or(0, |partition| partition.bytes())),
        offline: offline(open.map(|partition| &**partition)),
        damaged: open.is_some_and(|partition| partition.damaged().is_some()),
    }
}

fn offline(open: Option<&Partition>) -> Option<String> {
    match open {
        Some(partition) => partition.refusal().map(|error| format!("{error}; {}", error.advice())),
        None => Some("it is not open at this broker".to_owned()),
    }
}

fn config_entries(entry: &TopicEntry) -> Vec<ConfigEntry> {
    let defaults = TopicConfig::default();
    let defaults: Vec<_> = defaults.entries().map(|(_, value)| value).collect();
    let settings = entry.image.config.entries().zip(defaults);
    let described = settings.map(|((setting, value), default)| ConfigEntry {
        name: setting.name.to_owned(),
        value,
        default,
        is_set: entry.image.overrides.contains_key(setting.name),
        doc: setting.doc.to_owned(),
    });
    described.collect()
}

fn unexpected(response: &ControllerResponse) -> AdminError {
    AdminError::NoAnswer { why: format!("it answered something else: {response:?}") }
}
