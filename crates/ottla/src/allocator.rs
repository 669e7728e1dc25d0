//! The allocator, and how long it keeps memory that nobody uses.
//!
//! Under glibc every large message buffer is given back to the kernel and faulted in again. mimalloc does
//! the same to whatever is unused for a second, and a broker's batches come and go all the time: each
//! purge tears huge pages apart, and zeroing them again was half of the broker's time in the kernel.

use std::env;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What mimalloc reads, before `main`, to know how many milliseconds it keeps unused memory.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Long enough that it costs nothing under load, short enough that a burst is given back.
const PURGE_DELAY_MS: &str = "10000";

/// Where the memory has a ceiling that is close, what is unused is wanted elsewhere.
const PURGE_DELAY_MS_CLOSE: &str = "100";

/// What mimalloc reads to know whether it may use huge pages: where a part of one is used, all of it is resident, which
/// was a hundred mebibytes of two hundred and forty.
const HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

/// A ceiling below this is close: what is kept unused is beyond all budgets, and would not fit beneath it.
const CLOSE_BYTES: u64 = 1024 * 1024 * 1024;

/// The commands that move much for long. The others have ended before it matters.
const LONG_COMMANDS: &[&str] = &["serve", "bench"];

/// Has unused memory kept for a while, unless the environment says how long.
///
/// By the time `main` runs the allocator has read its options, and there is no safe call that sets
/// one. So the process begins once more, as itself, with that one variable set: a matter of a
/// millisecond. Where that fails it goes on as it is.
pub(crate) fn keep_unused() {
    let command = env::args_os().nth(1).unwrap_or_default();
    let is_long = LONG_COMMANDS.iter().any(|long| command == *long);
    if is_long && env::var_os(PURGE_DELAY).is_none() {
        begin_again();
    }
}

#[cfg(unix)]
fn begin_again() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let Ok(own) = env::current_exe() else { return };
    let mut again = Command::new(own);
    let mut arguments = env::args_os();
    again.arg0(arguments.next().unwrap_or_default());
    let close = ottla_cli::memory_max().is_some_and(|max| max < CLOSE_BYTES);
    again.args(arguments).env(PURGE_DELAY, PURGE_DELAY_MS);
    if close {
        again.env(PURGE_DELAY, PURGE_DELAY_MS_CLOSE);
        if env::var_os(HUGE_PAGES).is_none() {
            again.env(HUGE_PAGES, "0");
        }
    }
    let _failed = again.exec();
}

#[cfg(not(unix))]
fn begin_again() {}
