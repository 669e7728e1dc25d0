//! Reads that need a file, on threads of their own, so that catching up never slows the tail.

use std::io;

use crossbeam::channel::{Sender, unbounded};
use ottla_runtime::metrics::Gauge;
use ottla_runtime::panics::Panics;
use ottla_runtime::{Thread, spawn_thread};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and their queue. The queue has no bound of its own: each waiting reader has at most
/// one job in it.
#[derive(Debug)]
pub(crate) struct ColdReads {
    jobs: Sender<Job>,
    waiting: Gauge,
    _threads: Vec<Thread>,
}

impl ColdReads {
    pub(crate) fn start(count: usize, panics: &Panics, waiting: Gauge) -> io::Result<Self> {
        let (jobs, queue) = unbounded::<Job>();
        let mut threads = Vec::new();
        for index in 0..count.max(1) {
            let (queue, panics) = (queue.clone(), panics.clone());
            threads.push(spawn_thread(&format!("ottla-read-{index}"), move || {
                for job in queue {
                    panics.guard("cold read", job);
                }
            })?);
        }
        Ok(Self { jobs, waiting, _threads: threads })
    }

    /// Runs `read` on one of the threads; `None` when it panicked. A caller that goes away is not
    /// read for, unless the reading has begun.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let waiting = self.waiting.clone();
        waiting.inc();
        let job = move || {
            waiting.dec();
            if !answer.is_closed() {
                // A caller that just went away does not want it.
                let _ = answer.send(read());
            }
        };
        self.jobs.send(Box::new(job)).ok()?;
        answered.await.ok()
    }
}
