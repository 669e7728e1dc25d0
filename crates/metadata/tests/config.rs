//! The settings of a topic: the manual, what is taken, and what a person reads when it is not.

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::{Expect, expect};
use ottla_metadata::TopicConfig;
use ottla_metadata::config::{INERT, SETTINGS, canonical};

fn overrides(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What becomes of each list of settings, one line each.
fn check(cases: &[&[(&str, &str)]], expect: Expect) {
    let line = |pairs: &&[(&str, &str)]| match canonical(&overrides(pairs)) {
        Ok(spelled) => format!("{spelled:?}\n"),
        Err(error) => format!("{error}\n"),
    };
    expect.assert_eq(&cases.iter().map(line).collect::<String>());
}

/// The defaults, as the manual shows them. A change here is a change for every user.
#[test]
fn the_defaults() {
    let mut manual = String::new();
    for setting in SETTINGS {
        writeln!(manual, "{} = {} ({:?})", setting.name, setting.default_value(), setting.kind)
            .expect("a string takes anything");
    }
    expect![[r#"
        cleanup.policy = delete (Word)
        compression.type = producer (Word)
        durability = fsync (Word)
        max.message.bytes = 1048588 (Bytes)
        message.timestamp.after.max.ms = 9223372036854775807 (Millis)
        message.timestamp.before.max.ms = 9223372036854775807 (Millis)
        message.timestamp.type = CreateTime (Word)
        min.insync.replicas = auto (Number)
        producers.trusted = false (Switch)
        retention.bytes = -1 (Bytes)
        retention.ms = 604800000 (Millis)
        segment.bytes = 1073741824 (Bytes)
        segment.ms = 604800000 (Millis)
    "#]]
    .assert_eq(&manual);
}

#[test]
fn every_setting_is_documented_and_in_order() {
    assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    for setting in SETTINGS {
        assert!(setting.doc.ends_with('.') || setting.doc.ends_with("1."), "{}", setting.name);
        assert!(!setting.allowed.is_empty());
    }
}

/// What a setting prints, it reads; so that a described topic can be made again from its description.
#[test]
fn every_value_reads_back() {
    let config = TopicConfig::default();
    let printed: BTreeMap<_, _> =
        config.entries().map(|(setting, value)| (setting.name.to_owned(), value)).collect();
    assert_eq!(TopicConfig::from_overrides(&printed), Ok(config));
    assert_eq!(canonical(&printed), Ok(printed));
}

#[test]
fn units_become_plain_numbers() {
    check(
        &[
            &[("retention.ms", "7d"), ("segment.bytes", "64MiB")],
            &[("retention.bytes", "-1"), ("retention.ms", "-1")],
            &[("message.timestamp.type", "logappendtime"), ("durability", "Relaxed")],
            &[("min.insync.replicas", "auto")],
        ],
        expect![[r#"
            {"retention.ms": "604800000", "segment.bytes": "67108864"}
            {"retention.bytes": "-1", "retention.ms": "-1"}
            {"durability": "relaxed", "message.timestamp.type": "LogAppendTime"}
            {"min.insync.replicas": "auto"}
        "#]],
    );
}

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    check(
        &[&[("retention.mss", "1")], &[("retention", "1")], &[("colour", "blue")]],
        expect![[r#"
            `retention.mss` is no setting of a topic (did you mean `retention.ms`?)
            `retention` is no setting of a topic (did you mean `retention.ms`?)
            `colour` is no setting of a topic
        "#]],
    );
}

#[test]
fn a_bad_value_says_what_is_allowed() {
    check(
        &[
            &[("retention.ms", "a week")],
            &[("retention.ms", "0")],
            &[("retention.bytes", "-2")],
            &[("max.message.bytes", "17MiB")],
            &[("max.message.bytes", "10")],
            &[("segment.bytes", "2GiB")],
            &[("segment.ms", "10")],
            &[("durability", "maybe")],
            &[("cleanup.policy", "compact")],
            &[("compression.type", "zstd")],
            &[("min.insync.replicas", "0")],
            &[("producers.trusted", "yes")],
        ],
        expect![[r#"
            `retention.ms` cannot be `a week`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            `retention.ms` cannot be `0`: it is too short; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever
            `retention.bytes` cannot be `-2`: it is no amount of bytes; allowed is an amount of bytes such as 10GiB, or -1 for no limit
            `max.message.bytes` cannot be `17MiB`: it is too large; allowed is 1 KiB to 16 MiB
            `max.message.bytes` cannot be `10`: it is too small; allowed is 1 KiB to 16 MiB
            `segment.bytes` cannot be `2GiB`: it is too large; allowed is 16 KiB to just under 2 GiB
            `segment.ms` cannot be `10`: it is too short; allowed is a span such as 12h or 7d, or plain milliseconds, at least 1s
            `durability` cannot be `maybe`: there is no such choice; allowed is `fsync` or `relaxed`
            `cleanup.policy` cannot be `compact`: there is no such choice; allowed is `delete`; compaction is not there yet
            `compression.type` cannot be `zstd`: there is no such choice; allowed is `producer`; choose the compression in the producer, the broker keeps it
            `min.insync.replicas` cannot be `0`: it is not between 1 and 127; allowed is 1 to 127, or `auto`: 2 from three replicas on, else 1
            `producers.trusted` cannot be `yes`: there is no such choice; allowed is `true` or `false`
        "#]],
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused_together() {
    check(
        &[
            &[("segment.bytes", "64KiB")],
            &[("segment.bytes", "64KiB"), ("max.message.bytes", "32KiB")],
        ],
        expect![[r#"
            `segment.bytes` of 65536 cannot hold one batch of `max.message.bytes`, 1048588; raise `segment.bytes` or lower `max.message.bytes`
            {"max.message.bytes": "32768", "segment.bytes": "65536"}
        "#]],
    );
}

#[test]
fn min_insync_follows_the_replicas_unless_it_is_set() {
    let config = TopicConfig::default();
    assert_eq!([1, 2, 3, 5].map(|replicas| config.min_insync(replicas)), [1, 1, 2, 2]);
    let config = TopicConfig::from_overrides(&overrides(&[("min.insync.replicas", "3")]));
    assert_eq!(config.expect("it is allowed").min_insync(5), 3);
}

proptest::proptest! {
    /// Whatever is taken has one canonical spelling, which means the same.
    #[test]
    fn canonical_spelling_is_a_fixed_point(key in 0..SETTINGS.len(), text in "[0-9]{1,7}(ms|s|h|d|KiB|MiB)?|[a-zA-Z]{1,13}|-1") {
        let given = overrides(&[(SETTINGS[key].name, &text)]);
        if let Ok(spelled) = canonical(&given) {
            proptest::prop_assert_eq!(canonical(&spelled), Ok(spelled.clone()));
            proptest::prop_assert_eq!(
                TopicConfig::from_overrides(&spelled),
                TopicConfig::from_overrides(&given)
            );
        }
    }
}

/// What changes nothing is kept as it was set, and nothing is promised that is not kept.
#[test]
fn settings_without_effect() {
    check(
        &[
            &[
                ("flush.messages", " 1 "),
                ("min.cleanable.dirty.ratio", "0.10"),
                ("preallocate", "TRUE"),
            ],
            &[("flush.ms", "soon")],
            &[("remote.storage.enable", "false")],
            &[("remote.storage.enable", "true")],
            &[("message.timestamp.after.max.ms", "1h"), ("message.timestamp.before.max.ms", "-1")],
            &[("min.cleanable.dirty.ratio", "NaN")],
        ],
        expect![[r#"
            {"flush.messages": "1", "min.cleanable.dirty.ratio": "0.1", "preallocate": "true"}
            `flush.ms` cannot be `soon`: it is no such value; allowed is a whole number
            {"remote.storage.enable": "false"}
            `remote.storage.enable` cannot be `true`: there is no tiered storage; allowed is false
            `message.timestamp.before.max.ms` cannot be `-1`: it is no span of time; allowed is a span such as 12h or 7d, or plain milliseconds
            `min.cleanable.dirty.ratio` cannot be `NaN`: it is no such value; allowed is a number from 0 to 1
        "#]],
    );
    for inert in INERT {
        let given = overrides(&[(inert.name, inert.default)]);
        assert_eq!(canonical(&given).as_ref(), Ok(&given), "its default is one of its values");
        assert!(SETTINGS.iter().all(|setting| setting.name != inert.name), "{}", inert.name);
    }
}
