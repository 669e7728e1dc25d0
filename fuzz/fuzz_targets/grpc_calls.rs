//! Any message, or any bytes as messages, to any method: what the door makes of it ends with a status
//! that a client can act upon.
//!
//! The first byte chooses the method, the second whether the rest is one message or bytes on the wire.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::doors::{framed, with_doors};
use ottla_wire::RichError;
use tonic::Code;

/// As many as seeds are made for; see `examples/seeds.rs`.
const METHODS: [&str; 16] = [
    "/ottla.v1.ProducerService/Produce",
    "/ottla.v1.ConsumerService/Fetch",
    "/ottla.v1.ProducerService/Publish",
    "/ottla.v1.ProducerService/AllocateProducerId",
    "/ottla.v1.ConsumerService/FetchOnce",
    "/ottla.v1.TopicService/CreateTopic",
    "/ottla.v1.TopicService/ListTopics",
    "/ottla.v1.TopicService/DescribeTopic",
    "/ottla.v1.TopicService/AlterTopicConfig",
    "/ottla.v1.TopicService/AddPartitions",
    "/ottla.v1.TopicService/DeleteTopic",
    "/ottla.v1.TopicService/DeleteRecords",
    "/ottla.v1.TopicService/ListOffsets",
    "/ottla.v1.ClusterService/DescribeCluster",
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

fuzz_target!(|input: &[u8]| {
    let Some((&[method, kind], rest)) = input.split_first_chunk::<2>() else { return };
    let path = METHODS[usize::from(method) % METHODS.len()];
    let body = if kind.is_multiple_of(2) { framed(rest) } else { Bytes::copy_from_slice(rest) };
    with_doors(async |doors| {
        let status = doors.call(path, &[("grpc-timeout", "3m")], body).await;
        assert_ne!(status.code(), Code::Unknown, "{path}: {status:?}");
        let ours = status.code() != Code::Ok && !status.details().is_empty();
        if ours {
            let error = RichError::from(&status);
            assert!(!error.reason.is_empty() && !error.message.is_empty(), "{path}: {error:?}");
        }
    });
});
