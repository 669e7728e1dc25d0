//! A broker in a process of its own, in a temporary directory, on a free port of the loopback.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longest time until a broker answers; generous, as many tests may run beside it.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The process, its port and its data.
pub(crate) struct Broker {
    child: Option<Child>,
    port: u16,
    data: tempfile::TempDir,
    /// Arguments of `serve` beside the usual ones.
    more: Vec<String>,
}

impl Broker {
    /// Starts one in an empty directory and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments of `serve`.
    pub(crate) fn start_with(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let more = more.iter().map(|argument| (*argument).to_owned()).collect();
        let mut broker = Self { child: None, port: free_port(), data, more };
        broker.start_again();
        broker
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
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
        let begun = Instant::now();
        while !self.came_up() {
            assert!(begun.elapsed() < READY_WITHIN, "the broker did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts it, and believes it alone that it is ready: another process may have taken the port, and
    /// answer there in its place.
    fn came_up(&mut self) -> bool {
        let mut child = ottla(&["serve", "--grpc", &self.address(), "--http", "off", "--data-dir"])
            .arg(self.data.path())
            .args(&self.more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().expect("it is piped"));
        let (tell, told) = channel();
        // Reads on after that, for a process whose words nobody reads would wait for ever.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok).filter(|line| line.contains("is ready"))
            {
                let _nobody_waits = tell.send(line);
            }
        });
        if told.recv_timeout(READY_WITHIN).is_ok() {
            self.child = Some(child);
            return true;
        }
        let _already_gone = child.kill();
        child.wait().unwrap();
        false
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

/// A port for a broker that is to come back on it: not one of those that the kernel lends to whoever connects,
/// nor to who asks for any.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + (std::process::id() % 1_000) as u16 * 20;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
