//! A single plain read.

use std::time::Duration;

use ottla_broker::{FetchRequest, TopicRef};
use ottla_model::PartitionId;
use ottla_model::limits::{FETCH_BYTES_DEFAULT, FETCH_WAIT_MS_MAX};
use ottla_wire::transport::REQUEST_BYTES_MAX;
use ottla_wire::v1;

use super::{plain, start};
use crate::door::Door;
use crate::errors::{self, Refusal};
use crate::translate;

pub(super) async fn fetch(
    door: &Door,
    request: v1::FetchOnceRequest,
) -> Result<v1::FetchOnceResponse, Refusal> {
    let topic = translate::topic_named(&request.topic)?;
    let partition = PartitionId(request.partition);
    let start = start::find(door, topic, partition, request.start).await?;
    let bytes_max = bytes_max(request.bytes_max);
    let fetched = door.broker.fetch(FetchRequest {
        topic: TopicRef::Id(start.topic),
        partition,
        offset: start.offset,
        bytes_max: bytes_max as u64,
        wait: wait(request.wait_ms),
    });
    let fetched = tokio::select! {
        fetched = fetched => fetched.map_err(|error| errors::of_fetch(&error))?,
        // One that waits would keep its connection open.
        () = door.drain.requested() => return Err(errors::shutting_down().into()),
    };
    let (high_watermark, log_start) = (fetched.high_watermark.0, fetched.log_start.0);
    let portions = plain::portions(fetched.chunks, start.offset, fetched.next_offset, bytes_max);
    let place = (TopicRef::Id(start.topic), partition, start.offset);
    let portions = portions.map_err(|error| errors::of_fetch(&errors::damaged(place, &error)))?;
    let first = portions.into_iter().next().expect("there is always a portion");
    let (records, next_offset) = at_most(first, request.records_max);
    Ok(v1::FetchOnceResponse { records, next_offset, high_watermark, log_start })
}

/// What any gRPC client accepts, with room for what surrounds the records.
fn bytes_max(wanted: u32) -> usize {
    match wanted {
        0 => FETCH_BYTES_DEFAULT as usize,
        wanted => (wanted as usize).min(REQUEST_BYTES_MAX / 2),
    }
}

fn wait(millis: u32) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(u64::from(millis).min(FETCH_WAIT_MS_MAX)))
}

fn at_most(portion: plain::Plain, records_max: u32) -> (Vec<v1::ConsumedRecord>, i64) {
    let plain::Plain { mut records, next_offset, bytes: _ } = portion;
    match records.get(records_max as usize).map(|record| record.offset) {
        Some(next) if records_max > 0 => {
            records.truncate(records_max as usize);
            (records, next)
        }
        _ => (records, next_offset.0),
    }
}
