//! What the server's tests share: batches made and read, without a client in between.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ottla_broker::{
    Broker, CreateTopic, FetchRequest, Fetched, ProduceError, ProduceRequest, Produced, TopicRef,
};
use ottla_model::{Acks, Offset, PartitionId, Timestamp, TopicName};
use ottla_record::{BatchBuilder, BatchOptions, BatchView, Batches, NO_HEADERS, Scratch};

pub(crate) const WAIT: Duration = Duration::from_secs(20);

pub(crate) fn topic(name: &str) -> TopicRef {
    TopicRef::Name(TopicName::new(name).unwrap())
}

pub(crate) async fn create(broker: &Broker, name: &str, partitions: u32, config: &[(&str, &str)]) {
    let config: BTreeMap<_, _> =
        config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let request = CreateTopic {
        name: TopicName::new(name).unwrap(),
        partitions: Some(partitions),
        config,
        validate_only: false,
    };
    broker.create_topic(request).await.unwrap();
}

pub(crate) fn batch(values: &[String]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (index, value) in values.iter().enumerate() {
        let time = Timestamp(1_700_000_000_000 + index as i64);
        builder.push(time, None, Some(value.as_bytes()), NO_HEADERS);
    }
    builder.finish(&BatchOptions::default())
}

pub(crate) fn numbered(from: usize, count: usize) -> Bytes {
    batch(&(from..from + count).map(|n| format!("record {n}")).collect::<Vec<_>>())
}

pub(crate) async fn produce(
    broker: &Broker,
    name: &str,
    partition: u32,
    batch: Bytes,
) -> Result<Produced, ProduceError> {
    let admission = broker.admit(batch.len() as u64).await?;
    let request = ProduceRequest {
        topic: topic(name),
        partition: PartitionId(partition),
        batch,
        acks: Acks::All,
        durability: None,
        admission,
    };
    tokio::time::timeout(WAIT, broker.produce(request)).await.expect("acknowledged in time")
}

pub(crate) fn fetch_request(name: &str, partition: u32, offset: i64) -> FetchRequest {
    FetchRequest {
        topic: topic(name),
        partition: PartitionId(partition),
        offset: Offset(offset),
        bytes_max: 1 << 20,
        wait: None,
    }
}

/// Every value of the partition, from its beginning to its end.
pub(crate) async fn read_all(broker: &Broker, name: &str, partition: u32) -> Vec<String> {
    let mut values = Vec::new();
    let mut offset = 0;
    loop {
        let fetched = broker.fetch(fetch_request(name, partition, offset)).await.unwrap();
        if fetched.is_empty() {
            assert_eq!(fetched.high_watermark.0, offset);
            return values;
        }
        values.extend(values_of(&fetched));
        offset = fetched.next_offset.0;
    }
}

pub(crate) fn values_of(fetched: &Fetched) -> Vec<String> {
    let bytes: Vec<u8> = fetched.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
    let mut values = Vec::new();
    for view in Batches::new(&bytes) {
        let view: BatchView<'_> = view.unwrap();
        let mut scratch = Scratch::default();
        for record in view.records(&mut scratch, 1 << 20).unwrap() {
            let value = record.unwrap().value.unwrap();
            values.push(String::from_utf8(value.to_vec()).unwrap());
        }
    }
    values
}

/// What the HTTP door answers.
pub(crate) async fn get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
