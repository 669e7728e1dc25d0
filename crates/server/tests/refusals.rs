//! Why a server does not start: one sentence that says what to do.

use std::path::Path;

use ottla_server::config::ListenAddress;
use ottla_server::{RunningServer, Server, ServerConfig, testing};

fn config(directory: &Path) -> ServerConfig {
    let any = ListenAddress::At(([127, 0, 0, 1], 0).into());
    ServerConfig { data_dir: directory.to_owned(), grpc: any, http: any, ..ServerConfig::default() }
}

async fn refused(config: ServerConfig) -> String {
    let started: Result<RunningServer, _> = Server::start(config).await;
    started.expect_err("it must not start").to_string()
}

#[tokio::test]
async fn one_directory_belongs_to_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(config(directory.path())).await.unwrap();
    let sentence = refused(config(directory.path())).await;
    assert!(sentence.contains("in use") && sentence.contains("--data-dir"), "{sentence}");
    server.shutdown().await.unwrap();
    Server::start(config(directory.path())).await.unwrap().shutdown().await.unwrap();
}

#[tokio::test]
async fn a_busy_port_is_named_with_its_setting() {
    let server = testing::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.http = ListenAddress::At(server.http_address().unwrap());
    let sentence = refused(config).await;
    assert!(sentence.contains("the port is in use") && sentence.contains("--http"), "{sentence}");
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "not ours").unwrap();
    let sentence = refused(config(&path)).await;
    assert!(sentence.contains(&path.display().to_string()), "{sentence}");
}

#[tokio::test]
async fn a_foreign_directory_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("superblock"), "not ours").unwrap();
    let sentence = refused(config(directory.path())).await;
    assert!(sentence.contains("superblock"), "{sentence}");
    let kept = std::fs::read(directory.path().join("superblock")).unwrap();
    assert_eq!(kept, b"not ours");
}

#[tokio::test]
async fn another_brokers_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(config(directory.path())).await.unwrap().shutdown().await.unwrap();
    let mut config = config(directory.path());
    config.broker_id = 7;
    let sentence = refused(config).await;
    assert!(sentence.contains("broker"), "{sentence}");
}

#[tokio::test]
async fn an_address_for_everybody_has_to_be_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.grpc = ListenAddress::At(([0, 0, 0, 0], 0).into());
    let sentence = refused(config).await;
    assert!(sentence.contains("--insecure-listen"), "{sentence}");
}

#[tokio::test]
async fn a_journal_that_is_missing_or_foreign_is_refused() {
    let (data, journal) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut with_journal = config(data.path());
    with_journal.journal_dir = Some(journal.path().to_owned());
    Server::start(with_journal.clone()).await.unwrap().shutdown().await.unwrap();
    let missing = refused(config(data.path())).await;
    assert!(missing.contains("journal"), "{missing}");
    let other = tempfile::tempdir().unwrap();
    let mut elsewhere = with_journal.clone();
    elsewhere.journal_dir = Some(other.path().to_owned());
    let foreign = refused(elsewhere).await;
    assert!(foreign.contains("journal"), "{foreign}");
    Server::start(with_journal).await.unwrap().shutdown().await.unwrap();
}

#[tokio::test]
async fn a_place_that_takes_no_files_is_refused() {
    let sentence = refused(config(Path::new("/proc/ottla-data"))).await;
    assert!(sentence.contains("/proc/ottla-data"), "{sentence}");
}

/// regression: "`` is not there".
#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let sentence = refused(config(Path::new("/proc/foo"))).await;
    assert!(sentence.starts_with("cannot use /proc/foo: "), "{sentence}");
    assert!(sentence.contains("--data-dir") && !sentence.contains("``"), "{sentence}");
}
