//! Requests while brokers restart, answers get lost and networks fall silent: each is answered in the
//! end, or fails in the time that the settings give it.

use std::time::{Duration, Instant};

use ottla_client::{Client, ClientConfig, ClientError, ConfigChanges, NewTopic, OffsetAt};
use ottla_model::{Offset, PartitionId, TopicId};
use ottla_producer::{Producer, Record};
use ottla_server::{ListenAddress, RunningServer, Server, ServerConfig};
use ottla_testkit::Proxy;
use ottla_wire::v1;
use prost::Message as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const P0: PartitionId = PartitionId(0);
const SILENCE_MAX: Duration = Duration::from_millis(400);

/// Much longer than it takes to notice anything here, and much shorter than to wait in vain.
const IN_TIME: Duration = Duration::from_secs(15);

async fn start(directory: &tempfile::TempDir) -> RunningServer {
    let config = ServerConfig {
        data_dir: directory.path().join("data"),
        grpc: ListenAddress::At(([127, 0, 0, 1], 0).into()),
        http: ListenAddress::Off,
        ..ServerConfig::default()
    };
    Server::start(config).await.unwrap()
}

async fn client(proxy: &Proxy) -> Client {
    let config =
        ClientConfig::new(&proxy.address()).connect_timeout(SILENCE_MAX).silence_max(SILENCE_MAX);
    Client::connect(config).await.unwrap()
}

async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(IN_TIME, wait).await.expect("no wait without an end")
}

/// Everything that a command does before its first record goes on through the broker's restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_a_pause() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let client = client(&proxy).await;
    let admin = client.admin();
    admin.create_topic(NewTopic::new("old").partitions(1)).await.unwrap();
    server.shutdown().await.unwrap();
    let began = Instant::now();
    let back = async {
        tokio::time::sleep(SILENCE_MAX).await;
        let server = start(&directory).await;
        proxy.retarget(server.grpc_address().unwrap());
        server
    };
    let (server, created, old, offset, producer, deleted) = in_time(Box::pin(async {
        tokio::join!(
            back,
            admin.create_topic(NewTopic::new("new").partitions(2)),
            admin.describe_topic("old"),
            admin.list_offset("old", P0, OffsetAt::Latest),
            client.allocate_producer_id(),
            admin.delete_records("old", P0, Offset(0)),
        )
    }))
    .await;
    assert!(began.elapsed() >= SILENCE_MAX, "nobody could answer earlier");
    assert_eq!(created.unwrap().partitions, 2);
    assert_eq!(old.unwrap().partitions.len(), 1);
    assert_eq!(offset.unwrap().unwrap().offset, Offset(0));
    assert_eq!(deleted.unwrap(), Offset(0));
    producer.unwrap();
    server.shutdown().await.unwrap();
}

/// What was done, though its answer was lost, counts as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let client = client(&proxy).await;
    let admin = client.admin();
    let losing = async |cue: Option<Vec<u8>>| {
        let swallowed = proxy.swallowed();
        match cue {
            Some(request) => proxy.mute_upon(request),
            None => proxy.mute(true),
        }
        in_time(proxy.swallowed_since(swallowed)).await;
        proxy.mute(false);
    };
    let new = || NewTopic::new("lost").partitions(2);
    let (created, ()) =
        in_time(async { tokio::join!(admin.create_topic(new()), losing(None)) }).await;
    let created = created.unwrap();
    assert_eq!(created.partitions, 2);
    let twice = admin.create_topic(new()).await.unwrap_err();
    assert_eq!(twice.code(), Some("TOPIC_EXISTS"), "without a lost answer it is somebody else's");

    let topic = Some(created.id.into());
    let cue = v1::AddPartitionsRequest { topic, partitions: 5, validate_only: false };
    let cue = Some(cue.encode_to_vec());
    let (grown, ()) =
        in_time(async { tokio::join!(admin.add_partitions("lost", 5), losing(cue)) }).await;
    assert_eq!(grown.unwrap().partitions, 5);
    let changes = ConfigChanges {
        set: [("retention.ms".to_owned(), "1000".to_owned())].into(),
        ..ConfigChanges::default()
    };
    let topic = Some(created.id.into());
    let cue = v1::AlterTopicConfigRequest {
        topic,
        set: changes.set.clone(),
        unset: Vec::new(),
        validate_only: false,
    };
    let cue = Some(cue.encode_to_vec());
    let (altered, ()) =
        in_time(async { tokio::join!(admin.alter_topic_config("lost", changes), losing(cue)) })
            .await;
    assert!(altered.unwrap().iter().any(|entry| entry.value == "1000"));

    let cue = Some(deletion(created.id));
    let (deleted, ()) =
        in_time(async { tokio::join!(admin.delete_topic("lost"), losing(cue)) }).await;
    deleted.unwrap();
    assert!(admin.list_topics().await.unwrap().is_empty());
    server.shutdown().await.unwrap();
}

/// The request that deletes this topic, and no other.
fn deletion(id: TopicId) -> Vec<u8> {
    v1::DeleteTopicRequest { topic: Some(id.into()) }.encode_to_vec()
}

/// regression: a deletion whose answer was lost was made again by name, and took with it the topic that
/// somebody had made meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_made_again_outlives_a_retried_deletion() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let address = server.grpc_address().unwrap();
    let proxy = Proxy::start(address).await;
    let (client, direct) = (client(&proxy).await, Client::connect(address.to_string()).await);
    let (admin, direct) = (client.admin(), direct.unwrap().admin());
    let old = direct.create_topic(NewTopic::new("again")).await.unwrap();
    let made_again = async {
        let swallowed = proxy.swallowed();
        proxy.mute_upon(deletion(old.id));
        proxy.swallowed_since(swallowed).await;
        proxy.mute(false);
        loop {
            match direct.create_topic(NewTopic::new("again")).await {
                Ok(topic) => break topic,
                Err(error) => assert_eq!(error.code(), Some("TOPIC_EXISTS"), "it is not gone yet"),
            }
        }
    };
    let (deleted, new) =
        in_time(Box::pin(async { tokio::join!(admin.delete_topic("again"), made_again) })).await;
    deleted.unwrap();
    assert_eq!(direct.describe_topic("again").await.unwrap().id, new.id);
    server.shutdown().await.unwrap();
}

/// regression: "all that is there now", asked for again after a lost answer, took the records with it
/// that had been acknowledged meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_came_later_outlive_a_retried_deletion() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let address = server.grpc_address().unwrap();
    let proxy = Proxy::start(address).await;
    let (client, direct) = (client(&proxy).await, Client::connect(address.to_string()).await);
    let (admin, direct) = (client.admin(), direct.unwrap());
    let made = direct.admin().create_topic(NewTopic::new("kept").partitions(1)).await.unwrap();
    let producer = Producer::builder(&direct).build().await.unwrap();
    let topic = producer.topic("kept").await.unwrap();
    let append = async || {
        let records = (0..10).map(|_| Record::new("x"));
        topic.send_many(records).await.unwrap().await.unwrap();
    };
    append().await;
    let appended = async {
        let swallowed = proxy.swallowed();
        let before = v1::RecordsBefore { partition: 0, before_offset: 10 };
        let request =
            v1::DeleteRecordsRequest { topic: Some(made.id.into()), partitions: vec![before] };
        proxy.mute_upon(request.encode_to_vec());
        proxy.swallowed_since(swallowed).await;
        proxy.mute(false);
        append().await;
    };
    let (deleted, ()) =
        in_time(async { tokio::join!(admin.delete_records("kept", P0, Offset(-1)), appended) })
            .await;
    assert_eq!(deleted.unwrap(), Offset(10));
    let earliest = direct.admin().list_offset("kept", P0, OffsetAt::Earliest).await.unwrap();
    assert_eq!(earliest.unwrap().offset, Offset(10));
    let latest = direct.admin().list_offset("kept", P0, OffsetAt::Latest).await.unwrap();
    assert_eq!(latest.unwrap().offset, Offset(20));
    server.shutdown().await.unwrap();
}

/// With the settings as they are by default, which is why this takes some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_noticed_within_ten_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let proxy = Proxy::start(server.grpc_address().unwrap()).await;
    let client = Client::connect(proxy.address()).await.unwrap();
    let broker = client.admin().describe_cluster().await.unwrap().brokers[0].id;
    let (_produce, mut acknowledged) = client.open_produce(broker).await.unwrap();
    let (_fetch, mut fetched) = client.open_fetch(broker).await.unwrap();
    acknowledged.next().await.unwrap().expect("a stream begins with its window");
    proxy.freeze();
    let began = Instant::now();
    let (acknowledged, fetched) =
        in_time(async { tokio::join!(acknowledged.next(), fetched.next()) }).await;
    assert!(matches!(acknowledged, Err(ClientError::ConnectionLost { .. })), "{acknowledged:?}");
    assert!(matches!(fetched, Err(ClientError::ConnectionLost { .. })), "{fetched:?}");
    let noticed = began.elapsed();
    // A busy machine may take a little longer than the settings say.
    assert!(client.config().silence_max <= Duration::from_secs(10));
    assert!(noticed >= client.config().silence_max / 2, "noticed after {noticed:?}");
    server.shutdown().await.unwrap();
}

/// A listener whose queue is full: the network drops whoever knocks, and tells nobody.
async fn unreachable() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(knock) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        waiting.push(knock.unwrap());
        assert!(waiting.len() < 10, "the queue of a listener is as long as it was told");
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_connection_that_is_not_made_is_given_up() {
    let (listener, _waiting) = unreachable().await;
    let config =
        ClientConfig::new(&listener.local_addr().unwrap().to_string()).connect_timeout(SILENCE_MAX);
    let error = in_time(Client::connect(config)).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. } | ClientError::NoAnswer { .. }),
        "{error}"
    );
}

/// One that takes connections and says nothing is passed over: the others are asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_broker_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(&directory).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = format!("{},{}", silent.local_addr().unwrap(), server.grpc_address().unwrap());
    let config =
        ClientConfig::new(&addresses).connect_timeout(SILENCE_MAX * 10).silence_max(SILENCE_MAX);
    let client = in_time(Client::connect(config)).await.unwrap();
    client.admin().create_topic(NewTopic::new("reached")).await.unwrap();
    server.shutdown().await.unwrap();
}
