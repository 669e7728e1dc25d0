//! The shell around the session: it connects, asks and waits, and decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_client::fetch::{FetchEvent, FetchReceiver, FetchSender};
use ottla_model::{BrokerId, TopicName};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::session::{ConnectionId, Effect, FetchId, Received};
use crate::shared::Shared;

/// Longest sleep when nothing is due.
const SLEEP_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    readers: BTreeMap<ConnectionId, JoinHandle<()>>,
    opened: mpsc::UnboundedReceiver<Opened>,
    reports: mpsc::UnboundedSender<Opened>,
    next_connection: u64,
}

struct Opened {
    broker: BrokerId,
    sender: FetchSender,
    receiver: FetchReceiver,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (reports, opened) = mpsc::unbounded_channel();
        Self { shared, readers: BTreeMap::new(), opened, reports, next_connection: 0 }
    }

    /// Runs until the consumer is dropped.
    pub(crate) async fn run(mut self) {
        while !self.shared.closed.load(Ordering::Acquire) {
            self.carry_out();
            let due = self.shared.session(|session| session.poll_timeout());
            let pause = due.map_or(SLEEP_MAX, |due| due.since(self.shared.now()));
            tokio::select! {
                opened = self.opened.recv() => {
                    self.connected(opened.expect("the driver holds a sender itself"));
                }
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep(pause) => {
                    let now = self.shared.now();
                    self.shared.session(|session| session.handle_timeout(now));
                }
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.shared.session(|session| session.poll_effect()) {
            let senders = self.shared.senders.lock();
            match effect {
                Effect::Connect(broker) => self.connect(broker),
                Effect::AskRoutes(topic) => self.ask_routes(topic),
                Effect::Assign { connection, fetch, topic, partition, start } => {
                    let bytes_max = self.shared.config.fetch_bytes_max.0;
                    let bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
                    if let Some(sender) = senders.get(&connection) {
                        sender.assign(fetch.0, topic, partition, start, bytes_max);
                    }
                }
                Effect::Unassign { connection, fetch } => {
                    if let Some(sender) = senders.get(&connection) {
                        sender.unassign(fetch.0);
                    }
                }
                Effect::Credit { connection, bytes } => {
                    if let Some(sender) = senders.get(&connection) {
                        sender.credit(bytes);
                    }
                }
                // What follows arms the timer anew.
                Effect::Rearm => {}
            }
        }
    }

    fn connect(&self, broker: BrokerId) {
        let (shared, reports) = (self.shared.clone(), self.reports.clone());
        self.shared.client.tasks().spawn_here("consumer connect", async move {
            match shared.client.open_fetch(broker).await {
                Ok((sender, receiver)) => {
                    // The driver may have ended meanwhile.
                    let _ = reports.send(Opened { broker, sender, receiver });
                }
                Err(error) => {
                    tracing::debug!(%broker, %error, "cannot connect, will try again");
                    let now = shared.now();
                    shared.session(|session| session.handle_connect_failed(broker, now));
                }
            }
        });
    }

    fn connected(&mut self, opened: Opened) {
        let Opened { broker, sender, receiver } = opened;
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.shared.senders.lock().insert(id, sender);
        let now = self.shared.now();
        self.shared.session(|session| session.handle_connected(broker, id, now));
        let reading = read(id, receiver, self.shared.clone());
        let reader = self.shared.client.tasks().spawn_here("consumer reader", reading);
        self.readers.retain(|_, reader| !reader.is_finished());
        self.readers.insert(id, reader);
    }

    fn ask_routes(&self, topic: TopicName) {
        let shared = self.shared.clone();
        self.shared.client.tasks().spawn_here("consumer routes", async move {
            let route = shared.client.route(&topic, true).await;
            let now = shared.now();
            shared.session(|session| match route {
                Ok(route) => session.handle_routes(&route, now),
                Err(error) => session.handle_routes_failed(&topic, &error, now),
            });
        });
    }
}

/// Hands to the session what a connection brings, until it ends.
async fn read(id: ConnectionId, mut receiver: FetchReceiver, shared: Arc<Shared>) {
    loop {
        match receiver.next().await {
            Ok(Some(event)) => hear(id, event, &shared),
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(connection = id.0, %error, "connection ended");
                break;
            }
        }
    }
    shared.senders.lock().remove(&id);
    let now = shared.now();
    shared.session(|session| session.handle_disconnected(id, now));
}

fn hear(id: ConnectionId, event: FetchEvent, shared: &Shared) {
    let now = shared.now();
    shared.session(|session| match event {
        FetchEvent::Assigned { fetch, offset, high_watermark } => {
            session.handle_assigned(FetchId(fetch), offset, high_watermark);
        }
        FetchEvent::Batches { fetch, batches, next_offset, high_watermark, cost } => {
            let fetch = FetchId(fetch);
            let received = Received { fetch, batches, next_offset, high_watermark, cost };
            session.handle_received(id, received);
        }
        FetchEvent::Ended { fetch, error } => session.handle_ended(FetchId(fetch), error, now),
    });
}

impl Drop for Driver {
    fn drop(&mut self) {
        for reader in self.readers.values() {
            reader.abort();
        }
    }
}
