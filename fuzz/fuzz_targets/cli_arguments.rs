//! Any words behind `ottla`: they are refused in words, or read to the end: settings, times, starts,
//! headers and templates too.

#![no_main]

use std::ffi::OsString;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let words = text.split('\n').take(32).map(OsString::from);
    let read = ottla_cli::fuzzing::arguments(std::iter::once("ottla".into()).chain(words));
    assert!(read.is_ok() || !read.unwrap_err().is_empty());
});
