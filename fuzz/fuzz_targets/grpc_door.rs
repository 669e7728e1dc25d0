//! Any bytes and any frames into the gRPC door, behind a preface or not: it answers HTTP/2 or hangs up,
//! and lets go when the peer does, whatever calls were begun.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::doors::{framed, talk, with_doors};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

const PATHS: [&str; 8] = [
    "/ottla.v1.ProducerService/Produce",
    "/ottla.v1.ConsumerService/Fetch",
    "/ottla.v1.ProducerService/Publish",
    "/ottla.v1.TopicService/DescribeTopic",
    "/ottla.v1.ClusterService/DescribeCluster",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/nothing",
];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    greets: bool,
    pieces: Vec<Piece<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Raw(&'a [u8]),
    Frame {
        kind: u8,
        flags: u8,
        stream: u8,
        payload: &'a [u8],
    },
    /// Frames without anything in them, or with a little.
    Frames {
        kind: u8,
        flags: u8,
        stream: u8,
        payload: [u8; 4],
        count: u8,
    },
    Call {
        path: u8,
        stream: u8,
        headers: &'a [u8],
        ends: bool,
    },
    Message {
        stream: u8,
        message: &'a [u8],
        ends: bool,
    },
}

fuzz_target!(|input: Input<'_>| {
    let bytes = bytes_of(&input);
    with_doors(async |doors| {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        talk(ours, doors.grpc.clone().serve(theirs), &bytes).await;
    });
});

fn bytes_of(input: &Input<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if input.greets {
        bytes.extend_from_slice(PREFACE);
        bytes.extend(SETTINGS);
    }
    for piece in &input.pieces {
        match piece {
            Piece::Raw(raw) => bytes.extend_from_slice(raw),
            Piece::Frame { kind, flags, stream, payload } => {
                bytes.extend(frame(kind % 12, *flags, *stream, payload));
            }
            Piece::Frames { kind, flags, stream, payload, count } => {
                let one = frame(kind % 12, *flags, *stream, payload);
                bytes.extend(one.repeat(usize::from(*count)));
            }
            Piece::Call { path, stream, headers, ends } => {
                let block = [&call(*path), *headers].concat();
                bytes.extend(frame(1, 4 | u8::from(*ends), *stream, &block));
            }
            Piece::Message { stream, message, ends } => {
                bytes.extend(frame(0, u8::from(*ends), *stream, &framed(message)));
            }
        }
    }
    bytes
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The headers of a call, written out.
fn call(path: u8) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let path = PATHS[usize::from(path) % PATHS.len()];
    for (name, value) in [(":path", path), ("content-type", "application/grpc"), ("te", "trailers")]
    {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}
