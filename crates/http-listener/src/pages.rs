//! What is answered, by path.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use ottla_broker::{Broker, Explains as _, SlowAck};
use ottla_runtime::Metrics;

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const INDEX: &str = concat!(
    "Ottla ",
    env!("CARGO_PKG_VERSION"),
    ": a durable event log. This is its HTTP door; clients use gRPC.\n\n",
    "/health/live   200 while the process answers\n",
    "/health/ready  200 while it serves, else 503 and why\n",
    "/metrics       metrics for Prometheus\n",
    "/partitions/busiest  the partitions that most goes through, for `ottla top`\n",
    "/slowest       the slowest acknowledgements of the last half a minute, and what they waited for\n",
);

#[derive(Debug)]
pub(crate) struct Pages {
    broker: Broker,
    metrics: Metrics,
}

impl Pages {
    pub(crate) fn new(broker: Broker, metrics: Metrics) -> Self {
        Self { broker, metrics }
    }

    pub(crate) fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if *method != Method::GET && *method != Method::HEAD {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is allowed\n");
            refused.headers_mut().insert(ALLOW, http::HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/" => page(StatusCode::OK, TEXT, INDEX),
            "/health/live" => page(StatusCode::OK, TEXT, "live\n"),
            "/health/ready" => self.ready(),
            "/partitions/busiest" => page(StatusCode::OK, TEXT, self.busiest()),
            "/slowest" => page(StatusCode::OK, TEXT, self.slowest()),
            "/metrics" => page(StatusCode::OK, OPEN_METRICS, self.metrics.render()),
            _ => page(StatusCode::NOT_FOUND, TEXT, format!("there is no {path} here\n\n{INDEX}")),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        match self.broker.health() {
            Ok(()) => page(StatusCode::OK, TEXT, self.ready_but()),
            Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        }
    }
}

impl Pages {
    /// One line a partition, in columns; the first look has no span of time yet, and so no lines.
    fn busiest(&self) -> String {
        let busiest = self.broker.busiest();
        let head = format!(
            "# over {:.3} s: topic partition produce_records/s produce_bytes/s fetch_bytes/s\n",
            busiest.over.as_secs_f64()
        );
        let lines = busiest.partitions.iter().map(|p| {
            let rates = (p.produce_records, p.produce_bytes, p.fetch_bytes);
            format!("{} {} {:.1} {:.0} {:.0}\n", p.topic, p.partition, rates.0, rates.1, rates.2)
        });
        std::iter::once(head).chain(lines).collect()
    }

    /// One line an acknowledgement, the oldest first: what it waited for, in milliseconds, and what the storage
    /// threads did meanwhile.
    fn slowest(&self) -> String {
        let millis = |span: std::time::Duration| span.as_secs_f64() * 1e3;
        let line = |ack: &SlowAck| {
            let topic = ack.topic.as_ref().map_or("-", |topic| topic.as_str());
            let mut line = format!("{} {topic} {} {:.3}", ack.at, ack.partition, millis(ack.took));
            for (stage, span) in ack.stages.named() {
                line.push_str(&format!(" {stage}={:.3}", millis(span)));
            }
            for (work, span) in &ack.beside {
                line.push_str(&format!(" beside:{work:?}={:.3}", millis(*span)));
            }
            line + "\n"
        };
        let head = "# unix_ms topic partition took_ms stages\n".to_owned();
        std::iter::once(head).chain(self.broker.slowest().iter().map(line)).collect()
    }

    /// A damaged partition is no reason to send the clients of all others away.
    fn ready_but(&self) -> String {
        let damaged = self.broker.damaged();
        std::iter::once("ready\n".to_owned())
            .chain(damaged.iter().map(|error| format!("{error}; {}\n", error.advice())))
            .collect()
    }
}

fn page(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
