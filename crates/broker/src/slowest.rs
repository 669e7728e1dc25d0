//! The slowest acknowledgements of lately, each with what it waited for.
//!
//! A tail shows when nobody looks, so that this is always on: of every quarter of a second the two slowest are
//! kept, for half a minute. It costs two looks at the clock and a comparison for a batch, and a short lock for a
//! step of a storage thread.
//!
//! ```text
//!   asked ── room ── begun ── append ── appended ── queue ── step begins ── write ── ends ── tell ── told ── wake ── taken
//! ```
//!
//! Which step made a batch durable is not written down anywhere; the last one that ended before the batch's
//! answer is taken for it, which is wrong only where answers are told late or several threads write at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_log::Work;
use ottla_model::{Moment, PartitionId, StreamId, Timestamp, TopicName};
use ottla_runtime::Clock;
use parking_lot::Mutex;

/// What is faster is nobody's tail.
const SLOW_MIN: Duration = Duration::from_millis(1);
/// One slow moment delays many batches; it is told of by the slowest two of a span as long as this.
const SPAN: Duration = Duration::from_millis(250);
const KEPT_OF_SPAN: usize = 2;
const SPANS_MAX: usize = 120;
/// Steps that are remembered: a second of the fastest disk's, and hours of a slow one's.
const STEPS_MAX: usize = 4_096;
/// Steps beside are told of when they took this long, the longest of them.
const BESIDE_MIN: Duration = Duration::from_millis(1);
const BESIDE_MAX: usize = 4;

/// One slow acknowledgement.
#[derive(Clone, PartialEq, Debug)]
pub struct SlowAck {
    /// When it was given, by the wall clock.
    pub at: Timestamp,
    /// Whose it is; none when the topic is gone.
    pub topic: Option<TopicName>,
    /// Its partition.
    pub partition: PartitionId,
    /// From asking for room to the answer.
    pub took: Duration,
    /// What that was spent on.
    pub stages: Stages,
    /// What else the storage threads did meanwhile, the longest first.
    pub beside: Vec<(Work, Duration)>,
}

/// What a batch waited for, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stages {
    /// For room.
    pub room: Duration,
    /// For the partition's lock, and to be checked and taken.
    pub append: Duration,
    /// For the step that made it durable to begin.
    pub queue: Duration,
    /// For that step.
    pub write: Duration,
    /// From the end of that step until its partition had answered.
    pub tell: Duration,
    /// For the task that answers the client to run.
    pub wake: Duration,
}

/// A batch's moments, all but the last two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    pub(crate) stream: StreamId,
    pub(crate) asked: Moment,
    pub(crate) begun: Moment,
    pub(crate) appended: Moment,
}

/// What is remembered. Shared by the storage threads, which tell of their steps, and the broker.
#[derive(Debug)]
pub struct Slowest {
    clock: Clock,
    /// Number of the span and microseconds that are too few to be kept in it, as 32 bits each.
    bar: AtomicU64,
    spans: Mutex<VecDeque<Span>>,
    steps: Mutex<VecDeque<Done>>,
}

#[derive(Debug)]
struct Span {
    number: u32,
    /// The slowest first.
    acks: Vec<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    at: Timestamp,
    stream: StreamId,
    took: Duration,
    stages: Stages,
    beside: Vec<(Work, Duration)>,
}

/// A step of a storage thread.
#[derive(Clone, Copy, Debug)]
struct Done {
    work: Work,
    begun: Moment,
    ended: Moment,
}

impl Slowest {
    /// Remembers nothing yet.
    pub fn new(clock: Clock) -> Self {
        let (spans, steps) = (Mutex::default(), Mutex::default());
        Self { clock, bar: AtomicU64::new(0), spans, steps }
    }

    /// A storage thread did this.
    pub(crate) fn did(&self, work: Work, begun: Moment, ended: Moment) {
        let mut steps = self.steps.lock();
        if steps.len() == STEPS_MAX {
            steps.pop_front();
        }
        steps.push_back(Done { work, begun, ended });
    }

    /// A batch's answer was taken just now, and given at `told`.
    pub(crate) fn answered(&self, trace: &Trace, told: Moment) {
        let taken = self.clock.moment();
        let took = taken.since(trace.asked);
        let number = span_of(taken);
        if took >= SLOW_MIN && self.is_over_bar(number, took) {
            let (stages, beside) = self.explain(trace, told, taken);
            let (at, stream) = (self.clock.now(), trace.stream);
            self.keep(number, Kept { at, stream, took, stages, beside });
        }
    }

    fn is_over_bar(&self, number: u32, took: Duration) -> bool {
        let bar = self.bar.load(Ordering::Relaxed);
        (bar >> 32) != u64::from(number) || micros(took) > bar & u64::from(u32::MAX)
    }

    fn keep(&self, number: u32, kept: Kept) {
        let mut spans = self.spans.lock();
        if spans.back().is_none_or(|span| span.number < number) {
            if spans.len() == SPANS_MAX {
                spans.pop_front();
            }
            spans.push_back(Span { number, acks: Vec::new() });
        }
        // A thread that was late finds a newer span; that one is as good.
        let span = spans.back_mut().expect("it was just made");
        let index = span.acks.partition_point(|other| other.took > kept.took);
        span.acks.insert(index, kept);
        span.acks.truncate(KEPT_OF_SPAN);
        if let Some(last) = span.acks.get(KEPT_OF_SPAN - 1) {
            let bar = (u64::from(span.number) << 32) | micros(last.took);
            self.bar.store(bar, Ordering::Relaxed);
        }
    }

    fn explain(
        &self,
        trace: &Trace,
        told: Moment,
        taken: Moment,
    ) -> (Stages, Vec<(Work, Duration)>) {
        let steps = self.steps.lock();
        let meanwhile =
            steps.iter().rev().filter(|step| step.ended > trace.begun && step.begun < taken);
        let meanwhile: Vec<Done> = meanwhile.copied().collect();
        drop(steps);
        let makes_durable = |step: &&Done| {
            let kind = matches!(step.work, Work::Round | Work::Straight | Work::Flush);
            kind && step.ended <= told && step.ended > trace.appended
        };
        let decisive = meanwhile.iter().filter(makes_durable).max_by_key(|step| step.ended);
        let stages = stages(trace, decisive, told, taken);
        let decisive = decisive.map(|step| step.ended);
        let took = |step: &Done| step.ended.since(step.begun);
        let mut beside: Vec<_> = meanwhile
            .iter()
            .filter(|step| Some(step.ended) != decisive && took(step) >= BESIDE_MIN)
            .map(|step| (step.work, took(step)))
            .collect();
        beside.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        beside.truncate(BESIDE_MAX);
        (stages, beside)
    }

    /// Everything that is remembered, the oldest first. `name` finds a topic's name.
    pub(crate) fn list(&self, name: impl Fn(StreamId) -> Option<TopicName>) -> Vec<SlowAck> {
        let kept: Vec<Kept> =
            self.spans.lock().iter().flat_map(|span| span.acks.iter().cloned()).collect();
        let shown = kept.into_iter().map(|kept| SlowAck {
            at: kept.at,
            topic: name(kept.stream),
            partition: kept.stream.partition,
            took: kept.took,
            stages: kept.stages,
            beside: kept.beside,
        });
        shown.collect()
    }
}

fn stages(trace: &Trace, decisive: Option<&Done>, told: Moment, taken: Moment) -> Stages {
    let Trace { asked, begun, appended, .. } = *trace;
    // Where no step is known, the wait for it is all that can be said.
    let (starts, ends) =
        decisive.map_or((told, told), |step| (step.begun.max(appended), step.ended));
    Stages {
        room: begun.since(asked),
        append: appended.since(begun),
        queue: starts.since(appended),
        write: ends.since(starts),
        tell: told.since(ends),
        wake: taken.since(told),
    }
}

fn span_of(moment: Moment) -> u32 {
    u32::try_from(moment.0.as_millis() / SPAN.as_millis()).unwrap_or(u32::MAX)
}

fn micros(span: Duration) -> u64 {
    u64::from(u32::try_from(span.as_micros()).unwrap_or(u32::MAX))
}

impl Stages {
    /// Their names and lengths, in order.
    pub fn named(&self) -> [(&'static str, Duration); 6] {
        let Self { room, append, queue, write, tell, wake } = *self;
        [
            ("room", room),
            ("append", append),
            ("queue", queue),
            ("write", write),
            ("tell", tell),
            ("wake", wake),
        ]
    }
}

#[cfg(test)]
mod tests {
    use ottla_model::TopicId;

    use super::*;

    const fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn trace() -> Trace {
        let stream = StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(3));
        Trace { stream, asked: at(10), begun: at(11), appended: at(13) }
    }

    #[test]
    fn every_moment_of_a_slow_batch_has_a_name() {
        let slowest = Slowest::new(Clock::start());
        slowest.did(Work::Round, at(5), at(12));
        slowest.did(Work::Fill, at(9), at(16));
        slowest.did(Work::Round, at(20), at(50));
        slowest.did(Work::Round, at(61), at(70));
        let (stages, beside) = slowest.explain(&trace(), at(60), at(67));
        let expected = Stages {
            room: ms(1),
            append: ms(2),
            queue: ms(7),
            write: ms(30),
            tell: ms(10),
            wake: ms(7),
        };
        assert_eq!(stages, expected);
        let sum: Duration = stages.named().iter().map(|(_, span)| *span).sum();
        assert_eq!(sum, ms(57));
        let others = [(Work::Round, ms(9)), (Work::Fill, ms(7)), (Work::Round, ms(7))];
        assert_eq!(beside, others, "what was under way when it came, and the round after it");
    }

    #[test]
    fn what_was_durable_by_no_step_waited() {
        let (stages, _) = Slowest::new(Clock::start()).explain(&trace(), at(60), at(60));
        assert_eq!((stages.queue, stages.write, stages.tell), (ms(47), ms(0), ms(0)));
    }

    #[test]
    fn the_slowest_of_a_span_are_kept_and_old_ones_forgotten() {
        let slowest = Slowest::new(Clock::start());
        let kept = |millis| Kept {
            at: Timestamp(0),
            stream: trace().stream,
            took: ms(millis),
            stages: Stages::default(),
            beside: Vec::new(),
        };
        for millis in [4, 9, 2, 7] {
            slowest.keep(0, kept(millis));
        }
        assert!(!slowest.is_over_bar(0, ms(7)) && slowest.is_over_bar(0, ms(8)));
        assert!(slowest.is_over_bar(1, ms(2)), "another span, another bar");
        let list = |slowest: &Slowest| {
            let acks = slowest.list(|_| None);
            acks.iter().map(|ack| ack.took).collect::<Vec<_>>()
        };
        assert_eq!(list(&slowest), [ms(9), ms(7)]);
        for number in 1..200 {
            slowest.keep(number, kept(5));
        }
        assert_eq!(list(&slowest), vec![ms(5); SPANS_MAX]);
    }
}
