//! Where a fetch starts.

use ottla_broker::{OffsetAt, TopicRef};
use ottla_model::{Offset, PartitionId, Timestamp, TopicId};
use ottla_wire::v1;

use crate::door::Door;
use crate::errors::{self, Refusal, refused};

/// A partition, and where reading it starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) topic: TopicId,
    pub(super) offset: Offset,
    pub(super) log_start: Offset,
    pub(super) high_watermark: Offset,
}

/// Finds the partition by name or id, and the offset to start from. From here on the topic is known by
/// its id, so that another one that takes its name is not read by mistake.
pub(super) async fn find(
    door: &Door,
    topic: TopicRef,
    partition: PartitionId,
    start: Option<v1::FetchStart>,
) -> Result<Start, Refusal> {
    let topic = door.id_of(&topic).map_err(|error| errors::of_lookup(&error))?;
    let place = TopicRef::Id(topic);
    let described = door.broker.describe_partition(&place, partition);
    let described = described.map_err(|error| errors::of_lookup(&error))?;
    let (log_start, high_watermark) = (described.log_start, described.high_watermark);
    let offset = match wanted(start)? {
        Wanted::Earliest => log_start,
        Wanted::Latest => high_watermark,
        Wanted::Offset(offset) => offset,
        Wanted::Timestamp(timestamp) => {
            let at = OffsetAt::Timestamp(timestamp);
            let found = door.broker.list_offset(&place, partition, at).await;
            found.map_err(|error| errors::of_fetch(&error))?.offset
        }
    };
    if offset < log_start || offset > high_watermark {
        let error = ottla_broker::FetchError::OutOfRange { offset, log_start, high_watermark };
        return Err(errors::of_fetch(&error).into());
    }
    Ok(Start { topic, offset, log_start, high_watermark })
}

enum Wanted {
    Earliest,
    Latest,
    Offset(Offset),
    Timestamp(Timestamp),
}

fn wanted(start: Option<v1::FetchStart>) -> Result<Wanted, Refusal> {
    use v1::fetch_start::Start;
    match start {
        None => Ok(Wanted::Earliest),
        Some(v1::FetchStart { start: None }) => {
            Err(refused("start", "it says no place that this version knows"))
        }
        Some(v1::FetchStart { start: Some(start) }) => Ok(match start {
            Start::Earliest(_) => Wanted::Earliest,
            Start::Latest(_) => Wanted::Latest,
            Start::Offset(offset) => Wanted::Offset(Offset(offset)),
            Start::TimestampMs(timestamp) => Wanted::Timestamp(Timestamp(timestamp)),
        }),
    }
}
