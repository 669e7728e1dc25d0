//! One ceiling for the memory of a broker, kept while a hundred producers, ten consumers that stopped reading and readers
//! of old data meet.

mod broker;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ottla_client::{Client, NewTopic};
use ottla_consumer::{Consumer, OutOfRange, Start};
use ottla_producer::{ByteCount, Producer, Record};

use crate::broker::Broker;

const MIB: u64 = 1024 * 1024;
const PRODUCERS: usize = 100;
/// How many consumers take this much and then nothing any more, however long they are connected.
const STUCK: usize = 10;
const STUCK_AFTER: usize = 256 * 1024;
const COLD_READERS: usize = 4;
const HOW_LONG: Duration = Duration::from_secs(8);
/// As fast as it goes, but no more than a test should write to somebody's disk.
const WRITTEN_MAX: u64 = 1024 * MIB;
/// The load was none if less came through.
const WRITTEN_MIN: u64 = 48 * MIB;

#[test]
fn the_ceiling_is_kept() {
    // One after the other: each is a load for the whole machine.
    for mebibytes in [256, 1024] {
        check(mebibytes);
    }
}

fn check(mebibytes: u64) {
    let max = format!("{mebibytes}MiB");
    let broker = Broker::start_with(&[
        "--memory-max",
        &max,
        "--set",
        "log.retention_interval=1s",
        "--set",
        "http=127.0.0.1:18080",
    ]);
    let idle = resident(&broker, "VmRSS:");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (written, read) = runtime.block_on(load(&broker.address()));
    let peak = resident(&broker, "VmHWM:");
    runtime.shutdown_background();
    println!(
        "figure: memory_max {max}: resident {} MiB idle, {} MiB at most, {} MiB written, {} MiB read",
        idle / MIB,
        peak / MIB,
        written / MIB,
        read / MIB
    );
    assert!(written >= WRITTEN_MIN, "only {} MiB were written", written / MIB);
    assert!(read >= WRITTEN_MIN, "only {} MiB were read", read / MIB);
    assert!(peak <= mebibytes * MIB, "{} MiB resident, more than {max}", peak / MIB);
}

/// What the kernel says of the broker's memory.
fn resident(broker: &Broker, what: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", broker.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Everybody at once; how many bytes were acknowledged, and how many were read again.
async fn load(address: &str) -> (u64, u64) {
    let client = Client::connect(address).await.unwrap();
    let topic = NewTopic::new("load").partitions(16);
    let topic = topic.set("segment.bytes", "4MiB").set("retention.bytes", "16MiB");
    client.admin().create_topic(topic).await.unwrap();
    let (written, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let until = Instant::now() + HOW_LONG;
    let mut tasks = Vec::new();
    for _ in 0..PRODUCERS {
        tasks.push(tokio::spawn(produce(address.to_owned(), until, Arc::clone(&written))));
    }
    let stuck_at = stuck(address);
    let stuck: Vec<_> =
        (0..STUCK).map(|_| tokio::spawn(consume_for_ever(stuck_at.clone()))).collect();
    for _ in 0..COLD_READERS {
        tasks.push(tokio::spawn(read_again(address.to_owned(), until, Arc::clone(&read))));
    }
    for task in tasks {
        task.await.unwrap();
    }
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
    (written.load(Ordering::Relaxed), read.load(Ordering::Relaxed))
}

async fn produce(address: String, until: Instant, written: Arc<AtomicU64>) {
    let client = Client::connect(address.as_str()).await.unwrap();
    let producer = Producer::builder(&client).buffer_bytes_max(ByteCount(2 * MIB)).build();
    let producer = producer.await.unwrap();
    let topic = producer.topic("load").await.unwrap();
    let value = vec![7; 16 * 1024];
    while Instant::now() < until && written.load(Ordering::Relaxed) < WRITTEN_MAX {
        let sent = topic.send_many((0..16).map(|_| Record::new(&value))).await.unwrap();
        // Back-pressure is slow, and no error.
        sent.await.unwrap();
        written.fetch_add(16 * value.len() as u64, Ordering::Relaxed);
    }
}

async fn read_again(address: String, until: Instant, read: Arc<AtomicU64>) {
    while Instant::now() < until {
        let client = Client::connect(address.as_str()).await.unwrap();
        // What is deleted before it comes there is passed over.
        let consumer = Consumer::builder(&client).out_of_range(OutOfRange::Earliest);
        let mut consumer = consumer.build().await.unwrap();
        consumer.assign_topic("load", Start::Earliest).await.unwrap();
        let pass = Instant::now() + Duration::from_secs(1);
        while Instant::now() < pass {
            let next = tokio::time::timeout(Duration::from_millis(100), consumer.next_batch());
            let Ok(batch) = next.await else { continue };
            let bytes =
                |record: ottla_consumer::ConsumedRecord| record.value().map_or(0, <[u8]>::len);
            let bytes: usize = batch.unwrap().records().map(bytes).sum();
            read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// Connects by way of the relay that gets stuck.
async fn consume_for_ever(address: String) {
    let Ok(client) = Client::connect(address.as_str()).await else { return };
    let Ok(mut consumer) = Consumer::builder(&client).build().await else { return };
    if consumer.assign_topic("load", Start::Earliest).await.is_ok() {
        while consumer.next_batch().await.is_ok() {}
    }
    // It stays, and the broker hears nothing of it any more.
    std::future::pending::<()>().await;
}

/// A relay to the broker whose connections take some answers, and then no more: what the broker sends stays in its socket.
fn stuck(broker: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let broker = broker.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&broker) else { return };
            let (to_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || relay(client, to_server, usize::MAX));
            std::thread::spawn(move || relay(server, to_client, STUCK_AFTER));
        }
    });
    address
}

fn relay(mut from: TcpStream, mut to: TcpStream, bytes_max: usize) {
    let mut buffer = vec![0; 64 * 1024];
    let mut relayed = 0;
    while relayed < bytes_max {
        match from.read(&mut buffer) {
            Ok(read) if read > 0 && to.write_all(&buffer[..read]).is_ok() => relayed += read,
            _ => {
                let _gone = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }
    // Open, and never read again.
    std::thread::sleep(Duration::from_secs(3600));
}
