//! One connection: HTTP/1.1, one request after the other, for at most a minute.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ottla_broker::Broker;
use ottla_model::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};
use ottla_runtime::{Metrics, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::pages::Pages;
use crate::settings::HttpSettings;

/// How long an answer under way may still take when its connection is to end.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// What serves connections once they are accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections {
    pages: Arc<Pages>,
    drain: Shutdown,
    settings: HttpSettings,
}

impl Connections {
    /// Connections that are told of this broker, until they are asked to drain.
    pub fn new(broker: Broker, metrics: Metrics, drain: Shutdown, settings: HttpSettings) -> Self {
        Self { pages: Arc::new(Pages::new(broker, metrics)), drain, settings }
    }

    /// Serves a peer until it ends, its time is up, or it has drained after being asked to.
    pub async fn serve<IO>(self, io: IO)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { pages, drain, settings } = self;
        let answer = service_fn(move |request: http::Request<_>| {
            let page = pages.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(page) }
        });
        let connection = http1(&settings).serve_connection(TokioIo::new(io), answer);
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = asked_to_end(&drain, settings.connection_age_max) => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(GOODBYE_TIMEOUT, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    }
}

async fn asked_to_end(drain: &Shutdown, age_max: Duration) {
    // Late is as good as asked: the connection has had its time.
    let _ = tokio::time::timeout(age_max, drain.requested()).await;
}

fn http1(settings: &HttpSettings) -> http1::Builder {
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_buf_size(HTTP_HEAD_BYTES_MAX)
        .max_headers(HTTP_HEADERS_MAX)
        .half_close(false);
    http1
}
