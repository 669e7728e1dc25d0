//! Any bytes as the input of `ottla produce`, packed or not: lines come out as they went in, and what is
//! no gzip, zstd or JSON is refused with its line.

#![no_main]

use std::io::Write as _;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_cli::fuzzing::{Cutting, records};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    packing: u8,
    cutting: u8,
    word: &'a str,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let bytes = match input.packing % 3 {
        0 => input.bytes.to_vec(),
        1 => gzip(input.bytes),
        _ => zstd::encode_all(input.bytes, 1).expect("it packs"),
    };
    let cutting = match input.cutting % 3 {
        0 => Cutting::Whole,
        1 => Cutting::Field(input.word.to_owned()),
        _ => Cutting::Separator(input.word.to_owned()),
    };
    let raw = input.packing % 3 == 0;
    let packed_already =
        raw && (bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5]));
    let found = records(bytes, cutting.clone());
    if packed_already {
        return;
    }
    match (found, cutting) {
        (Ok(found), Cutting::Whole | Cutting::Field(_)) => {
            assert!(found.iter().map(|(_, value)| &value[..]).eq(lines(input.bytes)));
        }
        (Ok(found), Cutting::Separator(separator)) => {
            let whole = |(key, value): &(Option<Vec<u8>>, Vec<u8>)| match key {
                Some(key) => [key, separator.as_bytes(), value].concat(),
                None => value.clone(),
            };
            assert!(found.iter().map(whole).eq(lines(input.bytes).map(<[u8]>::to_vec)));
        }
        (Err(why), Cutting::Whole) => panic!("whole lines are always taken: {why}"),
        (Err(why), _) => assert!(why.starts_with("line "), "{why}"),
    }
});

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("it grows");
    encoder.finish().expect("it grows")
}
