//! Hostile peers of the HTTP door: each costs its own connection, and the next probe is answered.

use std::time::{Duration, Instant};

use ottla_http_listener::{HttpListener, HttpSettings};
use ottla_runtime::{Metrics, Shutdown, Tasks};
use ottla_server::testing::TestServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

struct Door {
    _server: TestServer,
    listener: HttpListener,
}

impl Door {
    async fn open(change: impl FnOnce(&mut HttpSettings)) -> Self {
        let server = ottla_server::testing::start().await;
        let mut settings = HttpSettings::default();
        change(&mut settings);
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (broker, tasks) = (server.broker().clone(), Tasks::here(Shutdown::new()));
        let listener = HttpListener::start(socket, broker, Metrics::new(), tasks, settings);
        Self { _server: server, listener: listener.expect("it starts") }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.listener.address()).await.expect("it listens")
    }

    /// What is answered to these bytes until the door closes the connection.
    async fn answer_to(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // Where it was closed already, the answer says so.
        let _ = stream.write_all(bytes).await;
        rest_of(stream).await
    }

    async fn still_serves(&self) {
        let request = b"GET /health/ready HTTP/1.1\r\nhost: o\r\nconnection: close\r\n\r\n";
        let answer = self.answer_to(request).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ready\n"), "{answer}");
    }
}

/// What comes until the door closes the connection, which it does in time.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is as good as an end.
    let _ = read.expect("it closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_says_nothing_or_half_of_it_is_let_go() {
    let door = Door::open(|settings| settings.head_timeout = SHORT).await;
    let began = Instant::now();
    for half in [&b""[..], b"GET", b"GET / HTTP/1.1\r\nhost: o\r\nx-slow: "] {
        door.answer_to(half).await;
    }
    assert!(began.elapsed() >= 3 * SHORT, "each had its time");
    door.still_serves().await;
}

#[tokio::test]
async fn who_says_it_byte_by_byte_is_let_go_too() {
    let door = Door::open(|settings| settings.head_timeout = SHORT).await;
    let mut stream = door.connect().await;
    let began = Instant::now();
    while stream.write_all(b"a").await.is_ok() {
        assert!(began.elapsed() < PATIENCE, "it listens for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    door.still_serves().await;
}

#[tokio::test]
async fn who_asks_and_never_reads_is_cut() {
    let door = Door::open(|settings| settings.connection_age_max = SHORT).await;
    let mut stream = door.connect().await;
    let asking = async {
        while stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: o\r\n\r\n").await.is_ok() {}
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("its connection ends");
    door.still_serves().await;
}

#[tokio::test]
async fn a_head_without_end_is_refused_at_its_limit() {
    let door = Door::open(|_| {}).await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: o\r\n\r\n", "x".repeat(1_000_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    for head in [long, many] {
        let answer = door.answer_to(head.as_bytes()).await;
        // It may be reset before the answer is read, as not all of it was.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    door.still_serves().await;
}

#[tokio::test]
async fn one_address_cannot_hold_the_door_shut() {
    let door = Door::open(|settings| settings.connections_max.address = 2).await;
    let (first, _second) = (door.connect().await, door.connect().await);
    // Accepted in the order in which they came: the third finds two.
    assert_eq!(door.answer_to(b"GET / HTTP/1.1\r\nhost: o\r\n\r\n").await, "");
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    door.still_serves().await;
}

#[tokio::test]
async fn a_body_is_nothing_to_anybody() {
    let door = Door::open(|_| {}).await;
    let head = "POST / HTTP/1.1\r\nhost: o\r\nconnection: close\r\n";
    for body in
        ["content-length: 99999999999999999999\r\n\r\n", "transfer-encoding: chunked\r\n\r\nzz"]
    {
        let answer = door.answer_to(format!("{head}{body}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    door.still_serves().await;
}
