//! The services: one file each, and what they are mounted as.

mod cluster;
mod consumer;
mod health;
mod producer;
mod topics;

use ottla_wire::frames::client::{FETCH, PRODUCE};
use ottla_wire::transport::REQUEST_BYTES_MAX;
use ottla_wire::v1;
use tonic::service::Routes;
use v1::cluster_service_server::ClusterServiceServer;
use v1::consumer_service_server::ConsumerServiceServer;
use v1::producer_service_server::ProducerServiceServer;
use v1::topic_service_server::TopicServiceServer;

use crate::door::Door;
use crate::streamed::Streamed;

/// Every service, and the task that keeps the health service true.
pub(crate) fn routes(door: &Door) -> (impl Future<Output = ()> + Send + 'static, Routes) {
    let (watch, health) = health::service(door.clone());
    let producer = ProducerServiceServer::new(producer::Producer::new(door.clone()))
        .max_decoding_message_size(REQUEST_BYTES_MAX);
    let consumer = ConsumerServiceServer::new(consumer::Consumer::new(door.clone()));
    let topics = TopicServiceServer::new(topics::Topics::new(door.clone()));
    let cluster = ClusterServiceServer::new(cluster::Cluster::new(door.clone()));
    let (produce, fetch) = (door.clone(), door.clone());
    let routes = Routes::new(health)
        .add_service(Streamed::new(producer, PRODUCE, move |body| {
            producer::stream::serve(produce.clone(), body)
        }))
        .add_service(Streamed::new(consumer, FETCH, move |body| {
            consumer::stream::serve(fetch.clone(), body)
        }))
        .add_service(topics)
        .add_service(cluster)
        .add_service(reflection_v1())
        .add_service(reflection_v1alpha());
    (watch, routes)
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(ottla_wire::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn reflection_v1() -> tonic_reflection::server::v1::ServerReflectionServer<
    impl tonic_reflection::server::v1::ServerReflection,
> {
    reflection().build_v1().expect("the committed descriptors are whole")
}

/// The same under the name that older tools ask for.
fn reflection_v1alpha() -> tonic_reflection::server::v1alpha::ServerReflectionServer<
    impl tonic_reflection::server::v1alpha::ServerReflection,
> {
    reflection().build_v1alpha().expect("the committed descriptors are whole")
}
