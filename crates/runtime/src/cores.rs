//! One current-thread runtime per core: a connection stays where it was dealt, so that its data
//! stays in one cache and no task is ever stolen.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};

use crate::shutdown::Shutdown;
use crate::tasks::Tasks;
use crate::thread::{Thread, spawn_thread};

/// The runtimes and their threads. Ends when [`Cores::stop`] is called or it is dropped.
#[derive(Debug)]
pub struct Cores {
    handles: Arc<[Handle]>,
    threads: Vec<Thread>,
    end: Shutdown,
}

/// Handles to the cores, dealt round robin.
#[derive(Clone, Debug)]
pub(crate) struct Dealer {
    handles: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl Cores {
    /// Starts `count` runtimes (at least one), each on a thread of its own.
    ///
    /// # Errors
    /// When the operating system gives no more threads or descriptors.
    pub fn start(count: usize) -> io::Result<Self> {
        let end = Shutdown::new();
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        for index in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let ended = end.clone();
            let name = format!("ottla-core-{index}");
            threads.push(spawn_thread(&name, move || runtime.block_on(ended.requested()))?);
        }
        Ok(Self { handles: handles.into(), threads, end })
    }

    /// As many as the machine lets this process use.
    pub fn available() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// How many cores there are.
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    /// Tasks that are dealt over these cores and that `shutdown` ends.
    pub fn tasks(&self, shutdown: Shutdown) -> Tasks {
        Tasks::dealt(Dealer::new(self.handles.clone()), shutdown)
    }

    /// Ends the runtimes, and with them every task still on them, and waits for their threads; but
    /// for the caller's own, when it is called from one of them.
    pub fn stop(mut self) {
        self.end.request();
        for thread in self.threads.drain(..) {
            thread.join();
        }
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.end.request();
    }
}

impl Dealer {
    pub(crate) fn new(handles: Arc<[Handle]>) -> Self {
        Self { handles, next: Arc::new(AtomicUsize::new(0)) }
    }

    pub(crate) fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[turn % self.handles.len()]
    }
}
