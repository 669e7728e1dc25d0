//! What a user types, and what a user mistypes: every sentence, and the exit code.

mod broker;

use std::io::Write as _;
use std::process::{Output, Stdio};

use expect_test::{Expect, expect};

use crate::broker::{Broker, ottla};

#[track_caller]
fn says(output: &Output, code: i32, expected: Expect) {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    expected.assert_eq(&untimed(&text));
    assert_eq!(output.status.code(), Some(code));
}

/// The text with T for how long something took, which is another time each time.
fn untimed(text: &str) -> String {
    let words = text.split_inclusive(' ').collect::<Vec<_>>();
    let took = |at: usize| {
        at > 0 && words[at - 1] == "in " && words.get(at + 1).is_some_and(|unit| unit.trim() == "s")
    };
    let untimed = words.iter().enumerate().map(|(at, word)| if took(at) { "T " } else { *word });
    untimed.collect()
}

fn produce(broker: &Broker, arguments: &[&str], input: &str) -> Output {
    let mut child = ottla(&["produce", "--bootstrap", &broker.address()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_topic_is_made_written_and_read() {
    let broker = Broker::start();
    says(
        &broker.run(&["topic", "create", "letters", "--partitions", "1"]),
        0,
        expect![[r#"
            letters created with 1 partition
        "#]],
    );
    let produced = produce(&broker, &["letters", "--key-separator", ":"], "a:1\nb:2\nc:3\n");
    assert!(produced.status.success(), "{}", String::from_utf8_lossy(&produced.stderr));
    let said = String::from_utf8_lossy(&produced.stdout).into_owned();
    assert!(said.starts_with("3 records, 12 B in "), "{said}");
    assert!(said.trim_end().ends_with("acknowledged with acks=all, fsync"), "{said}");
    let format = ["--from", "start", "--until-end", "--format", "%p %o %k=%v\\n"];
    says(
        &broker.run(&[&["consume", "letters"][..], &format[..]].concat()),
        0,
        expect![[r#"
            0 0 a=1
            0 1 b=2
            0 2 c=3
        "#]],
    );
    says(
        &broker.run(&["consume", "letters", "--from", "-1", "--until-end"]),
        0,
        expect![[r#"
            3
        "#]],
    );
    says(
        &broker.run(&["topic", "delete-records", "letters", "-p", "0", "--before", "2"]),
        0,
        expect![[r#"
            letters-0 begins at offset 2
        "#]],
    );
    says(
        &broker.run(&["consume", "letters", "--from", "start", "-n", "1", "--format", "%o %v\\n"]),
        0,
        expect![[r#"
            2 3
        "#]],
    );
}

#[test]
fn mistakes_get_a_sentence() {
    let broker = Broker::start();
    broker.run(&["topic", "create", "flights"]);
    says(
        &broker.run(&["consume", "fligths"]),
        1,
        expect![[r#"
        ottla: there is no topic fligths (did you mean flights?); list the topics, or create it: ottla topic create fligths
    "#]],
    );
    says(
        &broker.run(&["topic", "create", "flights"]),
        1,
        expect![[r#"
        ottla: topic flights exists already; describe it, or choose another name
    "#]],
    );
    says(
        &broker.run(&["topic", "create", "my topic"]),
        1,
        expect![[r#"
        ottla: topic name `my topic` has ' ' at position 3; only a-z A-Z 0-9 . _ - are allowed
    "#]],
    );
    says(
        &broker.run(&["topic", "set", "flights", "retention.sm=1"]),
        1,
        expect![[r#"
            ottla: `retention.sm` is no setting of a topic (did you mean `retention.ms`?); see the settings: ottla topic describe TOPIC --all
        "#]],
    );
    says(
        &broker.run(&["topic", "set", "flights", "retention.ms=soon"]),
        1,
        expect![[r#"
        ottla: `retention.ms` cannot be `soon`: it is no span of time; allowed is a span such as 12h or 7d, plain milliseconds, or -1 for ever; see the settings: ottla topic describe TOPIC --all
    "#]],
    );
    says(
        &broker.run(&["topic", "add-partitions", "flights", "1"]),
        1,
        expect![[r#"
        ottla: topic `flights` has 1 partition, and 1 is not more; partitions can be added, never taken away
    "#]],
    );
}

#[test]
fn mistakes_on_the_command_line_get_a_sentence() {
    let broker = Broker::start();
    broker.run(&["topic", "create", "flights"]);
    says(
        &broker.run(&["consume", "flights", "--format", "%q"]),
        2,
        expect![[r#"
        ottla: `%q` in --format means nothing; there are %t %p %o %k %v %T %s %h %%
    "#]],
    );
    says(
        &broker.run(&["consume", "flights", "--from", "somewhere"]),
        2,
        expect![[r#"
        ottla: `--from somewhere`: write start, end, an offset, -N for the last N, a time such as 2026-11-21T10:00:00Z, or "2h ago"
    "#]],
    );
    says(
        &broker.run(&["consume", "flights", "-p", "7"]),
        2,
        expect![[r#"
            ottla: flights has partition 0 only, no 7
        "#]],
    );
    says(
        &broker.run(&["bench", "--duration", "0s"]),
        2,
        expect![[r#"
            error: invalid value '0s' for '--duration <DURATION>': nothing is measured in no time; write 1s or more

            For more information, try '--help'.
        "#]],
    );
    says(
        &produce(&broker, &["flights", "--key-field", "a"], "no json\n"),
        1,
        expect![[r#"
            ottla: line 1 of standard input is no JSON object (expected ident at line 1 column 2)
        "#]],
    );
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let output = ottla(&["topic", "list", "--bootstrap", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("127.0.0.1:1") && said.contains("is one running there?"), "{said}");
}

#[test]
fn a_second_process_on_one_directory_is_refused() {
    let broker = Broker::start();
    let output = ottla(&["serve", "--grpc", "127.0.0.1:0", "--http", "off", "--data-dir"])
        .arg(broker.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let data = broker.data().display().to_string();
    assert!(said.contains(&data) && said.contains("in use"), "{said}");
}

/// regression: `consume --until-end` of a damaged partition ended well with what was left of it.
#[test]
fn a_damaged_partition_is_read_to_the_damage_and_is_a_failure() {
    let mut broker = Broker::start();
    let made = broker.run(&["topic", "create", "flights", "-p", "1"]);
    assert!(made.status.success(), "{made:?}");
    for record in ["before\n", "spoiled\n", "after\n"] {
        assert!(produce(&broker, &["flights"], record).status.success());
    }
    broker.kill();
    spoil(&broker.data().join("journal"), b"spoiled");
    broker.start_again();
    let read = broker.run(&["consume", "flights", "--from", "start", "--until-end"]);
    let (out, said) =
        (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    assert_eq!((read.status.code(), &*out), (Some(1), "before\n"), "{said}");
    assert!(said.contains("damaged") && said.contains("ottla doctor"), "{said}");
    let described = broker.run(&["topic", "describe", "flights"]);
    let described = String::from_utf8_lossy(&described.stdout);
    assert!(described.contains("from offset 1 on were lost"), "{described}");
    let begun = std::time::Instant::now();
    let refused = produce(&broker, &["flights"], "more\n");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("ottla doctor"), "{said}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "it is refused at once");
}

/// Changes one byte of the only place where `text` is in the files there.
fn spoil(journal: &std::path::Path, text: &[u8]) {
    for entry in std::fs::read_dir(journal).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text) {
            bytes[at] ^= 0x40;
            return std::fs::write(&path, bytes).unwrap();
        }
    }
    panic!("it is in no file of the journal");
}

#[test]
fn reading_ends_where_records_are_gone() {
    let broker = Broker::start();
    broker.run(&["topic", "create", "gone", "--partitions", "1"]);
    assert!(produce(&broker, &["gone"], "a\nb\n").status.success());
    broker.run(&["topic", "delete-records", "gone", "-p", "0", "--before", "2"]);
    says(
        &broker.run(&["consume", "gone", "--from", "0", "--until-end"]),
        0,
        expect![[r#"
            gone-0 has offsets 2 to 2: reading begins at 2
        "#]],
    );
}

#[test]
fn an_input_that_breaks_off_says_what_is_stored() {
    let broker = Broker::start();
    broker.run(&["topic", "create", "broken"]);
    // So much that a part of it is on its way before the rest is read.
    let sound = 500_000;
    let input = "{\"k\":1}\n".repeat(sound) + "no json\n";
    let output = produce(&broker, &["broken", "--key-field", "k"], &input);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("line 500001 of standard input is no JSON object"), "{said}");
    let read = broker.run(&["consume", "broken", "--from", "start", "--until-end"]);
    let stored = String::from_utf8_lossy(&read.stdout).lines().count();
    let told = String::from_utf8_lossy(&output.stdout).into_owned().replace(',', "");
    assert!((1..=sound).contains(&stored), "{stored}");
    assert!(told.starts_with(&format!("{stored} record")), "{told} but {stored} are stored");
}
