//! A year of departures from New York, written and read back: which airline leaves latest?
//!
//!     cargo run --release -p ottla-examples --example flights -- [broker]
//!
//! Without the address of a broker it brings its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Instant;

use ottla_client::NewTopic;
use ottla_consumer::{Client, ConsumedBatch, Consumer, Start};
use ottla_producer::{Producer, Record};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights.ndjson.zst");

#[derive(serde::Deserialize)]
struct Flight<'a> {
    carrier: &'a str,
    /// Missing where nobody knows which plane it would have been.
    tailnum: Option<&'a str>,
    /// Minutes; missing where the flight was cancelled.
    dep_delay: Option<f64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let own = ottla_server::testing::start().await;
    let client = Client::connect(std::env::args().nth(1).unwrap_or_else(|| own.grpc())).await?;
    client.admin().create_topic(NewTopic::new("departures").partitions(8)).await?;

    let mut text = String::new();
    zstd::Decoder::new(std::fs::File::open(FILE)?)?.read_to_string(&mut text)?;
    let lines: Vec<&str> = text.lines().collect();

    let begun = Instant::now();
    let producer = Producer::builder(&client).build().await?;
    let departures = producer.topic("departures").await?;
    // One plane's flights stay in order: they share a key, and so a partition.
    let mut records = Vec::with_capacity(lines.len());
    for line in &lines {
        let flight: Flight = serde_json::from_str(line)?;
        let record = Record::new(line);
        records.push(flight.tailnum.map_or(record, |plane| record.key(plane)));
    }
    let delivered = departures.send_many(records).await?.await?;
    println!("{} departures on stable storage in {:.1?}", delivered.records, begun.elapsed());

    let begun = Instant::now();
    let mut consumer = Consumer::builder(&client).build().await?;
    consumer.assign_topic("departures", Start::Earliest).await?;
    let (mut read, mut delays) = (0, BTreeMap::new());
    while read < lines.len() {
        let batch = consumer.next_batch().await?;
        read += batch.len();
        add(&batch, &mut delays)?;
    }
    println!("{read} read back in {:.1?}; mean delay in minutes:", begun.elapsed());
    for (carrier, (minutes, flights)) in delays {
        println!("  {carrier} {:5.1} over {flights} flights", minutes / f64::from(flights));
    }
    Ok(())
}

fn add(batch: &ConsumedBatch, delays: &mut BTreeMap<String, (f64, u32)>) -> anyhow::Result<()> {
    for record in batch.records() {
        let flight: Flight = serde_json::from_slice(record.value().unwrap_or_default())?;
        let Some(minutes) = flight.dep_delay else { continue };
        let (sum, flights) = delays.entry(flight.carrier.to_owned()).or_default();
        (*sum, *flights) = (*sum + minutes, *flights + 1);
    }
    Ok(())
}
