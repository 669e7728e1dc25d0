//! A network that fails on command, between a client and a broker on the loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections, until told otherwise.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    target: std::sync::Mutex<SocketAddr>,
    /// A new number ends every connection.
    generation: watch::Sender<u64>,
    /// What the broker says is swallowed.
    mute: AtomicBool,
    swallowed: AtomicU64,
}

impl Proxy {
    /// One that forwards to `target`, on a free port of the loopback.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            target: std::sync::Mutex::new(target),
            generation: watch::Sender::new(0),
            mute: AtomicBool::new(false),
            swallowed: AtomicU64::new(0),
        });
        tokio::spawn(accept(listener, state.clone()));
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.state.generation.send_modify(|generation| *generation += 1);
    }

    /// Swallows what the broker answers, or no longer.
    pub fn mute(&self, yes: bool) {
        self.state.mute.store(yes, Ordering::SeqCst);
    }

    /// How many bytes of answers were swallowed.
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::SeqCst)
    }

    /// New connections go elsewhere.
    pub fn retarget(&self, target: SocketAddr) {
        *self.state.target.lock().expect("nobody panics here") = target;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let target = *state.target.lock().expect("nobody panics here");
        if let Ok(far) = TcpStream::connect(target).await {
            let (near_reads, near_writes) = near.into_split();
            let (far_reads, far_writes) = far.into_split();
            tokio::spawn(copy(near_reads, far_writes, state.clone(), false));
            tokio::spawn(copy(far_reads, near_writes, state.clone(), true));
        }
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>, answers: bool) {
    let mut generation = state.generation.subscribe();
    generation.borrow_and_update();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = generation.changed() => return,
        };
        let Ok(count @ 1..) = read else { return };
        if answers && state.mute.load(Ordering::SeqCst) {
            state.swallowed.fetch_add(count as u64, Ordering::SeqCst);
        } else if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
