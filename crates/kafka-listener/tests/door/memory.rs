//! Clients that make the broker hold: each has its measure, all have one together, and neighbours notice
//! nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown as Half, TcpStream};
use std::time::{Duration, Instant};

use ottla_kafka_codec::messages::fetch::{FetchRequest, FetchResponse};
use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse,
};
use ottla_kafka_codec::messages::produce::ProduceResponse;
use ottla_kafka_listener::{KafkaListener, KafkaSettings, KafkaShared};
use ottla_runtime::{Cores, Metrics, Shutdown};

use crate::fetch::fetch;
use crate::produce::produce;
use crate::support::{Client, Door, batch};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

/// A second listener to the same broker, with limits that a test can reach.
struct Strict {
    listener: KafkaListener,
    metrics: Metrics,
    _cores: Cores,
    _door: Door,
}

impl Strict {
    fn open(requests: usize, answers: usize, settings: KafkaSettings) -> Self {
        let door = Door::open();
        let metrics = Metrics::new();
        let shared = KafkaShared::with_budgets(&metrics, requests as u64, answers as u64);
        let cores = Cores::start(1).expect("a thread");
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (broker, tasks) = (door.server.broker().clone(), cores.tasks(Shutdown::new()));
        let listener = KafkaListener::start(socket, broker, tasks, shared, settings);
        Self { listener: listener.expect("it starts"), metrics, _cores: cores, _door: door }
    }

    fn client(&self) -> Client {
        Client::connect(&self.listener.address().to_string())
    }

    /// The number that a metric shows.
    fn shows(&self, name: &str) -> usize {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("ottla_kafka_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
    }

    fn waits_until(&self, name: &str, is: impl Fn(usize) -> bool) {
        let begun = Instant::now();
        while !is(self.shows(name)) {
            assert!(begun.elapsed() < PATIENCE, "{name} is {}", self.shows(name));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn works(client: &mut Client) {
    let reply = client.ask(12, &MetadataRequest { topics: None, ..Default::default() });
    assert_eq!(reply.read::<MetadataResponse<'_>>().brokers.len(), 1);
}

/// The head of a Produce request of so many bytes, and as much of it as is sent.
fn part_of_a_produce(size: u32, sent: usize) -> Vec<u8> {
    let mut bytes = [&size.to_be_bytes()[..], b"\0\0\0\x09\0\0\0\x01"].concat();
    bytes.resize(sent, 0);
    bytes
}

#[test]
fn requests_that_do_not_come_leave_room_for_small_ones_and_keep_large_ones_waiting() {
    let strict = Strict::open(MIB, MIB, KafkaSettings::default());
    let mut healthy = strict.client();
    healthy.create_topic("t", 1);
    let mut stalled = strict.client();
    stalled.socket.write_all(&part_of_a_produce(100 << 20, MIB)).expect("sent");
    strict.waits_until("request_bytes", |bytes| bytes > MIB / 2);
    works(&mut healthy);
    let value = "x".repeat(800 * 1024);
    let sent = healthy.send(9, &produce("t", &[batch(&[&value])]));
    healthy.socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let error = healthy.socket.read(&mut [0]).expect_err("it waits for room");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    works(&mut strict.client());
    assert!(strict.shows("request_bytes") <= MIB);
    drop(stalled);
    healthy.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let reply = healthy.receive(sent);
    let answered = &reply.read::<ProduceResponse<'_>>().responses[0].partition_responses[0];
    assert_eq!(answered.error_code, 0);
    strict.waits_until("request_bytes", |bytes| bytes == 0);
}

/// regression: an answer larger than all the memory there is for answers was made again and again, and the thread that
/// made it did nothing else.
#[test]
fn an_answer_beyond_all_memory_is_made_when_nobody_else_has_any() {
    let settings = KafkaSettings { auto_create_topics: false, ..KafkaSettings::default() };
    let strict = Strict::open(MIB, MIB / 4, settings);
    let names: Vec<String> =
        (0..10_000).map(|n| format!("unknown-{n:05}-{}", "x".repeat(60))).collect();
    let topic = |name| MetadataRequestTopic { name: Some(name), ..Default::default() };
    let topics = names.iter().map(|name| topic(name.as_str().into())).collect();
    let mut client = strict.client();
    let reply = client.ask(12, &MetadataRequest { topics: Some(topics), ..Default::default() });
    assert_eq!(reply.read::<MetadataResponse<'_>>().topics.len(), names.len());
    works(&mut client);
    strict.waits_until("answer_bytes", |bytes| bytes == 0);
}

#[test]
fn a_request_that_comes_byte_by_byte_or_not_at_all_is_given_up() {
    let arrival = Duration::from_millis(300);
    let settings = KafkaSettings { request_arrival_max: arrival, ..KafkaSettings::default() };
    let strict = Strict::open(MIB, MIB, settings);
    let begins = [
        part_of_a_produce(1_000, 2),
        part_of_a_produce(1_000, 4),
        part_of_a_produce(1_000, 900),
        part_of_a_produce(100 << 20, 500_000),
    ];
    for begin in begins {
        let mut stalled = strict.client();
        stalled.socket.write_all(&begin).expect("sent");
        assert_eq!(stalled.receive_frame(), None, "{} bytes", begin.len());
    }
    let mut dripping = strict.client();
    dripping.socket.write_all(&part_of_a_produce(60_000, 100)).expect("sent");
    let begun = Instant::now();
    while dripping.socket.write_all(b"x").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it drips for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
    strict.waits_until("connections", |open| open == 0);
    assert_eq!(strict.shows("request_bytes"), 0);
}

/// Writes `many` batches of so many bytes.
fn fill(client: &mut Client, topic: &str, many: usize, bytes: usize) {
    client.create_topic(topic, 1);
    for _ in 0..many {
        let reply = client.ask(9, &produce(topic, &[batch(&[&"x".repeat(bytes)])]));
        let answered = &reply.read::<ProduceResponse<'_>>().responses[0].partition_responses[0];
        assert_eq!(answered.error_code, 0);
    }
}

fn wanting(topic: &str, bytes: usize) -> FetchRequest<'_> {
    let mut request = fetch(topic, &[0]);
    request.max_bytes = bytes as i32;
    request.topics[0].partitions[0].partition_max_bytes = bytes as i32;
    request
}

#[test]
fn a_client_that_does_not_read_holds_its_fetch_limit_and_no_more() {
    let strict = Strict::open(4 * MIB, 64 * MIB, KafkaSettings::default());
    let mut client = strict.client();
    fill(&mut client, "t", 40, 500_000);
    let mut greedy = strict.client();
    let limit = 8 * MIB;
    for _ in 0..20 {
        greedy.send(12, &wanting("t", limit));
    }
    // As much as the system takes for it lies in its sockets; one answer is in memory.
    strict.waits_until("answer_bytes", |bytes| bytes > MIB);
    for _ in 0..20 {
        assert!(strict.shows("answer_bytes") <= limit + MIB);
        std::thread::sleep(Duration::from_millis(10));
    }
    works(&mut client);
    drop(greedy);
    strict.waits_until("answer_bytes", |bytes| bytes == 0);
}

#[test]
fn where_all_hold_as_much_as_they_may_a_fetch_has_one_batch_rather_than_nothing() {
    let strict = Strict::open(4 * MIB, MIB, KafkaSettings::default());
    let mut client = strict.client();
    fill(&mut client, "t", 10, 400_000);
    // More than there is room for at all, and less than is wanted.
    let mut request = wanting("t", 8 * MIB);
    request.max_wait_ms = 100;
    let reply = client.ask(12, &request);
    let response = reply.read::<FetchResponse<'_>>();
    let records = response.responses[0].partitions[0].records.as_ref().expect("records").len();
    assert!((400_000..2 * MIB).contains(&records), "{records}");
}

#[test]
fn a_fetch_that_waits_is_answered_when_its_client_closes_its_side() {
    let door = Door::open();
    let mut client = door.with_topic("t", 1);
    let mut request = fetch("t", &[0]);
    request.max_wait_ms = 60_000;
    let sent = client.send(12, &request);
    std::thread::sleep(Duration::from_millis(100));
    client.socket.shutdown(Half::Write).expect("closed");
    let reply = client.receive(sent);
    let response = reply.read::<FetchResponse<'_>>();
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
    assert_eq!(client.receive_frame(), None);
}

/// How many descriptors this process may have, and how much of its memory is in use.
fn limits() -> (usize, usize) {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let limits = read("/proc/self/limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files"));
    let files = files.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    let pages = read("/proc/self/statm");
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    (files.unwrap_or(1_024), pages.unwrap_or_default() * 4096)
}

/// Says it even where the output of tests that pass is kept back.
fn loudly(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}

#[test]
fn connections_that_idle_cost_little() {
    const WANTED: usize = 20_000;
    const EACH_MAX: usize = 64 * 1024;
    if !cfg!(target_os = "linux") {
        return loudly(format_args!("SKIPPED: idle connections are measured on Linux only"));
    }
    let (files, _) = limits();
    // Both ends are here, and other tests have some too.
    let count = WANTED.min(files.saturating_sub(2_000) / 2);
    if count < WANTED {
        loudly(format_args!(
            "SKIPPED in part: {count} idle connections, not {WANTED}: at most {files} descriptors"
        ));
    }
    let strict = Strict::open(MIB, MIB, KafkaSettings::default());
    let address = strict.listener.address();
    let (before, begun) = (limits().1, Instant::now());
    let mut idle: Vec<TcpStream> = Vec::with_capacity(count);
    while idle.len() < count {
        // A thousand of one address in a second, and no more at once than the system keeps waiting.
        let due = Duration::from_micros(1_250) * idle.len() as u32;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        idle.push(TcpStream::connect(address).expect("there is a place"));
    }
    // They have asked once, as clients do.
    for stream in idle.iter_mut().step_by(10) {
        stream.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff").expect("sent");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("answered");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("answered");
    }
    strict.waits_until("connections", |open| open == count);
    let each = limits().1.saturating_sub(before) / count;
    loudly(format_args!("figure: an idle Kafka connection of {count} costs {each} bytes"));
    assert!(each <= EACH_MAX, "{each}");
    works(&mut strict.client());
}
