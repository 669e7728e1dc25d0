//! What a process has and a machine must not know: the clock, threads and tasks, shutdown, entropy,
//! and the metrics registry. The only home of `tokio::spawn` and of `Instant::now`.
//!
//! Read in this order: [`clock`] and [`entropy`] (what pure code is handed), [`shutdown`] (how
//! everything is asked to end), [`cores`] and [`tasks`] (where async code runs), [`thread`] (where
//! blocking code runs), [`panics`] (how a panic is kept from its neighbours), [`places`] (how many
//! connections there may be), [`listening`] (the loop that accepts them), [`budget`] (how much all of
//! them may hold), [`metrics`].

pub mod budget;
pub mod clock;
pub mod cores;
pub mod entropy;
pub mod listening;
pub mod metrics;
pub mod panics;
pub mod places;
pub mod shutdown;
pub mod tasks;
pub mod thread;

pub use budget::{Budget, Charge};
pub use clock::Clock;
pub use cores::Cores;
pub use listening::Listening;
pub use metrics::Metrics;
pub use shutdown::Shutdown;
pub use tasks::Tasks;
pub use thread::{Thread, off_thread, spawn_thread};
