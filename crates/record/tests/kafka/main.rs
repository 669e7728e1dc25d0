//! Against Apache Kafka's own code: what it wrote, what it reads of ours, and what its leader takes.
//!
//! Where Kafka itself has to run, Java 17 is needed and the directory of a Kafka's jars in
//! `OTTLA_KAFKA_LIBS`; without them those tests say that they skip.

mod describe;
mod vectors;
mod verdicts;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Kafka's vectors and the Java programs lie.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Kafka's jars, when they are there to be used.
fn kafka_libs() -> Option<PathBuf> {
    let libs = std::env::var_os("OTTLA_KAFKA_LIBS").map(PathBuf::from);
    if libs.is_none() {
        eprintln!("SKIPPED: set OTTLA_KAFKA_LIBS to a Kafka's libs directory to ask Kafka itself");
    }
    libs
}

/// Runs one of the Java programs; answers its lines that begin with one of these words, since
/// logging without a configuration prints lines of its own.
fn java(libs: &Path, program: &str, arguments: &[PathBuf], words: &[&str]) -> Vec<String> {
    let output = Command::new("java")
        .arg("-cp")
        .arg(libs.join("*"))
        .arg(directory().join(program))
        .args(arguments)
        .output()
        .expect("Java runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("Java prints UTF-8");
    let ours = |line: &&str| words.iter().any(|word| line.starts_with(word));
    lines.lines().filter(ours).map(str::to_owned).collect()
}
