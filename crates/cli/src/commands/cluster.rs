//! `ottla cluster`: who is there.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use ottla_client::{Client, ClusterDescription};
use serde::Serialize;

use crate::args::Context;
use crate::failure::Failure;
use crate::output;

/// The commands of `ottla cluster`.
#[derive(Subcommand, Debug)]
pub enum Cluster {
    /// Describe the cluster and its brokers
    Describe,
}

#[derive(Serialize)]
struct Shown {
    cluster_id: String,
    version: String,
    controller: Option<i32>,
    features: BTreeMap<String, u32>,
    brokers: Vec<ShownBroker>,
}

#[derive(Serialize)]
struct ShownBroker {
    id: i32,
    address: String,
}

/// Runs one of them.
pub async fn run(cluster: Cluster, context: Context) -> Result<ExitCode, Failure> {
    let Cluster::Describe = cluster;
    let client = Client::connect(context.bootstrap.as_str()).await?;
    let shown = shown(client.admin().describe_cluster().await?);
    output::print(context.output, &shown, || table(&shown))?;
    Ok(ExitCode::SUCCESS)
}

fn shown(cluster: ClusterDescription) -> Shown {
    let brokers = cluster.brokers.into_iter();
    Shown {
        cluster_id: cluster.cluster_id.to_string(),
        version: cluster.version,
        features: cluster.features,
        controller: cluster.controller.map(|id| id.0),
        brokers: brokers.map(|b| ShownBroker { id: b.id.0, address: b.address }).collect(),
    }
}

fn table(shown: &Shown) -> comfy_table::Table {
    let mut table = output::table(&["cluster", "version", "broker", "address", "role"]);
    for broker in &shown.brokers {
        let role =
            if shown.controller == Some(broker.id) { "controller, broker" } else { "broker" };
        let id = broker.id.to_string();
        table.add_row([&shown.cluster_id, &shown.version, &id, &broker.address, role]);
    }
    table
}
