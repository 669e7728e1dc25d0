//! What the door counts.

use ottla_model::ByteCount;
use ottla_runtime::Metrics;
use ottla_runtime::metrics::{Counter, EncodeLabelSet, Family, Gauge};
use ottla_wire::Budget;
use tonic::Code;

use crate::answers::Answers;
use crate::settings::GrpcSettings;

const REQUEST_BYTES: &str =
    "Bytes of gRPC requests that are not whole yet, or wait for room, or are being answered";

const ANSWER_BYTES: &str = "Bytes read for gRPC fetch streams that were not sent yet";

/// The door's metrics. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct DoorMetrics {
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
    pub(crate) cut_connections: Counter,
    pub(crate) calls_running: Gauge,
    pub(crate) fetches: Gauge,
    /// What `grpc_request_bytes` shows.
    pub(crate) budget: Budget,
    /// What `grpc_answer_bytes` shows.
    pub(crate) answers: Answers,
    calls: Family<CallLabels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: &'static str,
}

impl DoorMetrics {
    pub(crate) fn register(metrics: &Metrics, settings: &GrpcSettings) -> Self {
        let max = |name: &str, help: &str, max: usize| {
            metrics.gauge(name, help).set(i64::try_from(max).unwrap_or(i64::MAX));
        };
        max("grpc_connections_max", "Most gRPC connections at a time", settings.connections_max);
        max("grpc_calls_max", "Most gRPC calls at a time", settings.calls_max);
        let fetches_max = settings.fetches_all_max;
        max("grpc_fetches_max", "Most partitions read by gRPC streams at a time", fetches_max);
        let budget = Budget::new(settings.request_bytes_max);
        let (held, shown) = (budget.clone(), metrics.gauge("grpc_request_bytes", REQUEST_BYTES));
        metrics.on_scrape(move || {
            shown.set(i64::try_from(held.held()).unwrap_or(i64::MAX));
        });
        let bytes_max = usize::try_from(settings.request_bytes_max.0).unwrap_or(usize::MAX);
        max(
            "grpc_request_bytes_max",
            "Most bytes of such requests; beyond, they are refused",
            bytes_max,
        );
        let answers = Answers::new(settings.answer_bytes_max);
        let (held, shown) = (answers.clone(), metrics.gauge("grpc_answer_bytes", ANSWER_BYTES));
        metrics.on_scrape(move || {
            shown.set(i64::try_from(held.held()).unwrap_or(i64::MAX));
        });
        let bytes = |bytes: ByteCount| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        max(
            "grpc_answer_bytes_max",
            "Most bytes of such answers; beyond, every stream reads one batch at a time",
            bytes(settings.answer_bytes_max),
        );
        max(
            "grpc_receive_bytes_max",
            "Most bytes that all connections together may send before they are read",
            bytes(settings.receive_bytes_max),
        );
        Self {
            budget,
            answers,
            connections: metrics.gauge("grpc_connections", "gRPC connections that are open"),
            refused_connections: metrics.counter(
                "grpc_connections_refused",
                "gRPC connections closed because there were too many or because no HTTP/2 was spoken",
            ),
            cut_connections: metrics.counter(
                "grpc_connections_cut",
                "gRPC connections cut because they flooded the broker with frames or resets",
            ),
            calls_running: metrics.gauge("grpc_calls", "gRPC calls that are running"),
            fetches: metrics
                .gauge("grpc_fetches", "Partitions that gRPC streams read or wait at"),
            calls: metrics.counters(
                "grpc_calls_ended",
                "gRPC calls that have ended, by method and status code",
            ),
        }
    }

    /// A call has ended.
    pub(crate) fn ended(&self, method: &'static str, code: Code) {
        self.calls.get_or_create(&CallLabels { method, code: code_name(code) }).inc();
    }
}

/// The name that gRPC gives a code.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
