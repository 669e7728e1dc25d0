//! The listener: accepts sockets, serves HTTP/1.1 on them, and drains.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ottla_broker::Broker;
use ottla_runtime::{Metrics, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::pages::Pages;

/// Most connections at a time; the next waits to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting pauses when the operating system has no descriptor left for a connection.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// The running HTTP door.
#[derive(Debug)]
pub struct HttpListener {
    address: SocketAddr,
    tasks: Tasks,
}

impl HttpListener {
    /// Serves on a bound socket. `tasks` are the listener's own: asking their shutdown ends it.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn start(
        socket: std::net::TcpListener,
        broker: Broker,
        metrics: Metrics,
        tasks: Tasks,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let pages = Arc::new(Pages::new(broker, metrics));
        tasks.spawn("http-accept", accept(socket, pages, tasks.clone()));
        Ok(Self { address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and waits for the answers under way, at most `patience`. Whether they
    /// were all given.
    pub async fn drain(self, patience: Duration) -> bool {
        self.tasks.shutdown().request();
        self.tasks.join(patience).await
    }
}

async fn accept(socket: std::net::TcpListener, pages: Arc<Pages>, tasks: Tasks) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the HTTP socket cannot be listened on"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = tasks.shutdown().requested() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (pages, connection_tasks) = (Arc::clone(&pages), tasks.clone());
                tasks.spawn_here("http-connection", async move {
                    serve(stream, pages, connection_tasks).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>, tasks: Tasks) {
    let answer = service_fn(move |request: http::Request<_>| {
        let page = pages.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(page) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = tasks.shutdown().requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
