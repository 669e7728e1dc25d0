//! A network that fails on command, between a client and a broker on the loopback.
//!
//! A connection of which a byte was swallowed says nothing more in that direction for as long as it
//! lives: TCP knows no gaps. Its ends see a peer that is silent, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

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
    /// From when a client says this on, what the broker says is swallowed.
    cue: std::sync::Mutex<Option<Vec<u8>>>,
    /// What clients say is swallowed.
    deaf: AtomicBool,
    /// Connections with a lower number are silent in both directions.
    frozen_below: AtomicU64,
    connections: AtomicU64,
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
            cue: std::sync::Mutex::new(None),
            deaf: AtomicBool::new(false),
            frozen_below: AtomicU64::new(0),
            connections: AtomicU64::new(0),
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

    /// Swallows what the broker answers, or no longer on connections that lost nothing yet.
    pub fn mute(&self, yes: bool) {
        self.state.mute.store(yes, Ordering::SeqCst);
    }

    /// Does so by itself as soon as a client says `cue` within one piece, and before the broker hears it.
    ///
    /// # Panics
    /// When the cue is empty.
    pub fn mute_upon(&self, cue: Vec<u8>) {
        assert!(!cue.is_empty(), "nothing is always said");
        *self.state.cue.lock().expect("nobody panics here") = Some(cue);
    }

    /// Swallows what clients say, or no longer on connections that lost nothing yet.
    pub fn deafen(&self, yes: bool) {
        self.state.deaf.store(yes, Ordering::SeqCst);
    }

    /// Swallows for ever whatever is said on the connections that there are; new ones are sound.
    pub fn freeze(&self) {
        let all = self.state.connections.load(Ordering::SeqCst);
        self.state.frozen_below.store(all, Ordering::SeqCst);
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits until one more connection was made than `before`.
    pub async fn connected_since(&self, before: u64) {
        while self.connections() <= before {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many bytes were swallowed.
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::SeqCst)
    }

    /// Waits until more bytes were swallowed than `before`.
    pub async fn swallowed_since(&self, before: u64) {
        while self.swallowed() <= before {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// New connections go elsewhere.
    pub fn retarget(&self, target: SocketAddr) {
        *self.state.target.lock().expect("nobody panics here") = target;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        // In this order: a cut ends every connection that was counted when it came.
        let generation = state.generation.subscribe();
        let number = state.connections.fetch_add(1, Ordering::SeqCst);
        let target = *state.target.lock().expect("nobody panics here");
        if let Ok(far) = TcpStream::connect(target).await {
            let (near_reads, near_writes) = near.into_split();
            let (far_reads, far_writes) = far.into_split();
            let way = |answers| Way {
                number,
                answers,
                generation: generation.clone(),
                state: state.clone(),
            };
            tokio::spawn(way(false).copy(near_reads, far_writes));
            tokio::spawn(way(true).copy(far_reads, near_writes));
        }
    }
}

/// One direction of one connection.
struct Way {
    number: u64,
    answers: bool,
    generation: watch::Receiver<u64>,
    state: Arc<State>,
}

impl Way {
    async fn copy(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        let mut lost = false;
        loop {
            let read = tokio::select! {
                biased;
                _ = self.generation.changed() => return,
                read = from.read(&mut buffer) => read,
            };
            let Ok(count @ 1..) = read else { return };
            self.heed(&buffer[..count]);
            lost = lost || self.swallows();
            if lost {
                self.state.swallowed.fetch_add(count as u64, Ordering::SeqCst);
            } else if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }

    fn heed(&self, said: &[u8]) {
        let mut waiting = self.state.cue.lock().expect("nobody panics here");
        let is_in = |cue: &Vec<u8>| said.windows(cue.len()).any(|piece| piece == cue);
        if !self.answers && waiting.as_ref().is_some_and(is_in) {
            *waiting = None;
            self.state.mute.store(true, Ordering::SeqCst);
        }
    }

    fn swallows(&self) -> bool {
        let way = if self.answers { &self.state.mute } else { &self.state.deaf };
        way.load(Ordering::SeqCst) || self.number < self.state.frozen_below.load(Ordering::SeqCst)
    }
}
