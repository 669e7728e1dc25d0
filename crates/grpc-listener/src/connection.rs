//! One connection: HTTP/2 with explicit limits, from its first byte to its last stream.
//!
//! A peer that says nothing, stops half-way, never calls or does not call any more is let go after a
//! time of its own each; one that answers no ping, floods or does not leave when asked is cut.

use std::io;
use std::net::TcpStream as StdTcpStream;
use std::pin::pin;

use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use ottla_broker::Broker;
use ottla_runtime::{Metrics, Tasks};
use ottla_wire::transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::body::Body;
use tower::Service as _;

use crate::activity::Activity;
use crate::door::Door;
use crate::guard::Guard;
use crate::meter::Metered;
use crate::metrics::DoorMetrics;
use crate::preface::speaks_http2;
use crate::services;
use crate::settings::GrpcSettings;
use crate::windows::{Window, Windows};

/// What serves connections once they are accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections {
    pub(crate) door: Door,
    pub(crate) guard: Guard,
    pub(crate) tasks: Tasks,
    windows: Windows,
}

/// Spawns a connection's streams on the connection's own core.
#[derive(Clone)]
struct OnThisCore(Tasks);

impl<F> hyper::rt::Executor<F> for OnThisCore
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn_here("grpc-stream", stream);
    }
}

impl Connections {
    /// Connections to `broker`. `tasks` are their own: asking their shutdown is asking them to drain.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(
        broker: Broker,
        tasks: Tasks,
        metrics: &Metrics,
        settings: GrpcSettings,
    ) -> io::Result<Self> {
        let metrics = DoorMetrics::register(metrics, &settings);
        let door = Door::open(broker, settings, tasks.shutdown().clone(), &metrics)?;
        let (health, routes) = services::routes(&door);
        tasks.spawn("grpc-health", health);
        let guard = Guard::new(routes, metrics, tasks.panics().clone(), &door.settings);
        let windows = Windows::new(door.settings.receive_bytes_max);
        Ok(Self { door, guard, tasks, windows })
    }

    /// Answers one call without a connection, for a caller in the same process.
    pub async fn call(&self, request: http::Request<Body>) -> http::Response<Body> {
        let Ok(answer) = self.guard.clone().call(request).await;
        answer
    }

    /// Serves a socket that was accepted.
    pub(crate) async fn accepted(self, stream: StdTcpStream) {
        let Ok(mut stream) = TcpStream::from_std(stream) else {
            return;
        };
        if stream.set_nodelay(true).is_err() {
            return;
        }
        if !speaks_http2(&mut stream, self.door.settings.handshake_timeout).await {
            self.guard.metrics().refused_connections.inc();
            return;
        }
        self.serve(stream).await;
    }

    /// Serves a peer that speaks HTTP/2 until it ends, or until it has drained after being asked to.
    pub async fn serve<IO>(self, io: IO)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { door, guard, tasks, windows } = self;
        let window = windows.take();
        let activity = Activity::default();
        let io = Metered::new(io, door.clock, guard.metrics().clone());
        let guard = guard.of_connection(activity.clone());
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            guard.clone().call(request.map(Body::new))
        });
        let settings = &door.settings;
        let http2 = http2(OnThisCore(tasks), settings.streams_max, &window);
        let mut connection = pin!(http2.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            ended = &mut connection => return said(ended),
            () = door.drain.requested() => {}
            () = tokio::time::sleep(settings.connection_age_max) => {}
            () = activity.idle(settings.first_call_timeout, settings.idle_max) => {}
        }
        connection.as_mut().graceful_shutdown();
        let goodbye = settings.goodbye_timeout;
        tokio::select! {
            ended = connection => said(ended),
            // Without a call there is nothing that it could wait for.
            () = activity.idle(goodbye, goodbye) => tracing::debug!("an idle gRPC connection is cut"),
        }
    }
}

/// A broken connection is a peer's affair; whoever looks for one finds it at this level.
fn said(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a gRPC connection broke");
    }
}

/// Every limit is set: what is left out here has no limit or another default somewhere below.
fn http2(executor: OnThisCore, streams_max: u32, window: &Window) -> Builder<OnThisCore> {
    let mut http2 = Builder::new(executor);
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(window.of_stream())
        .initial_connection_window_size(window.of_connection())
        .max_frame_size(window.frame())
        .max_send_buf_size(transport::SEND_BUFFER_BYTES_MAX)
        .max_concurrent_streams(streams_max)
        .max_header_list_size(transport::HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(transport::PENDING_RESETS_MAX)
        .max_local_error_reset_streams(transport::PENDING_RESETS_MAX)
        .keep_alive_interval(transport::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(transport::KEEPALIVE_TIMEOUT);
    http2
}
