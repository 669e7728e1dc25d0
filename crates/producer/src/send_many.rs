//! Many records with one call.
//!
//! A future by hand rather than an `async fn`, for the sake of its callers: what the compiler must
//! know of an async function's iterator to see that it may move between threads, it cannot prove for
//! most closures.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use crate::budget::Lease;
use crate::delivery::ManyDelivery;
use crate::error::ProducerError;
use crate::gather::{Intake, NotTaken};
use crate::producer::TopicProducer;
use crate::record::Record;

/// Most records drawn ahead of being taken.
const DRAWN_MAX: usize = 64;

/// Nor more bytes of values than these, and one record: they are copied under a lock.
const DRAWN_BYTES_MAX: usize = 64 * 1024;

type Waiting = Pin<Box<dyn Future<Output = Result<Lease, ProducerError>> + Send>>;

/// The call [`TopicProducer::send_many`] under way.
#[must_use = "nothing is sent until this is awaited"]
pub struct SendMany<'t, 'r, I> {
    topic: &'t TopicProducer,
    records: I,
    /// Drawn from the iterator; those before `next` were taken.
    drawn: Vec<Record<'r>>,
    next: usize,
    delivery: Option<ManyDelivery>,
    /// For room in the buffer.
    waiting: Option<Waiting>,
}

impl<'t, I: Iterator> SendMany<'t, '_, I> {
    pub(crate) fn new(topic: &'t TopicProducer, records: I) -> Self {
        let delivery = Some(ManyDelivery::new());
        let drawn = Vec::with_capacity(records.size_hint().0.min(DRAWN_MAX));
        Self { topic, records, drawn, next: 0, delivery, waiting: None }
    }

    fn give_way(&self, context: &Context<'_>) -> bool {
        let flag = &self.topic.shared().give_way;
        let must = flag.load(Ordering::Relaxed);
        if must {
            flag.store(false, Ordering::Relaxed);
            context.waker().wake_by_ref();
        }
        must
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, ProducerError>> {
        let Some(waiting) = &mut self.waiting else {
            return Poll::Ready(Ok(Lease::default()));
        };
        let room = ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(room)
    }

    fn wait_for(&mut self, bytes: u64) {
        let shared = self.topic.shared();
        shared.counters.waits_for_room.fetch_add(1, Ordering::Relaxed);
        self.waiting = Some(Box::pin(shared.budget.clone().take(bytes)));
    }
}

impl<'r, I: Iterator<Item = Record<'r>>> SendMany<'_, 'r, I> {
    /// Draws some records when those that were drawn are taken; whether there are any. A few, so that
    /// they are taken under one lock, and never under that lock, since the iterator is not ours.
    fn draw(&mut self) -> bool {
        if self.next == self.drawn.len() {
            self.drawn.clear();
            self.next = 0;
            let mut bytes = 0;
            while self.drawn.len() < DRAWN_MAX && bytes < DRAWN_BYTES_MAX {
                let Some(record) = self.records.next() else { break };
                bytes += record.value.map_or(0, <[u8]>::len);
                self.drawn.push(record);
            }
        }
        self.next < self.drawn.len()
    }
}

impl<'r, I: Iterator<Item = Record<'r>>> Future for SendMany<'_, 'r, I> {
    type Output = Result<ManyDelivery, ProducerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let lease = ready!(this.poll_room(context))?;
        let mut intake = Intake::new(this.topic.shared(), lease);
        while this.draw() {
            let delivery = this.delivery.get_or_insert_with(ManyDelivery::new);
            let then = |fate: &_, first, records| delivery.add(fate, first, records);
            let (taken, full) = this.topic.append(&this.drawn[this.next..], &mut intake, then);
            this.next += taken;
            match full {
                Ok(()) | Err(NotTaken::Elsewhere) => {}
                Err(NotTaken::Never(error)) => return Poll::Ready(Err(error)),
                Err(NotTaken::Full(bytes)) => {
                    this.wait_for(bytes);
                    intake.lease = ready!(this.poll_room(context))?;
                }
            }
            if this.give_way(context) {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(this.delivery.take().unwrap_or_else(ManyDelivery::new)))
    }
}

/// Nothing in it is ever pinned.
impl<I> Unpin for SendMany<'_, '_, I> {}

impl<I> std::fmt::Debug for SendMany<'_, '_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendMany").field("topic", self.topic.topic()).finish_non_exhaustive()
    }
}
