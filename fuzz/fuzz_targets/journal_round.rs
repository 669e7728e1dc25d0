//! Any bytes as a journal round, as they are and with every checksum made to hold. What is taken has
//! to be what would be written: the very same bytes, and no entry lost.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::crc32c;
use ottla_log::format::{Round, RoundBuilder, RoundHeader};

const HEADER: usize = 128;
const STREAM: usize = 20;
const BLOCK: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    decode(bytes);
    decode(&sealed(bytes));
});

fn decode(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    match Round::decode(&bytes) {
        Ok(round) => {
            let mut builder = RoundBuilder::new();
            for entry in round.entries() {
                assert_eq!(builder.push(entry.stream, entry.operation), entry.index);
            }
            let mut again = vec![0; builder.round_bytes() as usize];
            assert_eq!(builder.encode(round.header.stamp, &mut again), round.header);
            let used = HEADER
                + round.header.stream_count as usize * STREAM
                + round.header.payload_bytes as usize;
            assert_eq!(again[..used], bytes[..used]);
        }
        Err(bad) => {
            let streams = bad.streams.map_or(0, |streams| streams.len());
            assert!(streams * STREAM <= bytes.len());
        }
    }
}

/// The same with mark, version, lengths and checksums put right, so that the fuzzer gets past them.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut round = bytes.to_vec();
    round.resize(round.len().max(HEADER).next_multiple_of(BLOCK), 0);
    let room = round.len() - HEADER;
    let field =
        |round: &[u8], at: usize| u32::from_le_bytes(round[at..at + 4].try_into().expect("4"));
    let streams = (field(&round, 80) as usize % 8).min(room / STREAM);
    let payload =
        (bytes.len().saturating_sub(HEADER + streams * STREAM)).min(room - streams * STREAM);
    let (list, rest) = (HEADER..HEADER + streams * STREAM, HEADER + streams * STREAM);
    let round_bytes = (rest + payload).next_multiple_of(BLOCK);
    round.truncate(round_bytes);
    let put = |round: &mut [u8], at: usize, value: u32| {
        round[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    round[..8].copy_from_slice(b"OTTLROND");
    round[8..12].copy_from_slice(&[1, 0, 0, 0]);
    round[56..58].fill(0);
    round[57] &= 0xf0;
    round[96..124].fill(0);
    let entries = field(&round, 84) % 16;
    for (at, value) in [
        (72, round_bytes as u32),
        (76, payload as u32),
        (80, streams as u32),
        (84, entries),
        (88, crc32c(&round[list])),
        (92, crc32c(&round[rest..rest + payload])),
    ] {
        put(&mut round, at, value);
    }
    let checksum = crc32c(&round[..124]);
    put(&mut round, 124, checksum);
    let _ = RoundHeader::decode(&round);
    round
}
