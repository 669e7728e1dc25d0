//! What Kafka wrote and read (see `vectors/README.md`), and what it reads of ours.

use std::collections::BTreeSet;
use std::fs;

use super::describe::{describe, from_hex, hex};
use super::{directory, java, kafka_libs};
use ottla_record::partitioner::{murmur2, partition_for_key};
use ottla_record::varint::{read_varint, read_varlong};
use ottla_record::{BatchBuilder, BatchOptions, BatchView, Compression, Scratch};

/// The names of all vectors.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(directory()).expect("the vectors are in the repository");
    let names = files.filter_map(|file| {
        let name = file.expect("the directory can be listed").file_name();
        Some(name.to_str()?.strip_suffix(".batch")?.to_owned())
    });
    names.collect()
}

fn batch(name: &str) -> Vec<u8> {
    fs::read(directory().join(format!("{name}.batch"))).expect("the vector can be read")
}

fn text(file: &str) -> String {
    fs::read_to_string(directory().join(file)).expect("the vector's text can be read")
}

#[test]
fn every_batch_reads_as_kafka_reads_it() {
    let names = names();
    assert!(names.len() >= 25, "vectors are missing: {names:?}");
    for name in &names {
        assert_eq!(describe(&batch(name)), text(&format!("{name}.txt")), "{name}");
    }
}

#[test]
fn a_plain_batch_is_built_byte_for_byte() {
    // What only a broker makes: its timestamp in the place of the records' own, a delete horizon in
    // the place of the first timestamp, gaps from compaction.
    let others = ["append-time", "delete-horizon", "gaps"];
    let plain = names().into_iter().filter(|name| !others.contains(&name.as_str()));
    let mut compared = 0;
    for name in plain {
        let original = batch(&name);
        let view = BatchView::parse(&original).unwrap();
        if view.header().compression() == Ok(Compression::None) {
            let built = rebuilt(&view, Compression::None);
            assert_eq!(hex(&built), hex(&original), "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 9, "only {compared} plain vectors");
}

/// The batch, made again of its records and its header's fields.
fn rebuilt(view: &BatchView<'_>, compression: Compression) -> Vec<u8> {
    let header = view.header();
    let mut builder = BatchBuilder::new();
    let mut scratch = Scratch::new();
    for record in view.records(&mut scratch, 1 << 30).unwrap() {
        let record = record.unwrap();
        builder.push(record.timestamp, record.key, record.value, record.headers());
    }
    let options = BatchOptions {
        compression,
        level: None,
        timestamp_type: header.timestamp_type(),
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.is_transactional(),
        control: header.is_control(),
        base_offset: header.base_offset,
        leader_epoch: header.leader_epoch,
    };
    builder.finish(&options).to_vec()
}

#[test]
fn varints_read_as_kafka_reads_them() {
    for line in text("varints.txt").lines().skip(1) {
        let [bytes, int, long] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let read = |value: Option<String>| value.unwrap_or_else(|| "refused".to_owned());
        let bytes = from_hex(bytes);
        assert_eq!(read(read_varint(&bytes).map(|(v, _)| v.to_string())), int, "{line}");
        assert_eq!(read(read_varlong(&bytes).map(|(v, _)| v.to_string())), long, "{line}");
    }
}

#[test]
fn keys_go_to_the_partitions_that_java_chooses() {
    let lines = text("murmur2.txt");
    assert!(lines.lines().count() > 40);
    for line in lines.lines().skip(1) {
        let [key, hash, one, seven, thousand] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let key = from_hex(key);
        assert_eq!((murmur2(&key) as i32).to_string(), hash, "{line}");
        for (partitions, expected) in [(1, one), (7, seven), (1000, thousand)] {
            assert_eq!(partition_for_key(&key, partitions).to_string(), expected, "{line}");
        }
    }
}

#[test]
fn kafka_reads_what_we_write() {
    let Some(libs) = kafka_libs() else { return };
    let to = std::env::temp_dir().join(format!("ottla-record-{}", std::process::id()));
    fs::create_dir_all(&to).unwrap();
    for name in names() {
        let original = batch(&name);
        let view = BatchView::parse(&original).unwrap();
        for compression in Compression::ALL {
            // Kafka keeps control batches plain, and so does everybody who writes one.
            if !view.header().is_control() || compression == Compression::None {
                let file = to.join(format!("{name}.{compression}.batch"));
                fs::write(file, rebuilt(&view, compression)).unwrap();
            }
        }
    }
    let mut arguments: Vec<_> = fs::read_dir(&to).unwrap().map(|f| f.unwrap().path()).collect();
    arguments.sort();
    assert!(arguments.len() > 100, "only {} files", arguments.len());
    let ours: String = arguments.iter().map(|file| describe(&fs::read(file).unwrap())).collect();
    arguments.insert(0, "read".into());
    let theirs = java(&libs, "WriteVectors.java", &arguments, &["batch ", "record ", ".."]);
    fs::remove_dir_all(&to).unwrap();
    assert_eq!(theirs.join("\n"), ours.trim_end());
}
