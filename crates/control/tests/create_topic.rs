//! Topics begin.

mod common;

use common::check;
use expect_test::expect;

#[test]
fn a_topic_gets_an_id_and_its_partitions() {
    check(
        "create flights partitions=2 retention.ms=7d",
        expect![[r#"
        create flights partitions=2 retention.ms=7d
          + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{"retention.ms":"604800000"}}}
          + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}
          = TopicCreated(TopicCreated { id: Some(<1>), partitions: 2, collides_with: None })
    "#]],
    );
}

#[test]
fn the_cluster_says_how_many_partitions_unless_the_caller_does() {
    check(
        "create flights",
        expect![[r#"
        create flights
          + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
          + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
          = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
    "#]],
    );
}

/// Decided against what is pending as well: the second never sees the first committed.
#[test]
fn a_name_is_taken_once() {
    check(
        "
        create flights
        create flights
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            create flights
              ! topic `flights` exists already
        "#]],
    );
}

#[test]
fn a_name_is_free_again_after_its_topic_is_gone_and_gets_another_id() {
    check(
        "
        create flights
        delete flights
        create flights
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            delete flights
              + {"kind":"topic_deleted","version":1,"body":{"topic":"<1>"}}
              = TopicDeleted(TopicDeleted { id: <1>, name: flights })
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 1, collides_with: None })
        "#]],
    );
}

#[test]
fn the_systems_names_are_refused() {
    check(
        "create __consumer_offsets",
        expect![[r#"
        create __consumer_offsets
          ! topic name `__consumer_offsets` is reserved for the system; choose another
    "#]],
    );
}

/// Kafka's metrics write `_` for `.`: the caller is told, and gets the topic.
#[test]
fn names_that_collide_in_kafkas_metrics_are_told_apart_here() {
    check(
        "
        create a.b_c
        create a_b.c
        create a-b-c
        ",
        expect![[r#"
            create a.b_c
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"a.b_c","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            create a_b.c
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"a_b.c","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 1, collides_with: Some(a.b_c) })
            create a-b-c
              + {"kind":"topic","version":1,"body":{"topic":"<3>","name":"a-b-c","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<3>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<3>), partitions: 1, collides_with: None })
        "#]],
    );
}

#[test]
fn the_count_of_partitions_has_bounds() {
    check(
        "
        create none partitions=0
        create many partitions=10001
        create half partitions=6
        create rest partitions=5
        create fits partitions=4
        ",
        expect![[r#"
            create none partitions=0
              ! a topic cannot have 0 partitions; 1 to 10000 are allowed
            create many partitions=10001
              ! a topic cannot have 10001 partitions; 1 to 10000 are allowed
            create half partitions=6
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"half","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 6, collides_with: None })
            create rest partitions=5
              ! the cluster has 6 partitions, and 5 more would pass its limit of 10; delete topics, or ask for fewer partitions
            create fits partitions=4
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"fits","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 4, collides_with: None })
        "#]],
    );
}

#[test]
fn settings_are_checked_before_anything_is_written() {
    check(
        "
        create flights retention.msec=7
        create flights retention.ms=often
        create flights segment.bytes=64KiB
        create flights min.insync.replicas=2
        ",
        expect![[r#"
            create flights retention.msec=7
              ! `retention.msec` is no setting of a topic (did you mean `retention.ms`?)
            create flights retention.ms=often
              ! `retention.ms` cannot be `often`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            create flights segment.bytes=64KiB
              ! `segment.bytes` of 65536 cannot hold one batch of `max.message.bytes`, 1048588; raise `segment.bytes` or lower `max.message.bytes`
            create flights min.insync.replicas=2
              ! `min.insync.replicas` of 2 is more than the topic's replication factor of 1: nothing could ever be acknowledged; lower it, or leave it at `auto`
        "#]],
    );
}

#[test]
fn to_validate_is_to_answer_and_write_nothing() {
    check(
        "
        create flights partitions=3 validate
        create flights retention.ms=never validate
        create flights
        create flights validate
        ",
        expect![[r#"
            create flights partitions=3 validate
              = TopicCreated(TopicCreated { id: None, partitions: 3, collides_with: None })
            create flights retention.ms=never validate
              ! `retention.ms` cannot be `never`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            create flights validate
              ! topic `flights` exists already
        "#]],
    );
}

#[test]
fn without_a_broker_nobody_could_keep_it() {
    let mut world = common::World::new();
    world.run("create flights");
    assert!(world.image.topics().is_empty());
    world.run("register 1 dir=1");
    world.run("create flights");
    assert_eq!(world.image.topics().len(), 1);
}

#[test]
fn partitions_are_dealt_over_the_brokers() {
    check(
        "
        register 2 dir=2
        create flights partitions=3
        create weather partitions=1
        ",
        expect![[r#"
            register 2 dir=2
              + {"kind":"broker","version":1,"body":{"broker":2,"epoch":1,"directory":"02020202-0202-0202-0202-020202020202","boot":"boot","endpoints":[],"registered_at":2}}
              = BrokerRegistered(BrokerRegistered { epoch: 1 })
            create flights partitions=3
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[2]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 3, collides_with: None })
            create weather partitions=1
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"weather","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[2]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 1, collides_with: None })
        "#]],
    );
}
