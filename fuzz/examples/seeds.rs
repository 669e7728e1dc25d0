//! Writes the seeds among the corpora: what the fuzzer starts from, made of real messages and of the
//! golden files of the log. `cargo run --example seeds`, in this directory.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use ottla_fuzz::directory::batch;
use ottla_fuzz::doors::framed;
use ottla_wire::v1;
use prost::Message;

fn main() {
    http();
    grpc();
    command_line();
    golden();
}

fn seed(target: &str, name: &str, bytes: &[u8]) {
    let directory = Path::new("corpus").join(target);
    fs::create_dir_all(&directory).expect("it is run in the fuzz directory");
    fs::write(directory.join(name), bytes).expect("the corpus can be written");
}

fn http() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: o\r\naccept: */*\r\n\r\n");
    seed("http_door", "index", get("/").as_bytes());
    seed("http_door", "ready", get("/health/ready").as_bytes());
    seed("http_door", "live-and-metrics", (get("/health/live") + &get("/metrics")).as_bytes());
    seed("http_door", "head", b"HEAD /metrics HTTP/1.0\r\nconnection: close\r\n\r\n");
    seed("http_door", "post", b"POST / HTTP/1.1\r\nhost: o\r\ncontent-length: 3\r\n\r\nabc");
    let chunked =
        b"PUT /x HTTP/1.1\r\nhost: o\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    seed("http_door", "chunked", chunked);
    seed(
        "http_door",
        "expect",
        b"POST / HTTP/1.1\r\nhost: o\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
    );
}

/// A method of the `grpc_calls` target by its place there.
fn call(method: u8, name: &str, message: &impl Message) {
    seed("grpc_calls", name, &[&[method, 0], &message.encode_to_vec()[..]].concat());
}

/// Messages of a stream.
fn stream<M: Message>(method: u8, name: &str, messages: &[M]) {
    let body: Vec<u8> = messages.iter().flat_map(|m| framed(&m.encode_to_vec())).collect();
    seed("grpc_calls", name, &[&[method, 1], &body[..]].concat());
}

fn flights() -> Option<v1::TopicRef> {
    Some(v1::TopicRef { topic: Some(v1::topic_ref::Topic::Name("flights".to_owned())) })
}

fn grpc() {
    let produce = |correlation, base, acks| v1::ProduceRequest {
        correlation,
        topic: Some(v1::produce_request::Topic::TopicName("flights".to_owned())),
        partition: 1,
        acks,
        batch: Bytes::from(batch(base, 2, 10).to_bytes()),
        ..Default::default()
    };
    stream(0, "produce", &[produce(1, 0, 0), produce(2, 2, 1)]);
    use v1::fetch_request::{Assign, Credit, Pause, Request, Resume, Unassign};
    let fetch = |request| v1::FetchRequest { request: Some(request) };
    let assign = |fetch_id, encoding| {
        let start = v1::FetchStart { start: Some(v1::fetch_start::Start::Offset(0)) };
        fetch(Request::Assign(Assign {
            fetch_id,
            topic: flights(),
            partition: 0,
            start: Some(start),
            encoding,
            bytes_max: 1000,
        }))
    };
    let requests = [
        assign(1, 1),
        assign(2, 2),
        fetch(Request::Credit(Credit { bytes: 10_000 })),
        fetch(Request::Pause(Pause { fetch_ids: vec![1] })),
        fetch(Request::Resume(Resume { fetch_ids: vec![1] })),
        fetch(Request::Unassign(Unassign { fetch_id: 2 })),
    ];
    stream(1, "fetch", &requests);
    let record = v1::Record {
        key: Some(Bytes::from_static(b"k")),
        value: Some(Bytes::from_static(b"v")),
        headers: vec![v1::Header { key: "h".to_owned(), value: None }],
        ..Default::default()
    };
    let publish = v1::PublishRequest {
        topic: "flights".to_owned(),
        records: vec![record],
        ..Default::default()
    };
    call(2, "publish", &publish);
    call(3, "allocate", &v1::AllocateProducerIdRequest::default());
    let once = v1::FetchOnceRequest {
        topic: "flights".to_owned(),
        records_max: 3,
        bytes_max: 100,
        ..Default::default()
    };
    call(4, "fetch-once", &once);
    topics();
    call(13, "cluster", &v1::DescribeClusterRequest::default());
}

fn topics() {
    let config = [("retention.ms", "1h"), ("segment.bytes", "16KiB"), ("durability", "relaxed")];
    let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let create = v1::CreateTopicRequest {
        name: "t".to_owned(),
        partitions: 3,
        config: config.clone().into_iter().collect(),
        ..Default::default()
    };
    call(5, "create", &create);
    call(6, "list", &v1::ListTopicsRequest::default());
    call(7, "describe", &v1::DescribeTopicRequest { topic: flights() });
    let alter = v1::AlterTopicConfigRequest {
        topic: flights(),
        set: config.into_iter().collect(),
        unset: vec!["retention.bytes".to_owned()],
        ..Default::default()
    };
    call(8, "alter", &alter);
    let more = v1::AddPartitionsRequest { topic: flights(), partitions: 3, ..Default::default() };
    call(9, "add-partitions", &more);
    call(10, "delete", &v1::DeleteTopicRequest { topic: flights() });
    seed("grpc_calls", "health", &[14, 0]);
    seed("grpc_calls", "reflection", &[15, 0, 0x3a, 0]);
    seed("grpc_door", "greeting", &[1, 0]);
}

fn command_line() {
    for (name, line) in [
        ("serve", "serve --data-dir x --grpc off --http 9096 --set log.handles_max=20 --log-json"),
        ("create", "topic create flights -p 3 -c retention.ms=1h --validate-only"),
        ("offsets", "topic offsets flights --at 2026-11-21T10:00:00Z -o json"),
        ("produce", "produce flights -f x --key-field k -H a=b --acks all -z zstd --timeout 3s"),
        ("consume", "consume flights --from -10 -e -n 3 --format %o:%k\\n -p 1"),
        ("consume-time", "consume flights --from 2hago --format json -b 127.0.0.1:1"),
        ("bench", "bench --record-bytes 1KiB --rate 10 --duration 1s --durability relaxed"),
        ("doctor", "doctor x --journal-dir y --repair"),
        ("completions", "completions fish"),
        ("help", "topic set --help"),
    ] {
        seed("cli_arguments", name, line.replace(' ', "\n").as_bytes());
    }
    // What `arbitrary` takes from the front is small numbers; the words are at the end.
    seed("cli_input", "objects", b"\x00\x01k{\"k\":\"v\"}\n{\"k\":1,\"l\":[{\"k\":2}]}\n{}\n\x01");
    seed("cli_input", "pairs", b"\x01\x02:a:b\nc:d\r\n\n\x01");
    seed("cli_input", "lines", b"\x02\x00a\r\n\nb\x00");
    let manual = ottla_server::ServerConfig::manual();
    let short: Vec<_> = manual.lines().filter(|line| !line.starts_with('#')).collect();
    seed("configuration", "manual", (String::from("\0") + &short.join("\n")).as_bytes());
    seed(
        "configuration",
        "sizes",
        b"\x0a64MiB[log]\ntail_cache_bytes = \"1k\"\nhandles_max = 1_000\n\x05",
    );
}

/// The log's golden files, which every version has to read, for the targets that read them.
fn golden() {
    for (target, name) in [
        ("checkpoint", "checkpoint.1"),
        ("checkpoint", "superblock.1"),
        ("index_and_snapshots", "index.1"),
        ("index_and_snapshots", "producers.1"),
        ("journal_round", "round.1"),
    ] {
        let path = format!("../crates/log/tests/golden/{name}.hex");
        let text = fs::read_to_string(path).expect("a golden file");
        let mut bytes = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let hex = |word: &str| usize::from_str_radix(word, 16).expect("it is in hex");
            // Lines of zeros are left out.
            bytes.resize(words.next().map_or(bytes.len(), hex), 0);
            bytes.extend(words.map(|word| hex(word) as u8));
        }
        seed(target, &format!("golden-{name}"), &bytes);
    }
}
