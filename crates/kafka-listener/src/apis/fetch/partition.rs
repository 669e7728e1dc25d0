//! One partition of a fetch.

use ottla_broker::{Broker, FetchRequest, Fetched, TopicRef};
use ottla_kafka_codec::messages::fetch::{EpochEndOffset, FetchPartition, PartitionData};
use ottla_kafka_codec::{ErrorCode, Records};
use ottla_model::{LeaderEpoch, Offset, PartitionId};

use crate::apis::topics;
use crate::errors;

/// Errors for which no log has to be looked at.
const UNREADABLE: [ErrorCode; 3] = [
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::UNKNOWN_TOPIC_ID,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
];

/// Whether this was found without a look at the partition.
pub(super) fn is_unreadable(code: ErrorCode) -> bool {
    UNREADABLE.contains(&code)
}

/// What is wanted of a partition.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    at: Result<(TopicRef, PartitionId), ErrorCode>,
    offset: Offset,
    bytes_max: usize,
    /// The epoch under which the client believes it to be led; less than 0: it does not say.
    current_epoch: i32,
    /// The epoch of the last record the client has; less than 0: it does not say.
    last_epoch: i32,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Found {
    Records(Fetched),
    /// There are records, and no room for the first of them beside those of other partitions.
    NoRoom(Fetched),
    /// The client has records that are not in this log: from here on they differ.
    Diverging {
        epoch: LeaderEpoch,
        end: Offset,
    },
    Error(ErrorCode),
}

impl Asked {
    pub(super) fn new(topic: Result<TopicRef, ErrorCode>, asked: &FetchPartition) -> Self {
        let at = topic.and_then(|topic| Ok((topic, topics::partition(asked.partition)?)));
        Self {
            at,
            offset: Offset(asked.fetch_offset),
            bytes_max: usize::try_from(asked.partition_max_bytes).unwrap_or_default(),
            current_epoch: asked.current_leader_epoch,
            last_epoch: asked.last_fetched_epoch,
        }
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Reads at once. `left` bytes are wanted at most; `first` is whether one batch may be more.
    pub(super) async fn read(&self, broker: &Broker, left: usize, first: bool) -> Found {
        match self.try_read(broker, left, first).await {
            Ok(found) => found,
            Err(code) => Found::Error(code),
        }
    }

    async fn try_read(
        &self,
        broker: &Broker,
        left: usize,
        first: bool,
    ) -> Result<Found, ErrorCode> {
        let (topic, partition) = self.at.as_ref().map_err(|code| *code)?;
        topics::check_epoch(broker, topic, *partition, self.current_epoch)?;
        if let Some(diverging) = self.diverging(broker, topic, *partition)? {
            return Ok(diverging);
        }
        let bytes_max = left.min(self.bytes_max);
        let request = FetchRequest {
            topic: topic.clone(),
            partition: *partition,
            offset: self.offset,
            bytes_max: bytes_max as u64,
            wait: None,
        };
        let fetched = broker.fetch(request).await.map_err(|error| errors::of_fetch(&error))?;
        if fetched.bytes() > bytes_max && !first {
            return Ok(Found::NoRoom(Fetched { chunks: Vec::new(), ..fetched }));
        }
        Ok(Found::Records(fetched))
    }

    fn diverging(
        &self,
        broker: &Broker,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<Option<Found>, ErrorCode> {
        if self.last_epoch < 0 {
            return Ok(None);
        }
        let end = broker.epoch_end(topic, partition, LeaderEpoch(self.last_epoch));
        let end = end.map_err(|error| errors::of_lookup(&error))?;
        // Newer than anything here: Kafka calls that an offset that is not there.
        let (epoch, end) = end.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        let differs = epoch.0 < self.last_epoch || end < self.offset;
        Ok(differs.then_some(Found::Diverging { epoch, end }))
    }

    /// Resolves when there is something to read at `next`. Never where nothing can come.
    pub(super) async fn wait_for_records(&self, broker: &Broker, next: Option<Offset>) {
        if let (Ok((topic, partition)), Some(next)) = (&self.at, next) {
            // An error is found again when it is read.
            let _ = broker.wait_for_records(topic, *partition, next).await;
        } else {
            std::future::pending().await
        }
    }
}

impl Found {
    /// Before it was looked for.
    pub(super) fn nothing() -> Self {
        Self::Error(ErrorCode::NONE)
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Records(fetched) => fetched.bytes(),
            Self::NoRoom(_) | Self::Diverging { .. } | Self::Error(_) => 0,
        }
    }

    /// Whether the client is to learn of it at once.
    pub(super) fn is_conclusive(&self) -> bool {
        !matches!(self, Self::Records(_))
    }

    /// Where more would begin, where waiting brings more: not while what is there already does not
    /// fit, or a fetch would be woken by it for ever.
    pub(super) fn next(&self, asked: &Asked) -> Option<Offset> {
        match self {
            Self::Records(fetched) if fetched.is_empty() => Some(asked.offset),
            Self::Records(fetched) if fetched.next_offset >= fetched.high_watermark => {
                Some(fetched.next_offset)
            }
            Self::Records(_) | Self::NoRoom(_) | Self::Diverging { .. } | Self::Error(_) => None,
        }
    }

    pub(super) fn into_data(self, partition_index: i32, committed: bool) -> PartitionData {
        let nothing = PartitionData {
            partition_index,
            high_watermark: -1,
            aborted_transactions: None,
            records: Some(Records::default()),
            ..Default::default()
        };
        match self {
            Self::Error(code) => {
                // Kafka finds these before it reads, and answers them a little otherwise.
                let aborted_transactions = is_unreadable(code).then(Vec::new);
                PartitionData { error_code: code.0, aborted_transactions, ..nothing }
            }
            Self::Diverging { epoch, end } => {
                let diverging_epoch = EpochEndOffset { epoch: epoch.0, end_offset: end.0 };
                PartitionData { diverging_epoch, ..nothing }
            }
            Self::Records(fetched) | Self::NoRoom(fetched) => PartitionData {
                high_watermark: fetched.high_watermark.0,
                // There are no transactions yet: everything that may be seen is stable.
                last_stable_offset: fetched.high_watermark.0,
                log_start_offset: fetched.log_start.0,
                aborted_transactions: committed.then(Vec::new),
                records: Some(Records(fetched.chunks)),
                ..nothing
            },
        }
    }
}
