//! Sends what is typed, a record a line: `key: value`, or only a value.
//!
//!     cargo run -p ottla-examples --example produce -- [broker] [topic]

use std::io::BufRead;

use futures::stream::{FuturesUnordered, StreamExt};
use ottla_client::NewTopic;
use ottla_producer::{Client, Compression, Producer, Record};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "127.0.0.1:9095".to_owned());
    let name = arguments.next().unwrap_or_else(|| "lines".to_owned());

    let client = Client::connect(broker).await?;
    if let Err(error) = client.admin().create_topic(NewTopic::new(&name).partitions(4)).await {
        eprintln!("going on with what is there: {error}");
    }

    // Idempotent and acknowledged by the whole in-sync set unless told otherwise.
    let producer = Producer::builder(&client).compression(Compression::Lz4).build().await?;
    let topic = producer.topic(&name).await?;

    // A delivery resolves when its record is safe; thousands may be under way at a time.
    let mut deliveries = FuturesUnordered::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let record = match line.split_once(": ") {
            Some((key, value)) => Record::new(value).key(key),
            None => Record::new(&line),
        };
        deliveries.push(topic.send(record).await?);
    }
    while let Some(delivery) = deliveries.next().await {
        match delivery {
            Ok(delivered) => println!(
                "partition {} offset {} ({}, acks {})",
                delivered.partition,
                delivered.offset,
                delivered.durability.name(),
                delivered.acks.name()
            ),
            // The error says whether it happened all the same, and whether to try again.
            Err(error) => eprintln!("{error}"),
        }
    }
    producer.close().await?;
    Ok(())
}
