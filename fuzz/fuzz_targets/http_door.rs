//! Any bytes into the HTTP door: it answers HTTP or hangs up, and lets go when the peer does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_fuzz::doors::{talk, with_doors};

fuzz_target!(|bytes: &[u8]| {
    with_doors(async |doors| {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let answer = talk(ours, doors.http.clone().serve(theirs), bytes).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "it speaks HTTP");
    });
});
