//! `ClusterService`: who is in the cluster and what it can do.

use bytes::Bytes;
use ottla_broker::{BrokerDescription, ClusterDescription};
use ottla_wire::v1;
use tonic::{Request, Response, Status};
use v1::cluster_service_server::ClusterService;

use crate::door::Door;

pub(super) struct Cluster {
    door: Door,
}

impl Cluster {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }
}

#[tonic::async_trait]
impl ClusterService for Cluster {
    async fn describe_cluster(
        &self,
        _: Request<v1::DescribeClusterRequest>,
    ) -> Result<Response<v1::DescribeClusterResponse>, Status> {
        Ok(Response::new(described(self.door.broker.describe_cluster())))
    }
}

fn described(cluster: ClusterDescription) -> v1::DescribeClusterResponse {
    let this = cluster.brokers.iter().find(|broker| broker.id == cluster.this_broker);
    v1::DescribeClusterResponse {
        cluster_id: Bytes::copy_from_slice(&cluster.cluster_id.to_bytes()),
        broker_id: cluster.this_broker.0,
        controller_id: cluster.controller.map(|controller| controller.0),
        version: this.map(|broker| broker.version.clone()).unwrap_or_default(),
        brokers: cluster.brokers.into_iter().map(broker).collect(),
        features: cluster.features.into_iter().map(feature).collect(),
    }
}

fn feature((name, version): (String, u32)) -> v1::Feature {
    v1::Feature { name, version }
}

fn broker(broker: BrokerDescription) -> v1::BrokerDescription {
    v1::BrokerDescription {
        id: broker.id.0,
        address: broker.grpc,
        rack: String::new(),
        online: true,
    }
}
