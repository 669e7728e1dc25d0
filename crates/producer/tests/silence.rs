//! The producer over a network that swallows what connections carry and ends nothing: every record
//! is in the log once and in order, and no wait is without an end.

use std::time::Duration;

use futures::StreamExt;
use ottla_client::NewTopic;
use ottla_consumer::{Consumer, Start};
use ottla_producer::{Client, ClientConfig, Delivery, Producer, Record, TopicProducer};
use ottla_server::testing::TestServer;
use ottla_testkit::Proxy;

/// What a connection may be silent here; and how long one may take to be made.
const SILENCE_MAX: Duration = Duration::from_millis(400);

/// Much longer than it takes to notice a silence, and much shorter than to wait for one in vain.
const IN_TIME: Duration = Duration::from_secs(15);

struct World {
    _server: TestServer,
    proxy: Proxy,
    direct: Client,
    client: Client,
    sent: u32,
}

impl World {
    async fn new() -> Self {
        let server = ottla_server::testing::start().await;
        let proxy = Proxy::start(server.grpc_address().unwrap()).await;
        let direct = Client::connect(server.grpc()).await.unwrap();
        direct.admin().create_topic(NewTopic::new("silence").partitions(1)).await.unwrap();
        let config = ClientConfig::new(&proxy.address())
            .connect_timeout(SILENCE_MAX)
            .silence_max(SILENCE_MAX);
        let client = Client::connect(config).await.unwrap();
        Self { _server: server, proxy, direct, client, sent: 0 }
    }

    async fn topic(&self) -> TopicProducer {
        let producer = Producer::builder(&self.client).build().await.unwrap();
        in_time(producer.topic("silence")).await.unwrap()
    }

    async fn send(&mut self, topic: &TopicProducer) -> Delivery {
        let value = self.sent.to_string();
        self.sent += 1;
        topic.send(Record::new(&value)).await.unwrap()
    }

    /// Everything that was sent is in the log, once and in order.
    async fn check(&self) {
        let log = self.direct.admin().describe_topic("silence").await.unwrap();
        let end = log.partitions[0].high_watermark.expect("it is led").0;
        assert_eq!(end, i64::from(self.sent), "no gap and no repeat");
        let mut consumer = Consumer::builder(&self.direct).build().await.unwrap();
        consumer.assign_topic("silence", Start::Earliest).await.unwrap();
        for number in 0..self.sent {
            let record = in_time(consumer.next()).await.unwrap().unwrap();
            assert_eq!(record.value(), Some(number.to_string().as_bytes()));
        }
    }
}

async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(IN_TIME, wait).await.expect("no wait without an end")
}

/// The connection that carries the batches falls silent: with nothing under way, and in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_replaced() {
    let mut world = World::new().await;
    let topic = world.topic().await;
    in_time(world.send(&topic).await).await.unwrap();
    for _ in 0..3 {
        let mut deliveries = Vec::new();
        for number in 0..30 {
            deliveries.push(world.send(&topic).await);
            if number == 15 {
                world.proxy.freeze();
            }
        }
        for delivery in deliveries {
            in_time(delivery).await.unwrap();
        }
        world.proxy.freeze();
        in_time(world.send(&topic).await).await.unwrap();
    }
    world.check().await;
}

/// Answers alone are lost, or requests alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_direction_is_enough() {
    let mut world = World::new().await;
    let topic = world.topic().await;
    in_time(world.send(&topic).await).await.unwrap();
    for way in [Proxy::mute, Proxy::deafen] {
        let swallowed = world.proxy.swallowed();
        way(&world.proxy, true);
        let delivery = world.send(&topic).await;
        in_time(world.proxy.swallowed_since(swallowed)).await;
        way(&world.proxy, false);
        in_time(delivery).await.unwrap();
    }
    world.check().await;
}

/// The connection is made, and nothing is heard on it from its first byte on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_without_an_answer_is_given_up() {
    let mut world = World::new().await;
    let topic = world.topic().await;
    in_time(world.send(&topic).await).await.unwrap();
    for way in [Proxy::mute, Proxy::deafen] {
        let (swallowed, connections) = (world.proxy.swallowed(), world.proxy.connections());
        way(&world.proxy, true);
        world.proxy.cut();
        let delivery = world.send(&topic).await;
        in_time(world.proxy.connected_since(connections)).await;
        in_time(world.proxy.swallowed_since(swallowed)).await;
        way(&world.proxy, false);
        in_time(delivery).await.unwrap();
    }
    world.check().await;
}

/// The look-up of the leader, the producer id and the first connection each fall into a silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beginning_outlasts_a_silence() {
    let mut world = World::new().await;
    world.proxy.freeze();
    let topic = world.topic().await;
    world.proxy.freeze();
    let (swallowed, connections) = (world.proxy.swallowed(), world.proxy.connections());
    world.proxy.mute(true);
    let delivery = world.send(&topic).await;
    in_time(world.proxy.connected_since(connections)).await;
    in_time(world.proxy.swallowed_since(swallowed)).await;
    world.proxy.mute(false);
    in_time(delivery).await.unwrap();
    world.check().await;
}
