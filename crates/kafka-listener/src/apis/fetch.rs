//! Fetch: batches out, as they lie in the log; waits for new ones when there are too few.
//!
//! Every fetch is a full one: a session is granted to nobody (its id is always 0), which is what
//! Kafka does when its cache of sessions is full.

mod partition;

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ottla_kafka_codec::messages::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX};

use self::partition::{Asked, Found};
use super::topics::{self, Turns};
use crate::call::Call;

/// The first version that names topics by id.
const BY_ID_FROM: i16 = 13;
/// The epoch of a request that begins a session, and of one without.
const FULL: [i32; 2] = [0, -1];
/// The level of isolation that hides open and aborted transactions.
const READ_COMMITTED: i8 = 1;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: FetchRequest<'_> = call.decode()?;
    if !FULL.contains(&request.session_epoch) {
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0;
        return Ok(call.encode(&FetchResponse { error_code, ..Default::default() }));
    }
    let mut fetch = Fetch::new(call, &request);
    fetch.read_all().await;
    fetch.wait_for_more(&request).await;
    let found = fetch.found;
    Ok(call.encode(&response(request, found)))
}

/// A fetch under way: one place for each partition, in the order in which they are asked for.
struct Fetch<'c> {
    call: &'c Call,
    asked: Vec<Asked>,
    found: Vec<Found>,
    /// Bytes of all that was found. Kept, not summed up: there may be many partitions.
    taken: usize,
    /// How many of what was found are conclusive.
    conclusive: usize,
    bytes_max: usize,
    turns: Turns,
}

impl<'c> Fetch<'c> {
    fn new(call: &'c Call, request: &FetchRequest<'_>) -> Self {
        // A replica would see what consumers must not; the brokers of a cluster have another way.
        let replica = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
        let by_id = call.version() >= BY_ID_FROM;
        let mut asked = Vec::new();
        for topic in &request.topics {
            let reference = match replica {
                true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
                false => topics::of(&call.door.broker, &topic.topic, topic.topic_id, by_id),
            };
            let each = topic.partitions.iter();
            asked.extend(each.map(|partition| Asked::new(reference.clone(), partition)));
        }
        let found: Vec<_> = asked.iter().map(|_| Found::nothing()).collect();
        let conclusive = found.len();
        let wanted = usize::try_from(request.max_bytes).unwrap_or_default();
        let bytes_max = wanted.min(FETCH_BYTES_MAX as usize);
        Self { call, asked, found, taken: 0, conclusive, bytes_max, turns: Turns::default() }
    }

    async fn read_all(&mut self) {
        for place in 0..self.asked.len() {
            self.read(place).await;
        }
    }

    /// Reads one partition, within what the others leave. Only where nothing else is answered may one
    /// batch be larger than what is wanted.
    async fn read(&mut self, place: usize) {
        self.turns.took_one().await;
        self.put(place, Found::nothing());
        let left = self.bytes_max.saturating_sub(self.taken);
        let broker = &self.call.door.broker;
        let found = self.asked[place].read(broker, left, self.taken == 0).await;
        self.put(place, found);
    }

    fn put(&mut self, place: usize, found: Found) {
        self.taken += found.bytes();
        self.conclusive += usize::from(found.is_conclusive());
        let before = std::mem::replace(&mut self.found[place], found);
        self.taken -= before.bytes();
        self.conclusive -= usize::from(before.is_conclusive());
    }

    /// Waits until there is as much as the client wants, or for as long as it does. An error is told
    /// at once.
    async fn wait_for_more(&mut self, request: &FetchRequest<'_>) {
        let wanted = usize::try_from(request.min_bytes).unwrap_or_default().min(self.bytes_max);
        let patience = u64::try_from(request.max_wait_ms).unwrap_or_default();
        let patience = Duration::from_millis(patience.min(FETCH_WAIT_MS_MAX));
        if patience.is_zero() || self.is_enough(wanted) {
            return;
        }
        let mut over = std::pin::pin!(tokio::time::sleep(patience));
        let broker = self.call.door.broker.clone();
        let wait = async |asked: Asked, place: usize, next| {
            asked.wait_for_records(&broker, next).await;
            place
        };
        let mut waiting = FuturesUnordered::new();
        for (place, (asked, found)) in self.asked.iter().zip(&self.found).enumerate() {
            waiting.push(wait(asked.clone(), place, found.next(asked)));
        }
        while !self.is_enough(wanted) {
            tokio::select! {
                // First, or records that keep coming to many partitions could put it off for ever.
                biased;
                () = &mut over => return,
                Some(place) = waiting.next(), if !waiting.is_empty() => {
                    self.read(place).await;
                    let (asked, found) = (&self.asked[place], &self.found[place]);
                    waiting.push(wait(asked.clone(), place, found.next(asked)));
                }
            }
        }
    }

    fn is_enough(&self, wanted: usize) -> bool {
        self.asked.is_empty() || self.taken >= wanted || self.conclusive > 0
    }
}

fn response<'a>(request: FetchRequest<'a>, found: Vec<Found>) -> FetchResponse<'a> {
    let committed = request.isolation_level == READ_COMMITTED;
    let mut found = found.into_iter();
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let partitions = topic.partitions.iter().zip(found.by_ref());
        let partitions: Vec<PartitionData> = partitions
            .map(|(partition, found)| found.into_data(partition.partition, committed))
            .collect();
        responses.push(FetchableTopicResponse {
            topic: topic.topic,
            topic_id: topic.topic_id,
            partitions,
        });
    }
    FetchResponse { responses, ..Default::default() }
}
