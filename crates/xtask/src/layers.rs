//! Layers: which crate may use which, and which third-party crate may be seen where.
//!
//! THINK HARD before you add an edge. The table is the architecture: a convenient arrow today is a knot that nobody
//! can untie in a year. What is missing here is missing on purpose (docs/ARCHITECTURE.md says why).

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Package};

/// A crate of ours (by directory) and the crates of ours that it may use, tests aside.
const EDGES: &[(&str, &[&str])] = &[
    // words
    ("model", &[]),
    // formats
    ("record", &["model"]),
    ("metadata", &["model"]),
    ("wire", &["model"]),
    ("kafka-codec", &["model"]),
    ("runtime", &["model"]),
    // storage
    ("log", &["model", "record"]),
    // machines
    ("partition", &["model", "record", "log"]),
    ("control", &["model", "metadata"]),
    // shells
    ("broker", &["model", "record", "log", "partition", "metadata", "runtime"]),
    ("controller", &["model", "record", "log", "metadata", "control", "runtime"]),
    // doors
    ("grpc-listener", &["model", "record", "metadata", "broker", "wire", "runtime"]),
    ("kafka-listener", &["model", "record", "metadata", "broker", "kafka-codec", "runtime"]),
    ("http-listener", &["model", "broker", "runtime"]),
    // apps
    (
        "server",
        &[
            "model",
            "record",
            "log",
            "metadata",
            "control",
            "broker",
            "controller",
            "grpc-listener",
            "kafka-listener",
            "http-listener",
            "runtime",
        ],
    ),
    // kafka-codec: the doctor asks a cluster as a Kafka client does.
    (
        "cli",
        &[
            "model",
            "record",
            "log",
            "runtime",
            "client",
            "producer",
            "consumer",
            "server",
            "kafka-codec",
        ],
    ),
    ("ottla", &["cli"]),
    // clients: never storage and above
    ("client", &["model", "wire", "runtime"]),
    ("producer", &["model", "record", "wire", "runtime", "client"]),
    ("consumer", &["model", "record", "wire", "runtime", "client"]),
    // proof
    ("testkit", &[]),
    ("power-cut", &["model", "log"]),
    ("xtask", &[]),
    ("examples", &["model", "client", "producer", "consumer", "server", "runtime"]),
    (
        "benches",
        &["model", "record", "log", "partition", "producer", "consumer", "client", "server"],
    ),
];

/// Third-party crates that only these crates of ours may name.
const HOMES: &[(&str, &[&str])] = &[
    ("tonic", &["wire", "grpc-listener", "client"]),
    ("prost", &["wire", "grpc-listener", "client", "xtask"]),
    ("prost-types", &["wire", "grpc-listener", "client", "xtask"]),
    ("anyhow", &["cli", "ottla", "xtask", "examples"]),
    ("mimalloc", &["ottla", "benches", "examples"]),
    ("rustix", &["log", "server", "cli", "power-cut"]),
];

/// Crates of ours whose whole dependency tree is free of an async runtime.
const SYNCHRONOUS: &[&str] =
    &["model", "record", "metadata", "kafka-codec", "log", "partition", "control"];

/// Third-party crates that must not be in the tree of anything we ship, with the reason.
const BANNED: &[(&str, &str)] = &[
    ("ring", "one TLS provider: aws-lc-rs"),
    ("openssl-sys", "a C library that a fresh machine may lack"),
    ("protobuf-src", "builds C++"),
    ("cmake", "a tool that a fresh machine may lack"),
    ("bindgen", "needs clang"),
];

/// Most crates below the `ottla` binary (normal and build dependencies): compile time is everyone's time. Lower it
/// when you can; raise it only together with a lever that you pulled.
const CRATES_BELOW_OTTLA_MAX: usize = 300;

/// Every breach of the layers, one sentence each.
pub fn breaches(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        found.extend(breaches_of(package));
    }
    found.extend(asynchronous(metadata));
    found.extend(weight(metadata));
    found
}

fn breaches_of(package: &Package) -> Vec<String> {
    let name = directory(package);
    let Some((_, allowed)) = EDGES.iter().find(|(from, _)| *from == name) else {
        return vec![format!("crate `{name}` has no line in xtask's layer table")];
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        if dependency.kind == DependencyKind::Development {
            continue;
        }
        let to = dependency.name.as_str();
        match to.strip_prefix("ottla-") {
            Some(ours) if !allowed.contains(&ours) => {
                found.push(format!("`{name}` must not use `{ours}`"));
            }
            Some(_) => {}
            None => found.extend(homeless(&name, to)),
        }
    }
    found
}

fn homeless(name: &str, dependency: &str) -> Option<String> {
    let (_, homes) = HOMES.iter().find(|(third, _)| *third == dependency)?;
    let at_home = homes.contains(&name);
    (!at_home).then(|| format!("`{name}` must not name `{dependency}`: only {homes:?} may"))
}

/// The directory that names a crate in the tables: `ottla-log` lives in `crates/log`.
fn directory(package: &Package) -> String {
    package.name.strip_prefix("ottla-").unwrap_or(&package.name).to_owned()
}

fn asynchronous(metadata: &Metadata) -> Vec<String> {
    let tree = Tree::of(metadata);
    let with_tokio = |name: &&&str| tree.below(&format!("ottla-{name}")).contains("tokio");
    SYNCHRONOUS
        .iter()
        .filter(with_tokio)
        .map(|name| format!("`{name}` must not have tokio anywhere below it"))
        .collect()
}

fn weight(metadata: &Metadata) -> Vec<String> {
    let below = Tree::of(metadata).below("ottla");
    let mut found: Vec<String> = BANNED
        .iter()
        .filter(|(name, _)| below.contains(*name))
        .map(|(name, why)| format!("`{name}` is in the tree of the binary: {why}"))
        .collect();
    if below.len() > CRATES_BELOW_OTTLA_MAX {
        found.push(format!(
            "{} crates below the binary; the budget is {CRATES_BELOW_OTTLA_MAX}",
            below.len()
        ));
    }
    found
}

/// How many crates a build of the binary compiles.
pub fn crates_below_the_binary(metadata: &Metadata) -> usize {
    Tree::of(metadata).below("ottla").len()
}

/// The resolved graph by crate name, development dependencies left out.
struct Tree {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Tree {
    fn of(metadata: &Metadata) -> Self {
        let names: BTreeMap<_, _> =
            metadata.packages.iter().map(|p| (&p.id, p.name.to_string())).collect();
        let resolve = metadata.resolve.as_ref().expect("cargo metadata was asked for the graph");
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in &resolve.nodes {
            let shipped = node.deps.iter().filter(|dep| {
                dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
            });
            let to = shipped.map(|dep| names[&dep.pkg].clone());
            edges.entry(names[&node.id].clone()).or_default().extend(to);
        }
        Self { edges }
    }

    fn below(&self, root: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![root.to_owned()];
        while let Some(name) = open.pop() {
            for next in self.edges.get(&name).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    }
}
