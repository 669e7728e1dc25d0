//! Fetch: batches out, as they lie in the log; waits for new ones when there are too few.
//!
//! A request is whole (it lists all that its client wants, and may begin a session) or goes on with a
//! session: then it lists what changed, and is answered what changed.

mod context;
mod partition;

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ottla_broker::TopicRef;
use ottla_kafka_codec::messages::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use ottla_kafka_codec::{CodecError, ErrorCode, Str};
use ottla_model::limits::{
    BATCH_BYTES_MAX_DEFAULT, FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, KAFKA_BUDGET_WAIT_MAX,
};

use self::context::Context;
use self::partition::{Asked, Found};
use super::topics::{self, Turns};
use crate::call::Call;
use crate::sessions::{Topic, Wanted};
use crate::shared::Share;

/// The first version that names topics by id.
const BY_ID_FROM: i16 = 13;
/// The level of isolation that hides open and aborted transactions.
const READ_COMMITTED: i8 = 1;

/// What a partition of a fetch takes while it is worked on, with its part of the answer.
const PARTITION_WEIGHT: usize = 512;

pub(super) async fn answer(
    call: &Call,
    working: &mut Share,
) -> Result<Option<Vec<Bytes>>, CodecError> {
    let mut request: FetchRequest<'_> = call.decode()?;
    let context = match Context::of(call, &mut request) {
        Ok(context) => context,
        Err(ErrorCode(error_code)) => {
            return Ok(Some(call.encode(&FetchResponse { error_code, ..Default::default() })));
        }
    };
    // A request that goes on with a session is small, and what it wants may be much.
    let weight = call.weight().max(context.wanted().len() * PARTITION_WEIGHT);
    if tokio::time::timeout(KAFKA_BUDGET_WAIT_MAX, working.hold(weight)).await.is_err() {
        return Ok(None);
    }
    let mut fetch = Fetch::new(call, &request, context.wanted(), working);
    fetch.read_all().await;
    fetch.wait_for_more(&request).await;
    let committed = request.isolation_level == READ_COMMITTED;
    let found = fetch.found.into_iter().zip(context.wanted());
    let data: Vec<PartitionData> = found
        .map(|(found, wanted)| found.into_data(wanted.partition.partition, committed))
        .collect();
    let (session_id, answers) = context.answered(call, data);
    Ok(Some(call.encode(&response(session_id, answers))))
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
    /// How long the client waits.
    patience: Duration,
    working: &'c mut Share,
    /// It waited for memory, in vain: once is enough for all partitions.
    gave_up: bool,
    turns: Turns,
}

impl<'c> Fetch<'c> {
    fn new(
        call: &'c Call,
        request: &FetchRequest<'_>,
        wanted: &[Wanted],
        working: &'c mut Share,
    ) -> Self {
        let mut reference = References::new(call, request);
        let each = wanted.iter();
        let asked: Vec<_> =
            each.map(|one| Asked::new(reference.of(&one.topic), &one.partition)).collect();
        let found: Vec<_> = asked.iter().map(|_| Found::nothing()).collect();
        let conclusive = found.len();
        let wanted = usize::try_from(request.max_bytes).unwrap_or_default();
        let bytes_max = wanted.min(FETCH_BYTES_MAX as usize);
        let patience = u64::try_from(request.max_wait_ms).unwrap_or_default();
        let patience = Duration::from_millis(patience.min(FETCH_WAIT_MS_MAX));
        let (taken, turns) = (0, Turns::default());
        let gave_up = false;
        Self { call, asked, found, taken, conclusive, bytes_max, patience, working, gave_up, turns }
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
        let left = self.granted(left.min(self.asked[place].bytes_max())).await;
        let broker = &self.call.door.broker;
        let found = self.asked[place].read(broker, left, self.taken == 0).await;
        self.put(place, found);
        // Less than what was granted; only a batch that is larger than that may be more.
        self.working.try_hold_beside(self.taken);
    }

    /// How much of what is wanted may be read beside what was: nothing more where all connections hold
    /// as much as they may, and a little for a client that would have nothing.
    async fn granted(&mut self, wanted: usize) -> usize {
        if self.working.try_hold_beside(self.taken + wanted) {
            return wanted;
        }
        if self.taken > 0 || self.gave_up {
            return 0;
        }
        let least = wanted.min(BATCH_BYTES_MAX_DEFAULT as usize);
        let room = tokio::time::timeout(self.patience, self.working.hold_beside(least));
        self.gave_up = tokio::select! {
            held = room => held.is_err(),
            () = self.call.is_in_a_hurry() => {
                // It says so once: nothing else is to be waited for either.
                self.patience = Duration::ZERO;
                true
            }
        };
        if self.gave_up { 0 } else { least }
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
        let patience = self.patience;
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
                () = self.call.is_in_a_hurry() => return,
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

/// Looks topics up, each once where it is asked for in one go.
struct References<'c> {
    call: &'c Call,
    by_id: bool,
    replica: bool,
    last: Option<(Topic, Result<TopicRef, ErrorCode>)>,
}

impl<'c> References<'c> {
    fn new(call: &'c Call, request: &FetchRequest<'_>) -> Self {
        // A replica would see what consumers must not; the brokers of a cluster have another way.
        let replica = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
        Self { call, by_id: call.version() >= BY_ID_FROM, replica, last: None }
    }

    fn of(&mut self, topic: &Topic) -> Result<TopicRef, ErrorCode> {
        if let Some((last, reference)) = &self.last
            && last == topic
        {
            return reference.clone();
        }
        let broker = &self.call.door.broker;
        let reference = match self.replica {
            true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            false => topics::of(broker, &Str::from(&*topic.name), topic.id, self.by_id),
        };
        self.last = Some((topic.clone(), reference.clone()));
        reference
    }
}

/// Partitions of one topic that follow each other are listed together.
fn response(session_id: i32, answers: Vec<(Wanted, PartitionData)>) -> FetchResponse<'static> {
    let mut responses: Vec<FetchableTopicResponse<'static>> = Vec::new();
    let mut last: Option<Topic> = None;
    for (Wanted { topic, .. }, data) in answers {
        match responses.last_mut().filter(|_| last.as_ref() == Some(&topic)) {
            Some(response) => response.partitions.push(data),
            None => responses.push(FetchableTopicResponse {
                topic: topic.name.to_string().into(),
                topic_id: topic.id,
                partitions: vec![data],
            }),
        }
        last = Some(topic);
    }
    FetchResponse { session_id, responses, ..Default::default() }
}
