//! The real clock, read by shells and handed to everything below them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ottla_model::{Moment, Timestamp};

/// Wall-clock and monotonic time of this process. Cheap to copy; all copies of one clock agree on
/// when it started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose moments count from now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Wall-clock time; may jump either way.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Timestamp(seconds.saturating_mul(1000).saturating_add(i64::from(since.subsec_millis())))
    }

    /// Monotonic time; never goes back.
    pub fn moment(&self) -> Moment {
        Moment(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_go_back_and_the_wall_clock_is_in_this_century() {
        let clock = Clock::start();
        let first = clock.moment();
        assert!(clock.moment() >= first);
        assert!(clock.now() > Timestamp(1_700_000_000_000));
    }
}
