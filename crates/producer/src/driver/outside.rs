//! What goes on outside: connections and questions, each in a task of its own that reports back.

use std::sync::Arc;

use bytes::Bytes;
use ottla_client::produce::{ProduceAck, ProduceEvent, ProduceReceiver, ProduceSender};
use ottla_client::{ClientError, TopicRoute};
use ottla_model::{BrokerId, ProducerEpoch, ProducerId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Driver;
use crate::error::ProducerError;
use crate::machine::{
    Ack, Answer, BatchId, ConnectionId, Correlation, Ending, LineId, TopicKey, Window,
};

/// A broker that is shutting down ends its streams with this.
const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
/// What the cluster says of a topic that was deleted.
const UNKNOWN_TOPIC: &str = "UNKNOWN_TOPIC";

pub(super) struct Connection {
    pub(super) sender: ProduceSender,
    reader: JoinHandle<()>,
}

/// What a task reports.
pub(super) enum Event {
    Connected(BrokerId, Box<Opened>),
    Heard(ConnectionId, ProduceEvent),
    Ended(ConnectionId, Ending),
    Routes(TopicKey, Result<Arc<TopicRoute>, ClientError>),
    ProducerId(Result<(ProducerId, ProducerEpoch), ClientError>),
    /// A batch was compressed, or lost by a panic.
    Packed(LineId, BatchId, Option<Bytes>),
}

type Opened = Result<(ProduceSender, ProduceReceiver), ClientError>;

impl Driver {
    pub(super) fn take_event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Connected(broker, opened) => self.opened(broker, *opened),
            Event::Heard(connection, heard) => self.heard(connection, heard),
            Event::Ended(connection, ending) => {
                tracing::debug!(connection = connection.0, ?ending, "connection ended");
                self.connections.remove(&connection);
                self.machine.handle_disconnected(connection, ending, now);
            }
            Event::Routes(topic, Ok(route)) => self.routed(topic, &route),
            Event::Routes(topic, Err(error)) if error.code() == Some(UNKNOWN_TOPIC) => {
                self.topic_gone(topic);
            }
            Event::Routes(topic, Err(error)) => {
                self.machine.handle_routes_failed(topic, error.to_string(), now);
            }
            Event::ProducerId(Ok((producer, epoch))) => {
                self.machine.handle_producer_id(producer, epoch, now);
            }
            Event::Packed(line, batch, packed) => self.packed(line, batch, packed),
            Event::ProducerId(Err(error)) => {
                self.machine.handle_producer_id_failed(&error.to_string(), now);
            }
        }
    }

    pub(super) fn connect(&mut self, broker: BrokerId) {
        let (client, reports) = (self.shared.client.clone(), self.reports.clone());
        self.shared.client.tasks().spawn_here("producer connect", async move {
            // The driver may have ended meanwhile; so with the other reports.
            let opened = client.open_produce(broker).await;
            let _ = reports.send(Event::Connected(broker, Box::new(opened)));
        });
    }

    fn opened(&mut self, broker: BrokerId, opened: Opened) {
        match opened {
            Ok((sender, receiver)) => self.connected(broker, sender, receiver),
            Err(error) => {
                tracing::debug!(%broker, %error, "cannot connect, will try again");
                let now = self.now();
                self.machine.handle_connect_failed(broker, error.to_string(), now);
            }
        }
    }

    fn connected(&mut self, broker: BrokerId, sender: ProduceSender, receiver: ProduceReceiver) {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let reading = read(id, receiver, self.reports.clone());
        let reader = self.shared.client.tasks().spawn_here("producer reader", reading);
        self.connections.insert(id, Connection { sender, reader });
        let now = self.now();
        self.machine.handle_connected(broker, id, now);
    }

    fn heard(&mut self, connection: ConnectionId, heard: ProduceEvent) {
        let now = self.now();
        let (correlation, answer) = match heard {
            ProduceEvent::Window { requests_max, bytes_max, incarnation } => {
                let window = Window { requests_max, bytes_max };
                return self.machine.handle_window(connection, window, incarnation, now);
            }
            ProduceEvent::Acknowledged { correlation, ack } => {
                (correlation, Answer::Acknowledged(ack.into()))
            }
            ProduceEvent::Refused { correlation, error } => (correlation, Answer::Refused(error)),
        };
        self.machine.handle_answer(connection, Correlation(correlation), answer, now);
    }

    pub(super) fn abandon(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.remove(&connection) {
            connection.reader.abort();
        }
    }

    pub(super) fn ask_routes(&self, topic: TopicKey) {
        let name = self.topics[topic.0 as usize].route.name.clone();
        let (client, reports) = (self.shared.client.clone(), self.reports.clone());
        self.shared.client.tasks().spawn_here("producer routes", async move {
            let route = client.route(&name, true).await;
            let _ = reports.send(Event::Routes(topic, route));
        });
    }

    fn routed(&mut self, key: TopicKey, route: &Arc<TopicRoute>) {
        let topic = self.topics[key.0 as usize].clone();
        if topic.route.id != route.id {
            return self.topic_gone(key);
        }
        for gathering in topic.partitions.read().iter() {
            gathering.set_batch_bytes_max(route.batch_bytes_max);
        }
        self.shared.grow(&topic, route);
        let now = self.now();
        self.machine.handle_routes(key, &route.leaders, now);
    }

    fn topic_gone(&mut self, key: TopicKey) {
        let topic = self.topics[key.0 as usize].clone();
        let why = ProducerError::TopicGone { topic: topic.route.name.clone() };
        self.shared.forget_topic(&topic);
        for gathering in topic.partitions.read().iter() {
            let gathered = gathering.end(why.clone());
            self.hand_over(gathering.line, gathered);
            self.drop_packets(gathering.line, &why);
        }
        let now = self.now();
        self.machine.handle_topic_gone(key, &why, now);
    }

    pub(super) fn ask_producer_id(&self) {
        let (client, reports) = (self.shared.client.clone(), self.reports.clone());
        self.shared.client.tasks().spawn_here("producer id", async move {
            let _ = reports.send(Event::ProducerId(client.allocate_producer_id().await));
        });
    }
}

/// Reports what a connection brings, until it ends.
async fn read(
    id: ConnectionId,
    mut receiver: ProduceReceiver,
    reports: mpsc::UnboundedSender<Event>,
) {
    let ending = loop {
        match receiver.next().await {
            Ok(Some(heard)) => {
                if reports.send(Event::Heard(id, heard)).is_err() {
                    return;
                }
            }
            Ok(None) => break Ending::Broken("the broker ended the stream".to_owned()),
            Err(error) if error.code() == Some(SHUTTING_DOWN) => break Ending::Drained,
            Err(error) => break Ending::Broken(error.to_string()),
        }
    };
    let _ = reports.send(Event::Ended(id, ending));
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl From<ProduceAck> for Ack {
    fn from(ack: ProduceAck) -> Self {
        let ProduceAck { base_offset, log_append_time, acks, durability, duplicate } = ack;
        Self { base_offset, log_append_time, acks, durability, duplicate }
    }
}
