//! Async tasks that have a name, are ended together, and whose panics stay their own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::cores::Dealer;
use crate::panics::Panics;
use crate::shutdown::Shutdown;

/// Spawns tasks and keeps account of them. Clones share the account.
#[derive(Clone, Debug)]
pub struct Tasks {
    dealer: Dealer,
    tracker: TaskTracker,
    shutdown: Shutdown,
    panics: Panics,
}

impl Tasks {
    /// Tasks of the runtime that runs the caller, for tests and for embedding.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn here(shutdown: Shutdown) -> Self {
        Self::dealt(Dealer::new(Arc::from([Handle::current()])), shutdown)
    }

    pub(crate) fn dealt(dealer: Dealer, shutdown: Shutdown) -> Self {
        Self { dealer, tracker: TaskTracker::new(), shutdown, panics: Panics::new() }
    }

    /// Starts a task on the next core in turn. It should end soon after [`Tasks::shutdown`] is
    /// requested. A socket that it serves is registered inside the task
    /// (`TcpStream::from_std`), so that it belongs to that core.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let guarded = self.guarded(name, task);
        self.dealer.next().spawn(guarded)
    }

    /// Starts a task on the core that runs the caller.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn spawn_here(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        tokio::spawn(self.guarded(name, task))
    }

    /// Runs `work`, which takes its time, on a thread that is kept for such, and waits for it without
    /// blocking. `None` when it panicked, or the runtime is shut down. Whoever calls sees to it that
    /// there are only as many at a time as the machine has cores.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn aside<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let result =
            tokio::task::spawn_blocking(move || std::panic::catch_unwind(AssertUnwindSafe(work)));
        match result.await.ok()? {
            Ok(done) => Some(done),
            Err(payload) => {
                self.panics.caught(name, &*payload);
                None
            }
        }
    }

    fn guarded(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let panics = self.panics.clone();
        self.tracker.track_future(async move {
            if let Err(payload) = AssertUnwindSafe(task).catch_unwind().await {
                panics.caught(name, &*payload);
            }
        })
    }

    /// The request that ends these tasks.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// The panics that were caught in these tasks, and in whatever else counts them here.
    pub fn panics(&self) -> &Panics {
        &self.panics
    }

    /// How many run now.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until every task has ended, at most `patience`. Whether they all did.
    pub async fn join(&self, patience: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores::Cores;

    #[test]
    fn tasks_are_dealt_over_the_cores_and_joined() {
        let cores = Cores::start(2).expect("two threads");
        let shutdown = Shutdown::new();
        let tasks = cores.tasks(shutdown.clone());
        let (names, seen) = std::sync::mpsc::channel();
        for _ in 0..4 {
            let (names, shutdown) = (names.clone(), shutdown.clone());
            tasks.spawn("wait", async move {
                let name = std::thread::current().name().map(str::to_owned);
                names.send(name).expect("the test listens");
                shutdown.requested().await;
            });
        }
        let mut cores_seen: Vec<_> = (0..4).map(|_| seen.recv().expect("four sent")).collect();
        cores_seen.sort();
        cores_seen.dedup();
        assert_eq!(cores_seen.len(), 2);
        shutdown.request();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        assert!(runtime.block_on(tasks.join(Duration::from_secs(10))));
        cores.stop();
    }

    #[tokio::test]
    async fn a_panic_stays_in_its_task() {
        let tasks = Tasks::here(Shutdown::new());
        tasks.spawn("bad", async { panic!("planned") });
        assert!(tasks.join(Duration::from_secs(10)).await);
        assert_eq!(tasks.panics().count(), 1);
    }
}
