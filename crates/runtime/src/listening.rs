//! The loop that every door has: accepts sockets, keeps to the number of places, deals the sockets over
//! the cores, and drains.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, TcpStream as StdTcpStream};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::clock::Clock;
use crate::metrics::{Counter, Gauge};
use crate::places::{Places, PlacesMax};
use crate::tasks::Tasks;

/// How long accepting pauses when the operating system has no descriptor left for a connection.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// A door: what it is called, and what it allows and counts.
#[derive(Clone, Debug)]
pub struct Door {
    /// Whose connections these are, for the log.
    pub name: &'static str,
    /// How many connections there may be.
    pub max: PlacesMax,
    /// How many are open.
    pub open: Gauge,
    /// How many were closed because there were too many.
    pub refused: Counter,
}

/// A listening socket whose connections are served until it drains.
#[derive(Debug)]
pub struct Listening {
    name: &'static str,
    address: SocketAddr,
    tasks: Tasks,
}

/// A connection that is open; closed when it is dropped.
struct Open(Gauge);

impl Listening {
    /// Serves every connection of a bound socket by `serve`, each in a task of its own. `tasks` are the
    /// listener's own: asking their shutdown is asking it to drain.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn start<S: Future<Output = ()> + Send + 'static>(
        socket: StdTcpListener,
        door: Door,
        tasks: Tasks,
        serve: impl Fn(StdTcpStream, SocketAddr) -> S + Send + Sync + 'static,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let name = door.name;
        tasks.spawn("accept", accept(socket, door, tasks.clone(), serve));
        tracing::info!(%address, name, "a door is open");
        Ok(Self { name, address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and requests, answers what was taken, and waits for all of it at most
    /// `patience`. Whether it all ended.
    pub async fn drain(self, patience: Duration) -> bool {
        self.tasks.shutdown().request();
        let drained = self.tasks.join(patience).await;
        if !drained {
            let (left, name) = (self.tasks.running(), self.name);
            tracing::warn!(left, name, "connections are cut: they did not end in time");
        }
        drained
    }
}

async fn accept<S: Future<Output = ()> + Send + 'static>(
    socket: StdTcpListener,
    door: Door,
    tasks: Tasks,
    serve: impl Fn(StdTcpStream, SocketAddr) -> S,
) {
    let name = door.name;
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, name, "the socket cannot be listened on"),
    };
    let (places, clock) = (Places::new(door.max), Clock::start());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = tasks.shutdown().requested() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, name, "a connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
                continue;
            }
        };
        match places.take(peer.ip(), clock.moment()) {
            Some(place) => deal((stream, peer), place, &door, &tasks, &serve),
            None => {
                door.refused.inc();
                tracing::warn!(%peer, name, "a connection was closed: there are too many");
            }
        }
    }
}

/// Hands the socket to the next core in turn.
fn deal<S: Future<Output = ()> + Send + 'static>(
    (stream, peer): (TcpStream, SocketAddr),
    place: crate::places::Place,
    door: &Door,
    tasks: &Tasks,
    serve: impl Fn(StdTcpStream, SocketAddr) -> S,
) {
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let (open, serving) = (Open::count(&door.open), serve(stream, peer));
    tasks.spawn("connection", async move {
        serving.await;
        drop((open, place));
    });
}

impl Open {
    fn count(open: &Gauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::shutdown::Shutdown;

    #[tokio::test]
    async fn a_door_has_so_many_places_and_drains() {
        let max = PlacesMax { all: 1, address: 1, address_per_second: 10 };
        let (open, refused) = (Gauge::default(), Counter::default());
        let door = Door { name: "test", max, open: open.clone(), refused: refused.clone() };
        let socket = StdTcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let tasks = Tasks::here(Shutdown::new());
        let shutdown = tasks.shutdown().clone();
        let serve = move |stream: StdTcpStream, _peer| {
            let shutdown = shutdown.clone();
            async move {
                shutdown.requested().await;
                drop(stream);
            }
        };
        let listening = Listening::start(socket, door, tasks, serve).expect("it listens");
        let address = listening.address();
        let _first = StdTcpStream::connect(address).expect("there is a place");
        let mut second = StdTcpStream::connect(address).expect("the system accepts it");
        let closed = tokio::task::spawn_blocking(move || second.read(&mut [0]));
        assert_eq!(closed.await.expect("no panic").expect("it was closed"), 0);
        assert_eq!((open.get(), refused.get()), (1, 1));
        assert!(listening.drain(Duration::from_secs(10)).await);
        assert_eq!(open.get(), 0);
    }
}
