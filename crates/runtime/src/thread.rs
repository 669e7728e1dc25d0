//! Threads for code that blocks: storage lanes, cold reads.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// A running thread; dropping it lets the thread go on alone.
#[derive(Debug)]
pub struct Thread {
    name: String,
    handle: JoinHandle<()>,
}

/// Starts a thread that shows as `name` in the operating system's tools (15 characters of it).
///
/// # Errors
/// When the operating system gives no more threads.
pub fn spawn_thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let handle = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(Thread { name: name.to_owned(), handle })
}

/// Runs `work`, which blocks, on a thread of its own and waits for it without blocking. `None` when
/// it panicked or no thread could be had.
pub async fn off_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    // Who does not wait any more does not want the answer.
    let run = move || drop(answer.send(work()));
    spawn_thread(name, run).ok()?;
    answered.await.ok()
}

impl Thread {
    /// Wakes the thread out of `std::thread::park_timeout`.
    pub fn unpark(&self) {
        self.handle.thread().unpark();
    }

    /// Waits until the thread has ended. Whether it ended well: a panic is said and answered `false`.
    /// A thread does not wait for itself.
    pub fn join(self) -> bool {
        if self.handle.thread().id() == std::thread::current().id() {
            return true;
        }
        let ended = self.handle.join();
        if ended.is_err() {
            tracing::error!(thread = self.name, "a thread ended with a panic");
        }
        ended.is_ok()
    }
}
