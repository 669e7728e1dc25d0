//! Settings of topics change.

mod common;

use common::check;
use expect_test::expect;

#[test]
fn settings_are_set_and_unset_together() {
    check(
        "
        create flights retention.ms=7d durability=relaxed
        alter flights set:retention.ms=1h set:max.message.bytes=2MiB unset:durability
        ",
        expect![[r#"
            create flights retention.ms=7d durability=relaxed
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{"durability":"relaxed","retention.ms":"604800000"}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights set:retention.ms=1h set:max.message.bytes=2MiB unset:durability
              + {"kind":"topic_config","version":1,"body":{"topic":"<1>","changes":{"durability":null,"max.message.bytes":"2097152","retention.ms":"3600000"}}}
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"max.message.bytes": "2097152", "retention.ms": "3600000"} })
        "#]],
    );
}

/// One bad key, and none of the others is changed.
#[test]
fn all_or_none() {
    check(
        "
        create flights
        alter flights set:retention.ms=1h set:retention.byte=1
        alter flights set:retention.ms=1h unset:retention.byte
        alter flights set:retention.ms=soon set:durability=relaxed
        alter flights set:retention.ms=1h unset:retention.ms
        alter flights
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights set:retention.ms=1h set:retention.byte=1
              ! `retention.byte` is no setting of a topic (did you mean `retention.bytes`?)
            alter flights set:retention.ms=1h unset:retention.byte
              ! `retention.byte` is no setting of a topic (did you mean `retention.bytes`?)
            alter flights set:retention.ms=soon set:durability=relaxed
              ! `retention.ms` cannot be `soon`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            alter flights set:retention.ms=1h unset:retention.ms
              ! `retention.ms` cannot be set and unset in one request; name it once
            alter flights
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {} })
        "#]],
    );
}

#[test]
fn only_what_differs_is_written() {
    check(
        "
        create flights retention.ms=1h
        alter flights set:retention.ms=3600s
        alter flights unset:durability
        alter flights set:retention.ms=60min set:durability=relaxed
        ",
        expect![[r#"
            create flights retention.ms=1h
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{"retention.ms":"3600000"}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights set:retention.ms=3600s
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"retention.ms": "3600000"} })
            alter flights unset:durability
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"retention.ms": "3600000"} })
            alter flights set:retention.ms=60min set:durability=relaxed
              + {"kind":"topic_config","version":1,"body":{"topic":"<1>","changes":{"durability":"relaxed"}}}
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"durability": "relaxed", "retention.ms": "3600000"} })
        "#]],
    );
}

/// Two settings that contradict each other can only be changed together.
#[test]
fn what_belongs_together_is_checked_together() {
    check(
        "
        create flights segment.bytes=64KiB max.message.bytes=32KiB
        alter flights unset:max.message.bytes
        alter flights set:max.message.bytes=1MiB set:segment.bytes=2MiB
        alter flights unset:segment.bytes unset:max.message.bytes
        ",
        expect![[r#"
            create flights segment.bytes=64KiB max.message.bytes=32KiB
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{"max.message.bytes":"32768","segment.bytes":"65536"}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights unset:max.message.bytes
              ! `segment.bytes` of 65536 cannot hold one batch of `max.message.bytes`, 1048588; raise `segment.bytes` or lower `max.message.bytes`
            alter flights set:max.message.bytes=1MiB set:segment.bytes=2MiB
              + {"kind":"topic_config","version":1,"body":{"topic":"<1>","changes":{"max.message.bytes":"1048576","segment.bytes":"2097152"}}}
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"max.message.bytes": "1048576", "segment.bytes": "2097152"} })
            alter flights unset:segment.bytes unset:max.message.bytes
              + {"kind":"topic_config","version":1,"body":{"topic":"<1>","changes":{"max.message.bytes":null,"segment.bytes":null}}}
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {} })
        "#]],
    );
}

/// Otherwise nothing could ever be acknowledged again, and what was readable would stop to be.
#[test]
fn no_more_replicas_are_asked_for_than_there_are() {
    check(
        "
        create flights
        alter flights set:min.insync.replicas=2
        alter flights set:min.insync.replicas=1
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights set:min.insync.replicas=2
              ! `min.insync.replicas` of 2 is more than the topic's replication factor of 1: nothing could ever be acknowledged; lower it, or leave it at `auto`
            alter flights set:min.insync.replicas=1
              + {"kind":"topic_config","version":1,"body":{"topic":"<1>","changes":{"min.insync.replicas":"1"}}}
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"min.insync.replicas": "1"} })
        "#]],
    );
}

#[test]
fn to_validate_is_to_answer_and_write_nothing() {
    check(
        "
        create flights
        alter flights set:retention.ms=1h validate
        alter flights set:retention.ms=never validate
        alter flights
        ",
        expect![[r#"
            create flights
              + {"kind":"topic","version":1,"body":{"topic":"<1>","name":"flights","created_at":2,"config":{}}}
              + {"kind":"partitions","version":1,"body":{"topic":"<1>","first":0,"partitions":[{"replicas":[1]}]}}
              = TopicCreated(TopicCreated { id: Some(<1>), partitions: 1, collides_with: None })
            alter flights set:retention.ms=1h validate
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {"retention.ms": "3600000"} })
            alter flights set:retention.ms=never validate
              ! `retention.ms` cannot be `never`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            alter flights
              = TopicConfigAltered(TopicConfigAltered { id: <1>, overrides: {} })
        "#]],
    );
}
