//! A disk that fills up, and one that fails: what is refused, what goes on, and what comes back.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{create, numbered, produce, read_all};
use ottla_broker::ProduceError;
use ottla_log::storage::faulty::{FaultyStorage, Odds};
use ottla_model::{ByteCount, MIB, Rng};
use ottla_server::config::ListenAddress;
use ottla_server::{Disks, RunningServer, Server, ServerConfig};

async fn start_on(disk: &FaultyStorage, change: impl FnOnce(&mut ServerConfig)) -> RunningServer {
    let any = ListenAddress::At(([127, 0, 0, 1], 0).into());
    let mut config = ServerConfig { grpc: any, http: any, ..ServerConfig::default() };
    change(&mut config);
    Server::start_on(config, Some(Disks::one(Arc::new(disk.clone())))).await.unwrap()
}

#[tokio::test]
async fn after_a_failed_flush_nothing_is_acknowledged_until_a_restart() {
    let disk = FaultyStorage::new(Rng::from_number(1));
    let server = start_on(&disk, |_| {}).await;
    let broker = server.broker();
    create(broker, "flights", 1, &[]).await;
    produce(broker, "flights", 0, numbered(0, 5)).await.unwrap();
    disk.set_odds(Odds { write_fails: 10_000, sync_fails: 10_000, ..Odds::default() });
    let lost = produce(broker, "flights", 0, numbered(5, 5)).await.unwrap_err();
    assert!(matches!(lost, ProduceError::Lost { .. }), "{lost}");
    let refused = produce(broker, "flights", 0, numbered(5, 5)).await.unwrap_err();
    assert!(matches!(refused, ProduceError::DirectoryOffline { .. }), "{refused}");
    assert!(broker.health().unwrap_err().contains("offline"));
    assert_eq!(read_all(broker, "flights", 0).await.len(), 5, "reading goes on");
    assert!(server.shutdown().await.unwrap_err().to_string().contains("not closed cleanly"));

    let disk = FaultyStorage::on(disk.power_cut(), Rng::from_number(2));
    let server = start_on(&disk, |_| {}).await;
    let kept = read_all(server.broker(), "flights", 0).await;
    assert!(kept.starts_with(&(0..5).map(|n| format!("record {n}")).collect::<Vec<_>>()));
    produce(server.broker(), "flights", 0, numbered(kept.len(), 1)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_and_resumes_by_itself() {
    let disk = FaultyStorage::new(Rng::from_number(3));
    let reserve = |config: &mut ServerConfig| config.log.room_reserve_bytes = ByteCount(16 * MIB);
    let server = start_on(&disk, reserve).await;
    let broker = server.broker();
    create(broker, "flights", 1, &[]).await;
    produce(broker, "flights", 0, numbered(0, 5)).await.unwrap();
    disk.set_capacity(Some(8 * MIB));
    let refused =
        eventually(|| async { produce(broker, "flights", 0, numbered(5, 1)).await.err() });
    let refused = refused.await;
    assert!(matches!(refused, ProduceError::DiskFull { .. }), "{refused}");
    assert!(read_all(broker, "flights", 0).await.len() >= 5, "reading goes on");
    disk.set_capacity(None);
    eventually(|| async { produce(broker, "flights", 0, numbered(5, 1)).await.ok() }).await;
}

async fn eventually<T, F: Future<Output = Option<T>>>(attempt: impl Fn() -> F) -> T {
    for _ in 0..400 {
        if let Some(reached) = attempt().await {
            return reached;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came to that");
}

#[tokio::test]
async fn producers_wait_for_room_instead_of_filling_the_memory() {
    let disk = FaultyStorage::new(Rng::from_number(4));
    let small = |config: &mut ServerConfig| config.log.unfilled_bytes_max = Some(ByteCount(MIB));
    let server = start_on(&disk, small).await;
    let broker = server.broker();
    create(broker, "flights", 4, &[]).await;
    let values: Vec<_> = (0..64).map(|n| format!("{n:0>4000}")).collect();
    let batch = common::batch(&values);
    for round in 0..40_u32 {
        let admission = broker.admit(batch.len() as u64).await.unwrap();
        let request = ottla_broker::ProduceRequest {
            topic: common::topic("flights"),
            partition: ottla_model::PartitionId(round % 4),
            batch: batch.clone(),
            acks: ottla_model::Acks::None,
            durability: None,
            admission,
        };
        broker.produce(request).await.unwrap();
        let text = server.metrics().render();
        let unfilled = figure(&text, "ottla_unfilled_bytes");
        assert!(unfilled <= MIB + batch.len() as u64, "{unfilled} bytes in round {round}");
    }
}

fn figure(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
