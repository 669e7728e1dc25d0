//! Which calls a connection has, and since when it has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The calls of one connection. Clones share the account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A call that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Activity);

impl Activity {
    pub(crate) fn begin(&self) -> Running {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    /// Resolves when the first call has not come within `first_max`, or when there has been none for
    /// `idle_max` (noticed within twice that).
    pub(crate) async fn idle(&self, first_max: Duration, idle_max: Duration) {
        let mut patience = first_max;
        loop {
            let begun = self.0.begun.load(Ordering::Relaxed);
            tokio::time::sleep(patience).await;
            let seen = self.0.begun.load(Ordering::Relaxed);
            if seen == begun && self.0.ended.load(Ordering::Relaxed) == begun {
                return;
            }
            patience = idle_max;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_connection_without_a_first_call_is_idle_soon() {
        let activity = Activity::default();
        timeout(LONG, activity.idle(SHORT, LONG)).await.expect("nothing was called");
    }

    #[tokio::test]
    async fn a_call_that_runs_or_has_just_ended_is_no_idleness() {
        let activity = Activity::default();
        let running = activity.begin();
        timeout(5 * SHORT, activity.idle(SHORT, SHORT)).await.expect_err("it runs");
        drop(running);
        timeout(LONG, activity.idle(SHORT, SHORT)).await.expect("it ended");
        drop(activity.begin());
        timeout(5 * SHORT, activity.idle(LONG, SHORT)).await.expect_err("the first has time");
    }
}
