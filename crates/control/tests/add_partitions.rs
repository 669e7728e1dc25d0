//! Topics get more partitions.

mod common;

use common::check;
use expect_test::expect;

#[test]
fn more_partitions_follow_the_ones_there_are() {
    check(
        "
        create flights partitions=2
        add flights 4
        ",
        expect![[r#"
            create flights partitions=2
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 2, collides_with: None })
            add flights 4
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":2,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}
              = PartitionsAdded(PartitionsAdded { id: <1>, before: 2, after: 4 })
        "#]],
    );
}

#[test]
fn they_never_become_fewer() {
    check(
        "
        create flights partitions=3
        add flights 3
        add flights 2
        add flights 0
        ",
        expect![[r#"
            create flights partitions=3
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 3, collides_with: None })
            add flights 3
              ! topic `flights` has 3 partitions, and 3 is not more; partitions can be added, never taken away
            add flights 2
              ! topic `flights` has 3 partitions, and 2 is not more; partitions can be added, never taken away
            add flights 0
              ! topic `flights` has 3 partitions, and 0 is not more; partitions can be added, never taken away
        "#]],
    );
}

#[test]
fn the_bounds_hold_here_too() {
    check(
        "
        create flights partitions=6
        create weather partitions=3
        add flights 10001
        add flights 8
        add flights 7
        ",
        expect![[r#"
            create flights partitions=6
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 6, collides_with: None })
            create weather partitions=3
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"weather","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 3, collides_with: None })
            add flights 10001
              ! a topic cannot have 10001 partitions; 1 to 10000 are allowed
            add flights 8
              ! the cluster has 9 partitions, and 2 more would pass its limit of 10; delete topics, or ask for fewer partitions
            add flights 7
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":6,"partitions":[{"replicas":[1]}]}}
              = PartitionsAdded(PartitionsAdded { id: <1>, before: 6, after: 7 })
        "#]],
    );
}

#[test]
fn to_validate_is_to_answer_and_write_nothing() {
    check(
        "
        create flights
        add flights 4 validate
        add flights 1 validate
        add flights 2
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            add flights 4 validate
              = PartitionsAdded(PartitionsAdded { id: <1>, before: 1, after: 4 })
            add flights 1 validate
              ! topic `flights` has 1 partition, and 1 is not more; partitions can be added, never taken away
            add flights 2
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":1,"partitions":[{"replicas":[1]}]}}
              = PartitionsAdded(PartitionsAdded { id: <1>, before: 1, after: 2 })
        "#]],
    );
}

#[test]
fn what_is_not_there_gets_none() {
    check(
        "add flights 2",
        expect![[r#"
        add flights 2
          ! there is no topic `flights`
    "#]],
    );
}
