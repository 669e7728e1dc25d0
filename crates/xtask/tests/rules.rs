//! The project's rules, run as tests over the project itself.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

/// The graph of this platform: what is built only elsewhere need not be on the disk.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the crate lives two levels below the root")
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked", "--filter-platform", PLATFORM].map(str::to_owned))
        .exec()
        .expect("cargo describes its own workspace")
}

#[track_caller]
fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn layers_hold() {
    none(&ottla_xtask::layers::breaches(&metadata()));
}

#[test]
fn sources_are_tidy() {
    none(&ottla_xtask::tidy::breaches(&root()));
}

#[test]
fn documents_lead_somewhere() {
    let crates: Vec<String> =
        metadata().workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let crates: Vec<String> =
        crates.iter().map(|n| n.strip_prefix("ottla-").unwrap_or(n).to_owned()).collect();
    none(&ottla_xtask::docs::breaches(&root(), &crates));
}

#[test]
fn licences_are_permissive() {
    let breaches = ottla_xtask::licences::breaches(&root(), &metadata());
    none(&breaches.expect("deny.toml lists what is allowed"));
}
