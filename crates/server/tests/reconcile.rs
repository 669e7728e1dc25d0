//! A crash between the metadata's commit and what follows from it in the log: the next start mends it.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{create, numbered, produce, read_all, topic};
use ottla_log::storage::files::{DirectAccess, FilesStorage};
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, StreamSettings};
use ottla_model::{BrokerId, PartitionId, Rng, StreamId, Timestamp, TopicId};
use ottla_server::config::ListenAddress;
use ottla_server::{RunningServer, Server, ServerConfig};

async fn start_in(directory: &Path) -> RunningServer {
    let any = ListenAddress::At(([127, 0, 0, 1], 0).into());
    let data_dir = directory.to_owned();
    let config = ServerConfig { data_dir, grpc: any, http: any, ..ServerConfig::default() };
    Server::start(config).await.unwrap()
}

/// Does something to the log while no server has it, as a crash would have left it.
fn with_log(directory: &Path, change: impl FnOnce(&LogDirectory)) {
    let storage = Arc::new(FilesStorage::open(directory, DirectAccess::Auto).unwrap());
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(5),
        boot_id: "boot".to_owned(),
        now: Timestamp(0),
    };
    let settings = LogSettings::default();
    let (log, _) = LogDirectory::open(storage.clone(), storage, settings, context).unwrap();
    change(&log);
    while log.step(Lane::Journal, Timestamp(0)).worked {}
    log.close(Timestamp(0)).unwrap();
}

#[tokio::test]
async fn a_topic_whose_streams_were_not_made_yet_gets_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_in(directory.path()).await;
    create(server.broker(), "flights", 2, &[]).await;
    produce(server.broker(), "flights", 0, numbered(0, 3)).await.unwrap();
    let id = server.broker().topic(&topic("flights")).unwrap().id;
    server.shutdown().await.unwrap();
    with_log(directory.path(), |log| {
        log.drop_stream(StreamId::new(id, PartitionId(1))).unwrap();
    });
    let server = start_in(directory.path()).await;
    assert_eq!(read_all(server.broker(), "flights", 0).await.len(), 3);
    produce(server.broker(), "flights", 1, numbered(0, 1)).await.unwrap();
}

#[tokio::test]
async fn a_stream_whose_topic_is_gone_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_in(directory.path()).await;
    create(server.broker(), "flights", 1, &[]).await;
    server.shutdown().await.unwrap();
    let orphan = StreamId::new(TopicId::from_bytes([9; 16]), PartitionId(0));
    with_log(directory.path(), |log| {
        log.create_stream(orphan, StreamSettings::default()).unwrap();
    });
    let server = start_in(directory.path()).await;
    produce(server.broker(), "flights", 0, numbered(0, 1)).await.unwrap();
    server.shutdown().await.unwrap();
    with_log(directory.path(), |log| {
        assert!(log.stream(orphan).is_none());
        assert_eq!(log.streams().len(), 2, "the metadata and one partition");
    });
}
