//! The example of docs/embedding.md, run.

use std::time::Duration;

use ottla_client::{Client, NewTopic};
use ottla_consumer::{Consumer, Start};
use ottla_producer::{Producer, Record};

#[tokio::test]
async fn a_client_writes_to_an_embedded_server_and_reads_back() {
    let server = ottla_server::testing::start().await;
    let client = Client::connect(server.grpc()).await.unwrap();
    client.admin().create_topic(NewTopic::new("orders").partitions(2)).await.unwrap();
    let producer = Producer::builder(&client).build().await.unwrap();
    let orders = producer.topic("orders").await.unwrap();
    for number in 0..100 {
        let text = format!("order {number}");
        orders.send(Record::new(&text)).await.unwrap().await.unwrap();
    }
    producer.close().await.unwrap();

    let mut consumer = Consumer::builder(&client).build().await.unwrap();
    consumer.assign_topic("orders", Start::Earliest).await.unwrap();
    let mut read = 0;
    while read < 100 {
        let next = tokio::time::timeout(Duration::from_secs(20), consumer.next_batch()).await;
        read += next.expect("the rest comes in time").unwrap().len();
    }
    assert_eq!(read, 100);
}
