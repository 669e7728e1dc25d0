//! Brokers begin a life.

mod common;

use common::check;
use expect_test::expect;

/// R5: what the former life appended and lost must not be taken for what this one appends.
#[test]
fn a_new_life_is_a_new_reign_of_all_it_leads() {
    check(
        "
        create flights partitions=2
        create weather
        register 1 dir=1
        register 1 dir=1
        ",
        expect![[r#"
            create flights partitions=2
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 2, collides_with: None })
            create weather
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"weather","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 1, collides_with: None })
            register 1 dir=1
              + {"kind":"broker","version":1,"body":{"broker":1,"epoch":1,"directory":"01010101-0101-0101-0101-010101010101","boot":"boot","endpoints":[],"registered_at":2}}
              + {"kind":"leadership","version":1,"body":{"topic":"<1>","changes":[{"partition":0,"leader":1,"leader_epoch":1,"isr":[1]},{"partition":1,"leader":1,"leader_epoch":1,"isr":[1]}]}}
              + {"kind":"leadership","version":1,"body":{"topic":"<2>","changes":[{"partition":0,"leader":1,"leader_epoch":1,"isr":[1]}]}}
              = BrokerRegistered(BrokerRegistered { epoch: 1 })
            register 1 dir=1
              + {"kind":"broker","version":1,"body":{"broker":1,"epoch":2,"directory":"01010101-0101-0101-0101-010101010101","boot":"boot","endpoints":[],"registered_at":2}}
              + {"kind":"leadership","version":1,"body":{"topic":"<1>","changes":[{"partition":0,"leader":1,"leader_epoch":2,"isr":[1]},{"partition":1,"leader":1,"leader_epoch":2,"isr":[1]}]}}
              + {"kind":"leadership","version":1,"body":{"topic":"<2>","changes":[{"partition":0,"leader":1,"leader_epoch":2,"isr":[1]}]}}
              = BrokerRegistered(BrokerRegistered { epoch: 2 })
        "#]],
    );
}

#[test]
fn partitions_of_others_keep_their_reign() {
    check(
        "
        register 2 dir=2
        create flights partitions=2
        register 2 dir=2
        ",
        expect![[r#"
            register 2 dir=2
              + {"kind":"broker","version":1,"body":{"broker":2,"epoch":1,"directory":"02020202-0202-0202-0202-020202020202","boot":"boot","endpoints":[],"registered_at":2}}
              = BrokerRegistered(BrokerRegistered { epoch: 1 })
            create flights partitions=2
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[2]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 2, collides_with: None })
            register 2 dir=2
              + {"kind":"broker","version":1,"body":{"broker":2,"epoch":2,"directory":"02020202-0202-0202-0202-020202020202","boot":"boot","endpoints":[],"registered_at":2}}
              + {"kind":"leadership","version":1,"body":{"topic":"<1>","changes":[{"partition":1,"leader":2,"leader_epoch":1,"isr":[2]}]}}
              = BrokerRegistered(BrokerRegistered { epoch: 2 })
        "#]],
    );
}

#[test]
fn a_directory_has_one_broker() {
    check(
        "
        register 2 dir=1
        register 1 dir=9
        register 2 dir=1
        ",
        expect![[r#"
            register 2 dir=1
              ! data directory 01010101-0101-0101-0101-010101010101 belongs to broker 1; start this broker with that number, or with a directory of its own
            register 1 dir=9
              + {"kind":"broker","version":1,"body":{"broker":1,"epoch":1,"directory":"09090909-0909-0909-0909-090909090909","boot":"boot","endpoints":[],"registered_at":2}}
              = BrokerRegistered(BrokerRegistered { epoch: 1 })
            register 2 dir=1
              + {"kind":"broker","version":1,"body":{"broker":2,"epoch":2,"directory":"01010101-0101-0101-0101-010101010101","boot":"boot","endpoints":[],"registered_at":2}}
              = BrokerRegistered(BrokerRegistered { epoch: 2 })
        "#]],
    );
}
