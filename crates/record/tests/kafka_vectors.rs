//! Against what Apache Kafka's own code wrote and read; see `vectors/README.md`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{describe, from_hex, vectors};
use ottla_record::partitioner::{murmur2, partition_for_key};
use ottla_record::varint::{read_varint, read_varlong};
use ottla_record::{BatchBuilder, BatchOptions, BatchView, Compression, Scratch};

/// The names of all vectors.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(vectors()).expect("the vectors are in the repository");
    let names = files.filter_map(|file| {
        let name = file.expect("the directory can be listed").file_name();
        Some(name.to_str()?.strip_suffix(".batch")?.to_owned())
    });
    names.collect()
}

fn batch(name: &str) -> Vec<u8> {
    fs::read(vectors().join(format!("{name}.batch"))).expect("the vector can be read")
}

fn text(file: &str) -> String {
    fs::read_to_string(vectors().join(file)).expect("the vector's text can be read")
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
            assert_eq!(common::hex(&built), common::hex(&original), "{name}");
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

/// The other direction, with Kafka itself: needs Java 17 and the directory of a Kafka's jars in
/// `OTTLA_KAFKA_LIBS`.
#[test]
fn kafka_reads_what_we_write() {
    let Some(libs) = std::env::var_os("OTTLA_KAFKA_LIBS") else {
        eprintln!(
            "SKIPPED: set OTTLA_KAFKA_LIBS to a Kafka's libs directory to let Kafka read ours"
        );
        return;
    };
    let directory = std::env::temp_dir().join(format!("ottla-record-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    for name in names() {
        for compression in Compression::ALL {
            let original = batch(&name);
            let view = BatchView::parse(&original).unwrap();
            // Kafka keeps control batches plain, and so does everybody who writes one.
            if !view.header().is_control() || compression == Compression::None {
                let file = directory.join(format!("{name}.{compression}.batch"));
                fs::write(file, rebuilt(&view, compression)).unwrap();
            }
        }
    }
    let files: BTreeSet<_> = fs::read_dir(&directory).unwrap().map(|f| f.unwrap().path()).collect();
    let ours: String = files.iter().map(|file| describe(&fs::read(file).unwrap())).collect();
    let theirs = ask_java(Path::new(&libs), &files);
    fs::remove_dir_all(&directory).unwrap();
    assert!(files.len() > 100, "only {} files", files.len());
    assert_eq!(theirs, ours);
}

fn ask_java(libs: &Path, files: &BTreeSet<std::path::PathBuf>) -> String {
    let output = Command::new("java")
        .arg("-cp")
        .arg(libs.join("*"))
        .arg(vectors().join("WriteVectors.java"))
        .arg("read")
        .args(files)
        .output()
        .expect("Java runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("Java prints UTF-8");
    // Logging without a configuration may print lines of its own.
    let ours = |line: &&str| {
        line.starts_with("batch ") || line.starts_with("record ") || line.starts_with("..")
    };
    lines.lines().filter(ours).map(|line| format!("{line}\n")).collect()
}
