//! A server in one line, for tests: temporary directory, free ports, gone when dropped.

use crate::server::RunningServer;

/// A server in a temporary directory.
#[derive(Debug)]
pub struct TestServer {
    server: RunningServer,
}

/// Starts a server in a temporary directory on free ports of the loopback.
///
/// # Panics
/// When it does not start: a test has no better answer.
pub async fn start() -> TestServer {
    unimplemented!()
}

impl std::ops::Deref for TestServer {
    type Target = RunningServer;
    fn deref(&self) -> &RunningServer {
        &self.server
    }
}
