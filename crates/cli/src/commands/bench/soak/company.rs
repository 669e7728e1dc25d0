//! What goes on beside the producers: a consumer that follows, one that catches up again and again, and clients that
//! come, idle and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use ottla_client::Client;
use ottla_consumer::{Consumer, OutOfRange, Start};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// How long the one that catches up rests when it has.
const REST: Duration = Duration::from_secs(5);
/// A partition has been caught up with when it has so few records more: it is written to meanwhile.
const CAUGHT_UP_RECORDS: i64 = 10_000;
/// How often a client comes.
const COMES_EVERY: Duration = Duration::from_millis(200);
/// How long it stays.
const STAYS: Duration = Duration::from_secs(10);

/// All of them, until they are stopped.
pub(super) struct Company {
    counts: Arc<Counts>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    followed: AtomicU64,
    caught_up: AtomicU64,
    came: AtomicU64,
    failed: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Company {
    pub(super) fn start(bootstrap: &str, topic: &str) -> Self {
        let counts = Arc::new(Counts::default());
        let (who, again) = ((bootstrap.to_owned(), topic.to_owned()), Arc::clone(&counts));
        let follows = tokio::spawn(async move {
            loop {
                again.note(follow(&who.0, &who.1, &again).await);
            }
        });
        let (who, again) = ((bootstrap.to_owned(), topic.to_owned()), Arc::clone(&counts));
        let catches_up = tokio::spawn(async move {
            loop {
                again.note(catch_up(&who.0, &who.1).await);
                again.caught_up.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(REST).await;
            }
        });
        let (who, again) = ((bootstrap.to_owned(), topic.to_owned()), Arc::clone(&counts));
        let comes = tokio::spawn(come_and_go(who, again));
        Self { counts, tasks: vec![follows, catches_up, comes] }
    }

    pub(super) fn so_far(&self) -> String {
        let Counts { followed, caught_up, came, failed, last_failure } = &*self.counts;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = format!(
            "followed {}, caught up {} times, {} clients came",
            count(followed),
            count(caught_up),
            count(came)
        );
        if let Some(why) = &*last_failure.lock() {
            text.push_str(&format!(", {} failures, the last: {why}", count(failed)));
        }
        text
    }

    pub(super) fn stop(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Counts {
    fn note(&self, result: Result<(), Failure>) {
        if let Err(why) = result {
            self.failed.fetch_add(1, Ordering::Relaxed);
            *self.last_failure.lock() = Some(why.to_string());
        }
    }
}

async fn follow(bootstrap: &str, topic: &str, counts: &Counts) -> Result<(), Failure> {
    let client = Client::connect(bootstrap).await?;
    let mut consumer = Consumer::builder(&client).build().await?;
    consumer.assign_topic(topic, Start::Latest).await?;
    loop {
        let records = consumer.next_batch().await?.len();
        counts.followed.fetch_add(records as u64, Ordering::Relaxed);
    }
}

/// Reads everything there is, once.
async fn catch_up(bootstrap: &str, topic: &str) -> Result<(), Failure> {
    let client = Client::connect(bootstrap).await?;
    // What is deleted before it comes there is passed over.
    let consumer = Consumer::builder(&client).out_of_range(OutOfRange::Earliest);
    let mut consumer = consumer.build().await?;
    consumer.assign_topic(topic, Start::Earliest).await?;
    let mut behind = consumer.assignment().len();
    while behind > 0 {
        let batch = consumer.next_batch().await?;
        if batch.high_watermark().0 - batch.next_offset().0 < CAUGHT_UP_RECORDS {
            behind -= 1;
            // It has been caught up with: the others alone are read on.
            consumer.unassign(topic, batch.partition())?;
        }
    }
    Ok(())
}

/// Clients of which every one connects, waits for records with the others, and leaves.
async fn come_and_go((bootstrap, topic): (String, String), counts: Arc<Counts>) {
    let mut staying = futures::stream::FuturesUnordered::new();
    let mut next = tokio::time::interval(COMES_EVERY);
    loop {
        tokio::select! {
            _ = next.tick() => {
                counts.came.fetch_add(1, Ordering::Relaxed);
                staying.push(idle(&bootstrap, &topic));
            }
            Some(stayed) = staying.next() => counts.note(stayed),
        }
    }
}

/// An idle client: it looks at the topic, and then does nothing.
async fn idle(bootstrap: &str, topic: &str) -> Result<(), Failure> {
    let client = Client::connect(bootstrap).await?;
    let consumer = Consumer::builder(&client).build().await?;
    client.admin().describe_topic(topic).await?;
    tokio::time::sleep(STAYS).await;
    drop(consumer);
    Ok(())
}
