//! A broker in a process of its own, in a temporary directory, on a free port of the loopback.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest time until a broker answers; generous, as many tests may run beside it.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The process, its port and its data.
pub(crate) struct Broker {
    child: Option<Child>,
    port: u16,
    data: tempfile::TempDir,
}

impl Broker {
    /// Starts one in an empty directory and waits until it answers.
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut broker = Self { child: None, port: free_port(), data };
        broker.start_again();
        broker
    }

    /// Where its gRPC clients connect.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Starts it on the data that it left.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let child = ottla(&["serve", "--grpc", &self.address(), "--http", "off", "--data-dir"])
            .arg(self.data.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while std::net::TcpStream::connect(self.address()).is_err() {
            assert!(begun.elapsed() < READY_WITHIN, "the broker did not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without a warning, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends it with SIGTERM and expects a clean drain.
    pub(crate) fn stop_cleanly(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "the drain failed");
    }

    /// Runs a command of the command line against it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        ottla(arguments).args(["--bootstrap", &self.address()]).output().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _already_gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// The binary with these arguments, and nothing of this environment that it would take for a setting.
pub(crate) fn ottla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTTLA_")) {
        command.env_remove(name);
    }
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
