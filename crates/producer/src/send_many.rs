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
use crate::gather::NotTaken;
use crate::producer::TopicProducer;
use crate::record::Record;

type Waiting = Pin<Box<dyn Future<Output = Result<Lease, ProducerError>> + Send>>;

/// The call [`TopicProducer::send_many`] under way.
#[must_use = "nothing is sent until this is awaited"]
pub struct SendMany<'t, 'r, I> {
    topic: &'t TopicProducer,
    records: I,
    /// Drawn from the iterator and not taken yet.
    drawn: Option<Record<'r>>,
    delivery: Option<ManyDelivery>,
    /// For room in the buffer.
    waiting: Option<Waiting>,
}

impl<'t, I> SendMany<'t, '_, I> {
    pub(crate) fn new(topic: &'t TopicProducer, records: I) -> Self {
        let delivery = Some(ManyDelivery::new());
        Self { topic, records, drawn: None, delivery, waiting: None }
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

impl<'r, I: Iterator<Item = Record<'r>>> Future for SendMany<'_, 'r, I> {
    type Output = Result<ManyDelivery, ProducerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let now = this.topic.shared().clock.now();
        loop {
            let mut lease = ready!(this.poll_room(context))?;
            let Some(record) = this.drawn.take().or_else(|| this.records.next()) else {
                return Poll::Ready(Ok(this.delivery.take().unwrap_or_else(ManyDelivery::new)));
            };
            let delivery = this.delivery.get_or_insert_with(ManyDelivery::new);
            let then = |fate: &_, index| delivery.add(fate, index);
            match this.topic.append(&record, now, &mut lease, then) {
                Ok(()) => {}
                Err(NotTaken::Never(error)) => return Poll::Ready(Err(error)),
                Err(NotTaken::Elsewhere) => this.drawn = Some(record),
                Err(NotTaken::Full(bytes)) => {
                    this.drawn = Some(record);
                    this.wait_for(bytes);
                }
            }
            if this.give_way(context) {
                return Poll::Pending;
            }
        }
    }
}

/// Nothing in it is ever pinned.
impl<I> Unpin for SendMany<'_, '_, I> {}

impl<I> std::fmt::Debug for SendMany<'_, '_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendMany").field("topic", self.topic.topic()).finish_non_exhaustive()
    }
}
