//! What the log says of a client that asks for what is not there.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use ottla_kafka_codec::messages::api_versions::ApiVersionsRequest;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::Door;

static LINES: Mutex<String> = Mutex::new(String::new());
static ONCE: Once = Once::new();

/// Keeps every warning as a line.
struct Kept;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string");
    }
}

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        writeln!(LINES.lock().expect("no panic"), "{}", line.0).expect("a string");
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Waits for a line with all of these words.
fn is_logged(words: &[&str]) {
    let begun = Instant::now();
    loop {
        let lines = LINES.lock().expect("no panic").clone();
        if lines.lines().any(|line| words.iter().all(|word| line.contains(word))) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{words:?} is not in:\n{lines}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_asks_for_what_is_not_served_is_named_with_what_it_asked_for() {
    ONCE.call_once(|| tracing::subscriber::set_global_default(Kept).expect("there is no other"));
    let door = Door::open();
    // LeaveGroup 4 and Metadata 99, of a client without a name and of one with.
    let head = |key: u8, version: u8, client: &[u8]| {
        let mut frame = vec![0, key, 0, version, 0, 0, 0, 1];
        frame.extend(client);
        [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
    };
    let mut client = door.client();
    let software = ApiVersionsRequest {
        client_software_name: "curious-client".into(),
        client_software_version: "1.2.3".into(),
    };
    client.ask(4, &software);
    client.socket.write_all(&head(13, 4, b"\0\x08probe-42")).expect("sent");
    assert_eq!(client.receive_frame(), None);
    is_logged(&["client=\"probe-42\"", "software=\"curious-client 1.2.3\"", "API 13", "version 4"]);
    let mut client = door.client();
    client.socket.write_all(&head(3, 99, b"\xff\xff")).expect("sent");
    assert_eq!(client.receive_frame(), None);
    is_logged(&["client=\"unknown\"", "software=\"unknown\"", "API 3 (Metadata)", "version 99"]);
}
