//! Clusters that can be reached, and some that cannot.

use std::net::TcpListener;

use expect_test::{Expect, expect};
use ottla_server::ServerConfig;
use ottla_server::testing::{TestServer, start_with};

use super::{Report, examine, told};

/// A server whose Kafka clients are told this address.
async fn advertising(host: &str, port: u16) -> TestServer {
    let advertised = Some((host.to_owned(), port));
    start_with(|config: &mut ServerConfig| config.kafka.0[0].advertised = advertised).await
}

async fn reported(addresses: &str) -> Report {
    examine(addresses.split(',').map(|text| text.parse().expect("an address")).collect()).await
}

/// What is said of these addresses, with the changing parts by name.
async fn check(addresses: &str, named: &[(&str, &str)], well: bool, expected: Expect) {
    let report = reported(addresses).await;
    let mut said = told::sentences(&report).join("\n") + "\n";
    let cluster = report.answer.as_ref().map(|answer| answer.cluster.clone());
    for (part, name) in named.iter().copied().chain(cluster.as_deref().map(|id| (id, "CLUSTER"))) {
        said = said.replace(part, name);
    }
    expected.assert_eq(&said);
    assert_eq!(report.is_well(), well);
}

fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// A port at which nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has one").port()
}

#[test]
fn a_cluster_that_can_be_reached_is_well_by_either_door() {
    on_runtime(async {
        let server = start_with(|_| {}).await;
        let (kafka, grpc) = (server.kafka(), server.grpc());
        let expected = expect![[r#"
            KAFKA speaks the Kafka protocol: cluster CLUSTER, 1 broker
            broker 1 is advertised as KAFKA, which can be reached from here and is that broker
            well: clients that begin here come to every broker
        "#]];
        check(&kafka, &[(&kafka, "KAFKA")], true, expected).await;
        let expected = expect![[r#"
            GRPC speaks gRPC: cluster CLUSTER, 1 broker
            broker 1 is advertised as GRPC, which can be reached from here and is that broker
            well: clients that begin here come to every broker
        "#]];
        check(&grpc, &[(&grpc, "GRPC")], true, expected).await;
    });
}

#[test]
fn an_advertised_port_where_nobody_listens_is_named() {
    on_runtime(async {
        let port = closed_port();
        let server = advertising("127.0.0.1", port).await;
        let (kafka, lost) = (server.kafka(), format!("127.0.0.1:{port}"));
        let expected = expect![[r#"
            KAFKA speaks the Kafka protocol: cluster CLUSTER, 1 broker
            broker 1 is advertised as LOST, which cannot be connected to: 127.0.0.1: nothing listens there
            clients are sent where they cannot go, for 1 of 1 brokers; say where each is as they see it: `ottla serve --kafka LISTEN=HOST:PORT`
        "#]];
        check(&kafka, &[(&kafka, "KAFKA"), (&lost, "LOST")], false, expected).await;
    });
}

#[test]
fn an_advertised_name_that_nobody_knows_is_named() {
    on_runtime(async {
        let server = advertising("broker.invalid", 9092).await;
        let report = reported(&server.kafka()).await;
        let said = told::sentences(&report)[1].clone();
        let begins =
            "broker 1 is advertised as broker.invalid:9092, which cannot be looked up here: ";
        assert!(said.starts_with(begins), "{said}");
        assert!(!report.is_well());
    });
}

#[test]
fn the_address_of_every_interface_is_none_to_connect_to() {
    on_runtime(async {
        let server = advertising("0.0.0.0", 9092).await;
        let kafka = server.kafka();
        let expected = expect![[r#"
            KAFKA speaks the Kafka protocol: cluster CLUSTER, 1 broker
            broker 1 is advertised as 0.0.0.0:9092, which means every address of a machine that listens, and is none to connect to
            clients are sent where they cannot go, for 1 of 1 brokers; say where each is as they see it: `ottla serve --kafka LISTEN=HOST:PORT`
        "#]];
        check(&kafka, &[(&kafka, "KAFKA")], false, expected).await;
    });
}

#[test]
fn an_address_of_another_cluster_is_found_out() {
    on_runtime(async {
        let other = start_with(|_| {}).await;
        let there = other.kafka();
        let port = there.rsplit_once(':').expect("a port").1.parse().expect("a number");
        let server = advertising("127.0.0.1", port).await;
        let kafka = server.kafka();
        let at_home = reported(&there).await.answer.expect("it answers").cluster;
        let expected = expect![[r#"
            KAFKA speaks the Kafka protocol: cluster CLUSTER, 1 broker
            broker 1 is advertised as THERE, which belongs to another cluster, OTHER
            clients are sent where they cannot go, for 1 of 1 brokers; say where each is as they see it: `ottla serve --kafka LISTEN=HOST:PORT`
        "#]];
        let named = [(&*kafka, "KAFKA"), (&*there, "THERE"), (&*at_home, "OTHER")];
        check(&kafka, &named, false, expected).await;
    });
}

#[test]
fn what_is_no_broker_is_said_to_be_none() {
    on_runtime(async {
        let server = start_with(|_| {}).await;
        let http = server.http_address().expect("the HTTP door is open").to_string();
        let report = reported(&http).await;
        let said = told::sentences(&report);
        assert!(said[0].starts_with(&format!("{http} is neither a Kafka listener (")), "{said:?}");
        assert_eq!(said[1], "no cluster was found: is it running, and is this its address?");
        assert!(!report.is_well());
        let closed = format!("127.0.0.1:{}", closed_port());
        let expected = expect![[r#"
            CLOSED cannot be connected to: 127.0.0.1: nothing listens there
            no cluster was found: is it running, and is this its address?
        "#]];
        check(&closed, &[(&closed, "CLOSED")], false, expected).await;
    });
}

#[test]
fn an_address_that_does_not_answer_beside_one_that_does_is_not_well() {
    on_runtime(async {
        let server = start_with(|_| {}).await;
        let (closed, kafka) = (format!("127.0.0.1:{}", closed_port()), server.kafka());
        let expected = expect![[r#"
            CLOSED cannot be connected to: 127.0.0.1: nothing listens there
            KAFKA speaks the Kafka protocol: cluster CLUSTER, 1 broker
            broker 1 is advertised as KAFKA, which can be reached from here and is that broker
            clients that begin at an address that does not answer come nowhere
        "#]];
        let named = [(&*kafka, "KAFKA"), (&*closed, "CLOSED")];
        check(&format!("{closed},{kafka}"), &named, false, expected).await;
    });
}

/// regression: such a cluster was called well, since it could be reached from the machine of the broker itself.
#[test]
fn an_advertised_loopback_address_is_not_well_where_clients_come_from_elsewhere() {
    on_runtime(async {
        let server = start_with(|_| {}).await;
        let kafka = server.kafka();
        let mut report = reported(&kafka).await;
        assert!(report.is_well());
        report.typed[0].loopback = false;
        assert!(!report.is_well());
        let expected = expect![[r#"
            broker 1 is advertised as KAFKA, which can be reached from here, and only from here: it is the loopback address
            clients are sent where they cannot go, for 1 of 1 brokers; say where each is as they see it: `ottla serve --kafka LISTEN=HOST:PORT`
        "#]];
        let said = told::sentences(&report)[1..].join("\n") + "\n";
        expected.assert_eq(&said.replace(&kafka, "KAFKA"));
    });
}
