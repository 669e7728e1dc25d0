//! One connection: HTTP/2 with explicit limits, from its first byte to its last stream.

use std::net::TcpStream as StdTcpStream;
use std::pin::pin;

use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use ottla_runtime::Tasks;
use ottla_wire::transport;
use tokio::net::TcpStream;
use tower::Service as _;

use crate::door::Door;
use crate::guard::Guard;
use crate::preface::speaks_http2;

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

/// Serves the connection until it ends, or until it has drained after being asked to.
pub(crate) async fn serve(stream: StdTcpStream, door: Door, guard: Guard, tasks: Tasks) {
    let Ok(mut stream) = TcpStream::from_std(stream) else {
        return;
    };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if !speaks_http2(&mut stream, door.settings.handshake_timeout).await {
        guard.metrics().refused_connections.inc();
        return;
    }
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        guard.clone().call(request.map(tonic::body::Body::new))
    });
    let http2 = http2(OnThisCore(tasks), door.settings.streams_max);
    let mut connection = pin!(http2.serve_connection(TokioIo::new(stream), service));
    let replace = tokio::time::sleep(door.settings.connection_age_max);
    tokio::select! {
        ended = &mut connection => return said(ended),
        () = door.drain.requested() => {}
        () = replace => {}
    }
    connection.as_mut().graceful_shutdown();
    said(connection.await);
}

/// A broken connection is a peer's affair; whoever looks for one finds it at this level.
fn said(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a gRPC connection broke");
    }
}

/// Every limit is set: what is left out here has no limit or another default somewhere below.
fn http2(executor: OnThisCore, streams_max: u32) -> Builder<OnThisCore> {
    let mut http2 = Builder::new(executor);
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(transport::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(transport::CONNECTION_WINDOW_BYTES)
        .max_frame_size(transport::FRAME_BYTES_MAX)
        .max_send_buf_size(transport::SEND_BUFFER_BYTES_MAX)
        .max_concurrent_streams(streams_max)
        .max_header_list_size(transport::HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(transport::PENDING_RESETS_MAX)
        .max_local_error_reset_streams(transport::PENDING_RESETS_MAX)
        .keep_alive_interval(transport::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(transport::KEEPALIVE_TIMEOUT);
    http2
}
