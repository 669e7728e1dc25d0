//! What is seen while it goes on: how much is acknowledged, how fast, and what it waits for.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::grouped;

/// After this long without an acknowledgement it says what it waits for.
const SILENCE: Duration = Duration::from_secs(1);

/// A bar on standard error, on a terminal; nothing elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    last: Instant,
}

impl Progress {
    pub(super) fn new(bytes: Option<u64>, quiet: bool) -> Self {
        let bar = match bytes {
            Some(bytes) => ProgressBar::new(bytes).with_style(known()),
            None => ProgressBar::no_length().with_style(unknown()),
        };
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, last: Instant::now() }
    }

    pub(super) fn acknowledged(&mut self, records: u64, bytes: u64) {
        self.last = Instant::now();
        self.bar.set_position(bytes);
        self.bar.set_message(format!("{} records acknowledged", grouped(records)));
    }

    pub(super) fn tick(&self) {
        let silent = self.last.elapsed();
        if silent > SILENCE {
            let seconds = silent.as_secs();
            self.bar.set_message(format!(
                "no acknowledgement for {seconds} s; waiting for input or for the broker"
            ));
        }
        self.bar.tick();
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn known() -> ProgressStyle {
    style("{bar:30} {bytes}/{total_bytes}  {binary_bytes_per_sec}  eta {eta}  {msg}")
}

fn unknown() -> ProgressStyle {
    style("{spinner} {bytes}  {binary_bytes_per_sec}  {elapsed}  {msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_templates_are_well_formed() {
        super::known();
        super::unknown();
    }
}
