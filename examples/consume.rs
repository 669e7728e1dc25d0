//! Prints every record of a topic and then what comes, until Ctrl-C.
//!
//!     cargo run -p ottla-examples --example consume -- [broker] [topic] [seconds ago]

use std::time::{Duration, SystemTime};

use futures::StreamExt;
use ottla_consumer::{Client, ConsumedRecord, Consumer, OutOfRange, Start, Timestamp};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "127.0.0.1:9095".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "lines".to_owned());
    let start = match arguments.next() {
        Some(seconds) => ago(Duration::from_secs(seconds.parse()?))?,
        None => Start::Earliest,
    };

    let client = Client::connect(broker).await?;
    let mut consumer =
        Consumer::builder(&client).out_of_range(OutOfRange::Earliest).build().await?;
    consumer.assign_topic(&topic, start).await?;

    loop {
        tokio::select! {
            record = consumer.next() => match record {
                Some(Ok(record)) => print(&record),
                Some(Err(error)) => eprintln!("{error}"),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // Where to go on another time: `Start::Offset`.
    for (topic, partition) in consumer.assignment() {
        if let Some(position) = consumer.position(topic.as_str(), partition) {
            eprintln!("{topic}-{partition} read up to offset {position}");
        }
    }
    Ok(())
}

fn ago(time: Duration) -> anyhow::Result<Start> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.saturating_sub(time);
    Ok(Start::Timestamp(Timestamp(i64::try_from(since.as_millis())?)))
}

fn print(record: &ConsumedRecord) {
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or("-".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    println!(
        "{}-{} {}: {}",
        record.partition(),
        record.offset(),
        text(record.key()),
        text(record.value())
    );
}
