//! Peers that hold, stall or flood: each has its time and its measure, and its neighbour notices nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ottla_grpc_listener::{GrpcListener, GrpcSettings};
use ottla_model::ByteCount;
use ottla_runtime::{Metrics, Shutdown, Tasks};
use ottla_wire::{RichError, transport, v1};
use tonic::Code;
use v1::cluster_service_client::ClusterServiceClient;
use v1::fetch_request::Request;

use crate::peer::{
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PING, PREFACE, Peer, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, frame, headers,
};
use crate::support::{Door, Fetch, PATIENCE, assign};

const SHORT: Duration = Duration::from_millis(300);
const NO_PAUSE: Duration = Duration::ZERO;
const PRODUCE: &str = "/ottla.v1.ProducerService/Produce";
const FETCH: &str = "/ottla.v1.ConsumerService/Fetch";

/// A second listener to the same broker, with limits that a test can reach.
struct Strict {
    door: Door,
    listener: GrpcListener,
    metrics: Metrics,
}

impl Strict {
    async fn open(change: impl FnOnce(&mut GrpcSettings)) -> Self {
        let door = Door::open().await;
        let mut settings = GrpcSettings {
            handshake_timeout: SHORT,
            first_call_timeout: SHORT,
            idle_max: SHORT,
            goodbye_timeout: SHORT,
            ..GrpcSettings::default()
        };
        change(&mut settings);
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (broker, metrics) = (door.server.broker().clone(), Metrics::new());
        let tasks = Tasks::here(Shutdown::new());
        let listener = GrpcListener::start(socket, broker, tasks, &metrics, settings);
        Self { door, listener: listener.expect("it starts"), metrics }
    }

    fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    async fn client(&self) -> ClusterServiceClient<tonic::transport::Channel> {
        let endpoint = transport::endpoint(&self.address().to_string()).expect("an address");
        ClusterServiceClient::new(endpoint.connect().await.expect("it listens"))
    }

    async fn fetch(&self) -> Fetch {
        let endpoint = transport::endpoint(&self.address().to_string()).expect("an address");
        Fetch::open(&endpoint.connect().await.expect("it listens")).await
    }

    async fn still_serves(&self) {
        let asked = v1::DescribeClusterRequest::default();
        let answer = tokio::time::timeout(PATIENCE, async {
            self.client().await.describe_cluster(asked).await
        });
        answer.await.expect("in time").expect("an answer");
    }

    /// Nothing of what was left is still there.
    async fn is_rid_of_all(&self) {
        let began = Instant::now();
        while !self.metrics.render().contains("ottla_grpc_connections 0") {
            assert!(began.elapsed() < PATIENCE, "{}", self.metrics.render());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(self.metrics.render().contains("ottla_grpc_calls 0"));
    }
}

#[tokio::test]
async fn who_stops_half_way_is_let_go() {
    let door = Strict::open(|_| {}).await;
    let call = frame(HEADERS, END_HEADERS, 1, &headers(FETCH));
    let begun = frame(HEADERS, 0, 1, &headers(FETCH));
    for half in [
        Vec::new(),
        PREFACE[..10].to_vec(),
        // Nothing after the preface; half a frame; headers that are not ended.
        PREFACE.to_vec(),
        [PREFACE, &frame(SETTINGS, 0, 0, &[]), &call[..20]].concat(),
        [PREFACE, &frame(SETTINGS, 0, 0, &[]), &begun].concat(),
    ] {
        let mut peer = Peer::connect(door.address()).await;
        assert!(peer.send(&half).await);
        peer.rest().await;
    }
    door.still_serves().await;
    door.is_rid_of_all().await;
}

#[tokio::test]
async fn a_preface_byte_by_byte_has_no_more_time() {
    let door = Strict::open(|_| {}).await;
    let mut peer = Peer::connect(door.address()).await;
    let began = Instant::now();
    for byte in PREFACE {
        if !peer.send(&[*byte]).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    peer.rest().await;
    assert!(began.elapsed() < 24 * Duration::from_millis(50) + PATIENCE / 2);
    door.still_serves().await;
}

#[tokio::test]
async fn who_does_not_call_any_more_is_told_to_go_and_comes_again() {
    let door = Strict::open(|_| {}).await;
    let mut client = door.client().await;
    client.describe_cluster(v1::DescribeClusterRequest::default()).await.expect("an answer");
    door.is_rid_of_all().await;
    client
        .describe_cluster(v1::DescribeClusterRequest::default())
        .await
        .expect("on a new connection");

    let kinds = Peer::greeted(door.address()).await.rest().await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
}

#[tokio::test]
async fn a_call_that_waits_is_no_idleness() {
    let door = Strict::open(|_| {}).await;
    let mut peer = Peer::greeted(door.address()).await;
    assert!(peer.send(&frame(HEADERS, END_HEADERS, 1, &headers(FETCH))).await);
    assert!(!peer.flood(&[], 0, NO_PAUSE).await, "a second is more than its idle time");
}

#[tokio::test]
async fn a_request_that_never_ends_is_ended() {
    let door = Strict::open(|settings| {
        settings.unary_call_max = SHORT;
        settings.first_call_timeout = Duration::from_secs(2);
    })
    .await;
    let path = "/ottla.v1.ClusterService/DescribeCluster";
    let mut peer = Peer::greeted(door.address()).await;
    // Headers, and a message of which one byte comes.
    assert!(peer.send(&frame(HEADERS, END_HEADERS, 1, &headers(path))).await);
    assert!(peer.send(&frame(DATA, 0, 1, &[0, 0, 0, 0, 9, 8])).await);
    let kinds = peer.rest().await;
    assert!(kinds.contains(&HEADERS), "its call is answered: {kinds:?}");
    let counted =
        "method=\"ottla.v1.ClusterService/DescribeCluster\",code=\"DEADLINE_EXCEEDED\"} 1";
    assert!(door.metrics.render().contains(counted), "{}", door.metrics.render());
}

#[tokio::test]
async fn floods_end_their_connection() {
    let door = Strict::open(|settings| settings.first_call_timeout = PATIENCE).await;
    let open = || frame(HEADERS, END_HEADERS, 1, &headers(FETCH));
    let begun = || frame(HEADERS, 0, 1, &headers(FETCH));
    for (what, first, flooded) in [
        ("settings", Vec::new(), frame(SETTINGS, 0, 0, &[])),
        ("pings", Vec::new(), frame(PING, 0, 0, &[7; 8])),
        ("window updates", Vec::new(), frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("empty data", open(), frame(DATA, 0, 1, &[])),
        ("continuations", begun(), frame(CONTINUATION, 0, 1, &[])),
        ("unknown frames", Vec::new(), frame(99, 0, 0, &[1])),
    ] {
        let mut peer = Peer::greeted(door.address()).await;
        assert!(peer.send(&first).await, "{what}");
        assert!(peer.flood(&flooded.repeat(1_000), 300, NO_PAUSE).await, "{what}");
        door.still_serves().await;
    }
    door.is_rid_of_all().await;
}

#[tokio::test]
async fn rapid_resets_end_their_connection_at_once_or_paced() {
    let door = Strict::open(|settings| settings.first_call_timeout = PATIENCE).await;
    let resets = |first: u32, count: u32| -> Vec<u8> {
        let pair = |n: u32| {
            let stream = first + 2 * n;
            [
                frame(HEADERS, END_HEADERS, stream, &headers(FETCH)),
                frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]),
            ]
            .concat()
        };
        (0..count).flat_map(pair).collect()
    };
    let mut peer = Peer::greeted(door.address()).await;
    // The rest of it may find the connection closed.
    let _ = peer.send(&resets(1, 2_000)).await;
    assert!(peer.flood(&[], 0, NO_PAUSE).await, "at once");

    // So few at a time that each call has begun before it is reset.
    let mut peer = Peer::greeted(door.address()).await;
    let mut open = true;
    for batch in 0..150 {
        open = peer.send(&resets(1 + 40 * batch, 20)).await;
        if !open {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!open || peer.flood(&[], 0, NO_PAUSE).await, "paced");
    door.still_serves().await;
    door.is_rid_of_all().await;
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_and_say_so() {
    let door = Strict::open(|settings| settings.calls_max = 1).await;
    let mut peer = Peer::greeted(door.address()).await;
    assert!(peer.send(&frame(HEADERS, END_HEADERS, 1, &headers(FETCH))).await);
    let mut client = door.client().await;
    let refused = loop {
        match client.describe_cluster(v1::DescribeClusterRequest::default()).await {
            // The peer's call has not arrived yet.
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(status) => break status,
        }
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(RichError::from(&refused).reason, "TOO_MANY_CALLS");
    drop(peer);
    door.is_rid_of_all().await;
    door.still_serves().await;
}

#[tokio::test]
async fn fetches_beyond_the_limit_of_all_streams_are_refused_alone() {
    let door = Strict::open(|settings| settings.fetches_all_max = 2).await;
    door.door.create_topic("flights", 1).await.expect("a good name");
    let mut first = door.fetch().await;
    let mut second = door.fetch().await;
    let wanted = |id| Request::Assign(assign(id, "flights", 0));
    first.send(wanted(1));
    first.assigned().await;
    second.send(wanted(1));
    second.assigned().await;
    second.send(wanted(2));
    let (fetch_id, error) = second.ended().await;
    assert_eq!((fetch_id, error.expect("a reason").reason.as_str()), (2, "TOO_MANY_FETCHES"));
    first.send(Request::Unassign(v1::fetch_request::Unassign { fetch_id: 1 }));
    first.ended().await;
    second.send(wanted(3));
    second.assigned().await;
    assert!(door.metrics.render().contains("ottla_grpc_fetches 2"));
    drop((first, second));
    door.is_rid_of_all().await;
    assert!(door.metrics.render().contains("ottla_grpc_fetches 0"));
}

#[tokio::test]
async fn requests_that_are_held_back_are_bounded_together() {
    let door = Strict::open(|settings| {
        settings.request_bytes_max = ByteCount(100_000);
        settings.first_call_timeout = PATIENCE;
    })
    .await;
    let most = [&[0, 0, 1, 0x86, 0xa0][..], &[7; 60_000]].concat();
    for path in [PRODUCE, "/ottla.v1.ProducerService/Publish"] {
        let mut holding = Peer::greeted(door.address()).await;
        // Until it knows of the window of the connection, it may not send more than 64 KiB.
        tokio::time::sleep(SHORT / 3).await;
        for (stream, bytes) in [(1, &most[..]), (3, &most[..10_000])] {
            assert!(holding.send(&frame(HEADERS, END_HEADERS, stream, &headers(path))).await);
            for part in bytes.chunks(10_000) {
                assert!(holding.send(&frame(DATA, 0, stream, part)).await);
            }
        }
        let mut refused = Peer::greeted(door.address()).await;
        assert!(refused.send(&frame(HEADERS, END_HEADERS, 1, &headers(path))).await);
        let counted = format!("method=\"{}\",code=\"RESOURCE_EXHAUSTED\"}} 1", &path[1..]);
        let began = Instant::now();
        for part in most.chunks(10_000) {
            refused.send(&frame(DATA, 0, 1, part)).await;
        }
        while !door.metrics.render().contains(&counted) {
            assert!(began.elapsed() < PATIENCE, "{}", door.metrics.render());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop((holding, refused));
        door.is_rid_of_all().await;
        assert!(door.metrics.render().contains("ottla_grpc_request_bytes 0"));
        door.still_serves().await;
    }
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let door = Strict::open(|settings| {
        settings.connections_per_address_max = 2;
        settings.handshake_timeout = PATIENCE;
    })
    .await;
    let (first, _second) =
        (Peer::connect(door.address()).await, Peer::connect(door.address()).await);
    assert!(Peer::connect(door.address()).await.rest().await.is_empty(), "closed at once");
    assert!(door.metrics.render().contains("ottla_grpc_connections_refused_total 1"));
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    door.still_serves().await;
    // The broker's own door has limits of its own.
    door.door.create_topic("flights", 1).await.expect("it serves");
}
