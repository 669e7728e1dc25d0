//! Bytes that Kafka's own classes wrote, read and written again: every message in every version, with
//! every field set and with every field at its least.

use bytes::Bytes;
use ottla_kafka_codec::ADVERTISED;
use ottla_kafka_codec::reencode::{KINDS, Kind};

const VECTORS: &str = include_str!("vectors/kafka-4.3.1.txt");

fn vectors() -> impl Iterator<Item = (&'static Kind, i16, Bytes)> {
    VECTORS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words a line");
        let (name, version, hex) = (word(), word(), word());
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.unwrap_or_else(|| panic!("{name} is not known"));
        (kind, version.parse().expect("a version"), bytes(hex))
    })
}

fn bytes(hex: &str) -> Bytes {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[test]
fn what_kafka_writes_is_read_and_written_the_same() {
    for (kind, version, body) in vectors() {
        let again = kind.reencode(&body, version);
        assert_eq!(again.as_ref(), Ok(&body), "{} {version}", kind.name);
    }
}

#[test]
fn every_version_that_is_known_has_its_two_vectors() {
    for kind in KINDS {
        for version in kind.min..=kind.max {
            let of = vectors().filter(|(of, v, _)| of.name == kind.name && *v == version).count();
            assert_eq!(of, 2, "{} {version}", kind.name);
        }
    }
}

#[test]
fn what_is_advertised_is_known() {
    for api in ADVERTISED {
        let mut kinds = KINDS.iter().filter(|kind| kind.key == api.key as i16);
        let both = [kinds.next(), kinds.next()].map(|kind| kind.expect("a request and an answer"));
        for kind in both {
            assert!(kind.min <= api.served_from && api.max <= kind.max, "{}", kind.name);
        }
    }
}

#[test]
fn a_vector_that_is_cut_off_is_refused() {
    for (kind, version, body) in vectors() {
        for end in 0..body.len() {
            let cut = kind.reencode(&body.slice(..end), version);
            assert!(cut.is_err(), "{} {version} of {} bytes", kind.name, end);
        }
    }
}
