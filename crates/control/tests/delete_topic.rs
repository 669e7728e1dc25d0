//! Topics end.

mod common;

use common::check;
use expect_test::expect;

#[test]
fn a_topic_goes_with_all_it_has() {
    check(
        "
        create flights partitions=2 durability=relaxed
        delete flights
        ",
        expect![[r#"
            create flights partitions=2 durability=relaxed
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{"durability":"relaxed"}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 2, collides_with: None })
            delete flights
              + {"kind":"topic_deleted","version":1,"body":{"topic":"<1>"}}
              = TopicDeleted(TopicDeleted { id: <1>, name: flights })
        "#]],
    );
}

#[test]
fn what_is_not_there_is_named_with_its_nearest() {
    check(
        "
        create flights
        delete flihgts
        delete weather
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            delete flihgts
              ! there is no topic `flihgts`; did you mean `flights`?
            delete weather
              ! there is no topic `weather`
        "#]],
    );
}

#[test]
fn a_topic_ends_once() {
    check(
        "
        create flights
        delete flights
        delete flights
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            delete flights
              + {"kind":"topic_deleted","version":1,"body":{"topic":"<1>"}}
              = TopicDeleted(TopicDeleted { id: <1>, name: flights })
            delete flights
              ! there is no topic `flights`
        "#]],
    );
}

#[test]
fn its_partitions_count_no_longer() {
    check(
        "
        create big partitions=10
        create one
        delete big
        create one
        ",
        expect![[r#"
            create big partitions=10
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"big","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]},{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 10, collides_with: None })
            create one
              ! the cluster has 10 partitions, and 1 more would pass its limit of 10; delete topics, or ask for fewer partitions
            delete big
              + {"kind":"topic_deleted","version":1,"body":{"topic":"<1>"}}
              = TopicDeleted(TopicDeleted { id: <1>, name: big })
            create one
              + {"kind":"topic","version":1,"body":{"topic":"<2>","name":"one","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<2>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<2>), partitions: 1, collides_with: None })
        "#]],
    );
}
