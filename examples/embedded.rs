//! A whole broker inside a program, as a test of your own service would have it: it lives in a
//! temporary directory on free ports, and is gone at the end.
//!
//!     cargo run -p ottla-examples --example embedded

use futures::StreamExt;
use ottla_client::NewTopic;
use ottla_consumer::{Client, Consumer, Start};
use ottla_producer::{Producer, Record};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = ottla_server::testing::start().await;
    println!("a broker of our own at {}", server.grpc());

    let client = Client::connect(server.grpc()).await?;
    client.admin().create_topic(NewTopic::new("greetings").set("retention.ms", "60000")).await?;

    let producer = Producer::builder(&client).build().await?;
    let greetings = producer.topic("greetings").await?;
    let delivered = greetings.send(Record::new("Hello, Ottla!").key("first")).await?.await?;
    println!("on stable storage at offset {} ({})", delivered.offset, delivered.durability.name());

    let mut consumer = Consumer::builder(&client).build().await?;
    consumer.assign_topic("greetings", Start::Earliest).await?;
    let record = consumer.next().await.expect("a stream that never ends")?;
    println!("read back: {}", String::from_utf8_lossy(record.value().unwrap_or_default()));
    Ok(())
}
