//! The consumer over a network that ends connections, or swallows what they carry and ends nothing:
//! every record comes once and in order, and no wait is without an end.

use std::time::Duration;

use futures::StreamExt;
use ottla_client::NewTopic;
use ottla_consumer::{Client, ClientConfig, Consumer, Start};
use ottla_model::{ByteCount, KIB, PartitionId};
use ottla_producer::{Producer, Record};
use ottla_server::testing::TestServer;
use ottla_testkit::Proxy;

/// What a connection may be silent here; and how long one may take to be made.
const SILENCE_MAX: Duration = Duration::from_millis(400);

/// Much longer than it takes to notice a silence, and much shorter than to wait for one in vain.
const IN_TIME: Duration = Duration::from_secs(15);

/// A broker with a topic `numbers`, and a network in front of it.
struct World {
    _server: TestServer,
    proxy: Proxy,
    direct: Client,
    partitions: u32,
    appended: u32,
}

impl World {
    async fn new(partitions: u32) -> Self {
        let server = ottla_server::testing::start().await;
        let proxy = Proxy::start(server.grpc_address().unwrap()).await;
        let direct = Client::connect(server.grpc()).await.unwrap();
        let topic = NewTopic::new("numbers").partitions(partitions);
        direct.admin().create_topic(topic).await.unwrap();
        Self { _server: server, proxy, direct, partitions, appended: 0 }
    }

    /// Every partition gets so many numbers more, in small batches, past the network.
    async fn append(&mut self, count: u32) {
        let producer = Producer::builder(&self.direct).batch_bytes(ByteCount(2 * KIB));
        let producer = producer.build().await.unwrap();
        let topic = producer.topic("numbers").await.unwrap();
        let texts: Vec<_> = (self.appended..self.appended + count).map(|n| n.to_string()).collect();
        for partition in (0..self.partitions).map(PartitionId) {
            let records = texts.iter().map(|text| Record::new(text).partition(partition));
            topic.send_many(records).await.unwrap().await.unwrap();
        }
        self.appended += count;
    }

    async fn client(&self) -> Client {
        let config = ClientConfig::new(&self.proxy.address())
            .connect_timeout(SILENCE_MAX)
            .silence_max(SILENCE_MAX);
        Client::connect(config).await.unwrap()
    }

    /// A consumer that has read everything that is there.
    async fn reader(&self) -> Reader {
        let client = self.client().await;
        let consumer = Consumer::builder(&client)
            .fetch_bytes_max(ByteCount(4 * KIB))
            .prefetch_bytes_max(ByteCount(16 * KIB))
            .build()
            .await
            .unwrap();
        consumer.assign_topic("numbers", Start::Earliest).await.unwrap();
        let mut reader = Reader { consumer, read: vec![0; self.partitions as usize] };
        reader.read_up_to(self.appended).await;
        reader
    }
}

struct Reader {
    consumer: Consumer,
    /// How many numbers of each partition came.
    read: Vec<u32>,
}

impl Reader {
    async fn next(&mut self) {
        let next = tokio::time::timeout(IN_TIME, self.consumer.next()).await;
        let record = next.expect("no wait without an end").expect("it never ends").unwrap();
        let partition = record.partition().0 as usize;
        let value = String::from_utf8(record.value().unwrap().to_vec()).unwrap();
        assert_eq!(value, self.read[partition].to_string(), "no gap and no repeat");
        self.read[partition] += 1;
    }

    async fn read_up_to(&mut self, count: u32) {
        while self.read.iter().any(|read| *read < count) {
            self.next().await;
        }
    }
}

/// Whatever ends or swallows the connections, while it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_leave_neither_gap_nor_repeat() {
    let mut world = World::new(3).await;
    let mut reader = world.reader().await;
    world.append(5000).await;
    for count in 0..15_000 {
        match count % 2000 {
            500 => world.proxy.cut(),
            // Nobody ends these: the consumer has to notice.
            1000 => world.proxy.freeze(),
            1500 => world.proxy.mute(true),
            1501 => world.proxy.mute(false),
            _ => {}
        }
        reader.next().await;
    }
    assert_eq!(reader.read, [5000; 3]);
    let metrics = reader.consumer.metrics();
    assert_eq!((metrics.records >= 15_000, metrics.partitions), (true, 3), "{metrics:?}");
    assert!(metrics.disconnects > 3 && metrics.prefetched_bytes < 64 * KIB, "{metrics:?}");
    let text = metrics.prometheus();
    assert!(
        text.ends_with("# TYPE ottla_consumer_partitions gauge\nottla_consumer_partitions 3\n")
    );
}

/// The connection that carries the fetches falls silent in both directions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_replaced_while_assigned() {
    let mut world = World::new(2).await;
    world.append(10).await;
    let mut reader = world.reader().await;
    for _ in 0..3 {
        world.proxy.freeze();
        world.append(10).await;
        reader.read_up_to(world.appended).await;
    }
}

/// Answers alone are lost, or requests alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_direction_is_enough() {
    let mut world = World::new(1).await;
    world.append(10).await;
    let mut reader = world.reader().await;
    for way in [Proxy::mute, Proxy::deafen] {
        let swallowed = world.proxy.swallowed();
        way(&world.proxy, true);
        world.append(10).await;
        // An answer, or a request for a sign of life.
        in_time(world.proxy.swallowed_since(swallowed)).await;
        way(&world.proxy, false);
        reader.read_up_to(world.appended).await;
    }
}

/// The connection is made, and nothing is heard on it from its first byte on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_without_an_answer_is_given_up() {
    let mut world = World::new(1).await;
    world.append(10).await;
    let mut reader = world.reader().await;
    for way in [Proxy::mute, Proxy::deafen] {
        let (swallowed, connections) = (world.proxy.swallowed(), world.proxy.connections());
        way(&world.proxy, true);
        world.proxy.cut();
        in_time(world.proxy.connected_since(connections)).await;
        in_time(world.proxy.swallowed_since(swallowed)).await;
        way(&world.proxy, false);
        world.append(10).await;
        reader.read_up_to(world.appended).await;
    }
}

/// The look-up of the leaders falls into a silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assignment_outlasts_a_silence() {
    let mut world = World::new(2).await;
    world.append(10).await;
    let client = world.client().await;
    let consumer = Consumer::builder(&client).build().await.unwrap();
    world.proxy.freeze();
    in_time(consumer.assign_topic("numbers", Start::Earliest)).await.unwrap();
    let mut reader = Reader { consumer, read: vec![0; 2] };
    reader.read_up_to(10).await;
}

async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(IN_TIME, wait).await.expect("no wait without an end")
}
