//! What surrounds every call: its deadline, a net for panics, its count and the limit of all of them.
//!
//! A call that is no stream has a deadline of ours too: a peer that never finishes its request would
//! hold it for ever.
//!
//! A panic in a handler or in the body of an answer becomes INTERNAL for that call, is counted and
//! said, and touches nothing else of the connection.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use ottla_model::{Fault, Outcome, Retry};
use ottla_runtime::panics::Panics;
use ottla_wire::{Charge, RichError};
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use crate::activity::{Activity, Running};
use crate::metrics::DoorMetrics;
use crate::settings::GrpcSettings;

/// Longest deadline that is kept: a longer one is none.
const DEADLINE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The routes, guarded. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    routes: Routes,
    metrics: DoorMetrics,
    panics: Panics,
    calls_max: i64,
    unary_call_max: Duration,
    activity: Activity,
}

impl Guard {
    pub(crate) fn new(
        routes: Routes,
        metrics: DoorMetrics,
        panics: Panics,
        settings: &GrpcSettings,
    ) -> Self {
        let calls_max = i64::try_from(settings.calls_max).unwrap_or(i64::MAX);
        let (unary_call_max, activity) = (settings.unary_call_max, Activity::default());
        Self { routes: routes.prepare(), metrics, panics, calls_max, unary_call_max, activity }
    }

    /// The same for a connection whose calls are accounted for here.
    pub(crate) fn of_connection(self, activity: Activity) -> Self {
        Self { activity, ..self }
    }

    /// When the call ends at the latest.
    fn deadline(&self, method: &str, headers: &HeaderMap) -> Option<Duration> {
        let asked = deadline(headers);
        if STREAMS.contains(&method) {
            return asked;
        }
        Some(asked.unwrap_or(self.unary_call_max).min(self.unary_call_max))
    }

    pub(crate) fn metrics(&self) -> &DoorMetrics {
        &self.metrics
    }
}

impl Service<Request<Body>> for Guard {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let mut call = Call::begin(request.uri().path(), self);
        if self.metrics.calls_running.get() > self.calls_max {
            return Box::pin(std::future::ready(Ok(call.refused(self.calls_max))));
        }
        let deadline = self.deadline(call.method, request.headers());
        let mut deadline = deadline.map(|span| Box::pin(tokio::time::sleep(span)));
        let mut routes = self.routes.clone();
        let request = call.charged(request);
        Box::pin(async move {
            let answering = AssertUnwindSafe(async { routes.call(request).await }).catch_unwind();
            let answered = match &mut deadline {
                None => answering.await,
                Some(deadline) => tokio::select! {
                    biased;
                    answered = answering => answered,
                    () = deadline => Ok(Ok(deadline_exceeded().into_http())),
                },
            };
            Ok(match answered {
                Ok(Ok(response)) => call.goes_on(response, deadline),
                Err(payload) => {
                    let status = call.panicked(&*payload);
                    call.ended(status.code());
                    status.into_http()
                }
            })
        })
    }
}

/// A call that has begun; counted as ended exactly once, as cancelled when it is dropped before.
struct Call {
    method: &'static str,
    metrics: DoorMetrics,
    panics: Panics,
    /// Until it has ended.
    running: Option<Running>,
    /// What its request holds.
    charge: Option<Arc<Charge>>,
}

impl Call {
    fn begin(path: &str, guard: &Guard) -> Self {
        let (metrics, panics) = (guard.metrics.clone(), guard.panics.clone());
        metrics.calls_running.inc();
        let running = Some(guard.activity.begin());
        Self { method: known_method(path), metrics, panics, running, charge: None }
    }

    /// The request, with the bytes of its body accounted for until the call has ended; those of a stream
    /// are its service's affair.
    fn charged(&mut self, request: Request<Body>) -> Request<Body> {
        if STREAMS.contains(&self.method) {
            return request;
        }
        let charge = Arc::new(self.metrics.budget.charge());
        self.charge = Some(Arc::clone(&charge));
        request.map(|inner| Body::new(ChargedBody { inner, charge, bytes: 0 }))
    }

    /// The answer to a call beyond the limit.
    fn refused(mut self, calls_max: i64) -> Response<Body> {
        let message = format!("the broker has {calls_max} calls already, as many as it takes");
        let status: Status = RichError::refused("TOO_MANY_CALLS", Code::ResourceExhausted, message)
            .with_answers(Outcome::DidNotHappen, Retry::Later, Fault::Nobody)
            .advising("try again later, over fewer streams")
            .into();
        self.ended(status.code());
        status.into_http()
    }

    fn panicked(&self, payload: &(dyn Any + Send)) -> Status {
        self.panics.caught(self.method, payload);
        RichError::refused("INTERNAL", Code::Internal, "the broker made a mistake in this call")
            .with_answers(Outcome::Unknown, Retry::SameSequence, Fault::Cluster)
            .advising("look at the broker's log, and report it")
            .into()
    }

    fn ended(&mut self, code: Code) {
        if self.running.take().is_some() {
            self.metrics.calls_running.dec();
            self.metrics.ended(self.method, code);
        }
    }

    /// The answer has begun; its body ends the call.
    fn goes_on(
        mut self,
        response: Response<Body>,
        deadline: Option<Pin<Box<Sleep>>>,
    ) -> Response<Body> {
        if let Some(code) = code_in(response.headers()) {
            self.ended(code);
            return response;
        }
        response.map(|inner| Body::new(GuardedBody { inner, deadline, call: self, over: false }))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ended(Code::Cancelled);
    }
}

/// The body of a request whose bytes are accounted for as they arrive.
struct ChargedBody {
    inner: Body,
    charge: Arc<Charge>,
    bytes: u64,
}

impl http_body::Body for ChargedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let body = self.get_mut();
        let polled = Pin::new(&mut body.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            body.bytes += frame.data_ref().map_or(0, |part| part.len() as u64);
            if let Err(error) = body.charge.hold(body.bytes) {
                return Poll::Ready(Some(Err((*error).into())));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// The body of an answer, to its end, its deadline or its panic.
struct GuardedBody {
    inner: Body,
    deadline: Option<Pin<Box<Sleep>>>,
    call: Call,
    over: bool,
}

impl GuardedBody {
    fn passed_on(&mut self, polled: Polled) -> Polled {
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(code) = frame.trailers_ref().and_then(code_in)
        {
            self.call.ended(code);
        }
        polled
    }

    /// Ends the call from here.
    fn cut(&mut self, status: Status) -> Polled {
        self.over = true;
        // What the body holds, a stream's session, goes at once.
        self.inner = Body::empty();
        self.call.ended(status.code());
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let body = self.get_mut();
        if body.over {
            return Poll::Ready(None);
        }
        if body.deadline.as_mut().is_some_and(|span| span.as_mut().poll(context).is_ready()) {
            return body.cut(deadline_exceeded());
        }
        let inner = Pin::new(&mut body.inner);
        match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(context))) {
            Ok(polled) => body.passed_on(polled),
            Err(payload) => {
                let status = body.call.panicked(&*payload);
                body.cut(status)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

fn deadline_exceeded() -> Status {
    RichError::refused(
        "DEADLINE_EXCEEDED",
        Code::DeadlineExceeded,
        "the call's deadline has passed",
    )
    .with_answers(Outcome::Unknown, Retry::SameSequence, Fault::Nobody)
    .advising("look whether it happened, or allow more time")
    .into()
}

/// The time that the caller allows: at most eight digits and a unit, as gRPC writes it.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let span = match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    (span <= DEADLINE_MAX).then_some(span)
}

/// The path as a label: a fixed set, whatever peers ask for.
fn known_method(path: &str) -> &'static str {
    METHODS.iter().copied().find(|method| path.strip_prefix('/') == Some(method)).unwrap_or("other")
}

/// Calls that may go on for as long as both sides want; `other` is the reflection service.
const STREAMS: [&str; 4] = [
    "ottla.v1.ProducerService/Produce",
    "ottla.v1.ConsumerService/Fetch",
    "grpc.health.v1.Health/Watch",
    "other",
];

const METHODS: [&str; 16] = [
    "ottla.v1.ProducerService/Publish",
    "ottla.v1.ProducerService/Produce",
    "ottla.v1.ProducerService/AllocateProducerId",
    "ottla.v1.ConsumerService/Fetch",
    "ottla.v1.ConsumerService/FetchOnce",
    "ottla.v1.TopicService/CreateTopic",
    "ottla.v1.TopicService/ListTopics",
    "ottla.v1.TopicService/DescribeTopic",
    "ottla.v1.TopicService/AlterTopicConfig",
    "ottla.v1.TopicService/AddPartitions",
    "ottla.v1.TopicService/DeleteTopic",
    "ottla.v1.TopicService/DeleteRecords",
    "ottla.v1.TopicService/ListOffsets",
    "ottla.v1.ClusterService/DescribeCluster",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
];

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    fn parsed(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().expect("a header value"));
        deadline(&headers)
    }

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        assert_eq!(parsed("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parsed("20000000u"), Some(Duration::from_secs(20)));
        assert_eq!(parsed("0n"), Some(Duration::ZERO));
        for none in ["", "S", "5", "-5S", "+5S", "5 S", "999999999S", "99999999H", "5x", "ä"] {
            assert_eq!(
                none.parse::<http::HeaderValue>().ok().and_then(|_| parsed(none)),
                None,
                "{none}"
            );
        }
    }

    /// A service that panics: at once, or in the middle of its answer.
    #[derive(Clone)]
    struct Panicking {
        at_once: bool,
    }

    impl tonic::server::NamedService for Panicking {
        const NAME: &'static str = "panicking";
    }

    impl Service<Request<Body>> for Panicking {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Answer {
            assert!(!self.at_once, "planned");
            let messages = futures::stream::iter(0..2).map(|index| {
                assert!(index == 0, "planned, in the middle");
                Ok(ottla_wire::frames::Message::of(&()))
            });
            Box::pin(std::future::ready(Ok(ottla_wire::frames::response(messages))))
        }
    }

    async fn called(at_once: bool) -> (Status, u64, String) {
        let metrics = ottla_runtime::Metrics::new();
        let panics = Panics::new();
        let routes = Routes::new(Panicking { at_once });
        let settings = GrpcSettings::default();
        let counted = DoorMetrics::register(&metrics, &settings);
        let mut guard = Guard::new(routes, counted, panics.clone(), &settings);
        let request = Request::post("/panicking/Call").body(Body::empty()).expect("a request");
        let answer = guard.call(request).await.expect("it cannot fail");
        let headers = answer.headers().clone();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.expect("it ends");
        let status = Status::from_header_map(&headers);
        let trailers = || Status::from_header_map(body.trailers()?);
        (status.or_else(trailers).expect("a status"), panics.count(), metrics.render())
    }

    #[tokio::test]
    async fn a_panic_becomes_internal_for_its_call_alone() {
        for at_once in [true, false] {
            let (status, panics, metrics) = called(at_once).await;
            assert_eq!((status.code(), panics), (Code::Internal, 1), "at once: {at_once}");
            assert_eq!(RichError::from(&status).outcome, Outcome::Unknown);
            assert!(metrics.contains(r#"method="other",code="INTERNAL"} 1"#), "{metrics}");
            assert!(metrics.contains("ottla_grpc_calls 0"), "{metrics}");
        }
    }

    #[test]
    fn every_method_of_the_surface_is_counted_by_name() {
        let set = <prost_types::FileDescriptorSet as prost::Message>::decode(
            ottla_wire::FILE_DESCRIPTOR_SET,
        )
        .expect("the committed descriptors are whole");
        let services = set.file.iter().flat_map(|file| &file.service);
        let methods = services.flat_map(|service| {
            service.method.iter().map(move |m| format!("/ottla.v1.{}/{}", service.name(), m.name()))
        });
        for method in methods {
            assert_ne!(known_method(&method), "other", "{method}");
        }
    }
}
