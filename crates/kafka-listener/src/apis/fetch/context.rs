//! What a fetch request is about: all that it lists, or a session that it goes on with.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_kafka_codec::ErrorCode;
use ottla_kafka_codec::messages::fetch::{FetchRequest, PartitionData};

use super::BY_ID_FROM;
use super::partition::is_unreadable;
use crate::call::Call;
use crate::sessions::{Change, NONE, Topic, Wanted};

/// The number of a request that begins a session.
const BEGINS: i32 = 0;
/// The number of a request that has no session, and ends the one it names.
const ENDS: i32 = -1;

/// All that a client wants with a request, and the session that this is.
#[derive(Debug)]
pub(super) enum Context {
    /// It has none.
    Whole(Change),
    /// It would like to have one.
    Begins(Change),
    /// It goes on with this one.
    GoesOn(i32, Vec<Wanted>),
}

impl Context {
    pub(super) fn of(call: &Call, request: &mut FetchRequest<'_>) -> Result<Self, ErrorCode> {
        let change = change(request, call.version() >= BY_ID_FROM);
        let shared = &call.door.shared;
        let (id, epoch) = (request.session_id, request.session_epoch);
        match epoch {
            BEGINS | ENDS => {
                shared.sessions().end(id);
                Ok(if epoch == BEGINS { Self::Begins(change) } else { Self::Whole(change) })
            }
            _ => {
                let mut sessions = shared.sessions();
                let wanted = sessions.go_on((id, epoch), change, shared.clock.moment())?;
                if wanted.is_empty() {
                    sessions.end(id);
                    return Ok(Self::Whole(Change::default()));
                }
                Ok(Self::GoesOn(id, wanted))
            }
        }
    }

    pub(super) fn wanted(&self) -> &[Wanted] {
        match self {
            Self::Whole(change) | Self::Begins(change) => &change.wanted,
            Self::GoesOn(_, wanted) => wanted,
        }
    }

    /// The session that the client has from now on, and what it is answered of what was found. As with
    /// Kafka, what cannot be read comes last.
    pub(super) fn answered(
        self,
        call: &Call,
        data: Vec<PartitionData>,
    ) -> (i32, Vec<(Wanted, PartitionData)>) {
        let shared = &call.door.shared;
        let with = |wanted: Vec<Wanted>| {
            let mut answers: Vec<_> = wanted.into_iter().zip(data).collect();
            answers.sort_by_key(|(_, data)| is_unreadable(ErrorCode(data.error_code)));
            answers
        };
        match self {
            Self::Whole(change) => (NONE, with(change.wanted)),
            Self::Begins(change) => {
                let answers = with(change.wanted);
                let now = shared.clock.moment();
                (shared.sessions().begin(&answers, change.by_id, now), answers)
            }
            Self::GoesOn(id, wanted) => {
                let mut answers = with(wanted);
                let mut sessions = shared.sessions();
                answers.retain(|(wanted, data)| sessions.news(id, &wanted.topic, data));
                (id, answers)
            }
        }
    }
}

/// What the request lists. Of what it lists several times, the last counts, as in Kafka.
fn change(request: &mut FetchRequest<'_>, by_id: bool) -> Change {
    let mut wanted: Vec<Wanted> = Vec::new();
    let (mut topics, mut places) = (BTreeMap::new(), BTreeMap::new());
    for listed in std::mem::take(&mut request.topics) {
        let topic = Topic { name: Arc::from(&*listed.topic), id: listed.topic_id };
        let next = topics.len();
        let number = *topics.entry(topic.clone()).or_insert(next);
        for partition in listed.partitions {
            let place = *places.entry((number, partition.partition)).or_insert(wanted.len());
            match wanted.get_mut(place) {
                Some(before) => before.partition = partition,
                None => wanted.push(Wanted { topic: topic.clone(), partition }),
            }
        }
    }
    let forgotten =
        std::mem::take(&mut request.forgotten_topics_data).into_iter().flat_map(|listed| {
            let topic = Topic { name: Arc::from(&*listed.topic), id: listed.topic_id };
            listed.partitions.into_iter().map(move |partition| (topic.clone(), partition))
        });
    Change { wanted, forgotten: forgotten.collect(), by_id }
}
