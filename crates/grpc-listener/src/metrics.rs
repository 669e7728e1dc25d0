//! What the door counts.

use ottla_runtime::Metrics;
use ottla_runtime::metrics::{Counter, EncodeLabelSet, Family, Gauge};
use tonic::Code;

use crate::settings::GrpcSettings;

/// The door's metrics. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct DoorMetrics {
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
    pub(crate) cut_connections: Counter,
    pub(crate) calls_running: Gauge,
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
        Self {
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
