//! Runnable examples of the client crates.
