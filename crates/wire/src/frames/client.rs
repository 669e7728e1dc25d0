//! A call of a client whose messages are framed by hand.

use http::{HeaderValue, Method, Request, Response, header};
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

use super::{FramedBody, Message, Messages};

/// The path of the produce stream.
pub const PRODUCE: &str = "/ottla.v1.ProducerService/Produce";

/// The path of the fetch stream.
pub const FETCH: &str = "/ottla.v1.ConsumerService/Fetch";

/// Calls the method at `path` with these messages, and answers when the server's headers are there; the
/// server's messages follow, none of which may have more than `bytes_max`.
///
/// # Errors
/// When the server cannot be reached, or answers with nothing but an error.
pub async fn call<C, S, T>(
    channel: &mut C,
    path: &'static str,
    messages: S,
    bytes_max: usize,
) -> Result<Messages<T>, Status>
where
    C: Service<Request<Body>, Response = Response<Body>>,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S: Stream<Item = Message> + Send + 'static,
    T: prost::Message + Default,
{
    let channel = channel.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let answer = channel.call(request(path, messages)).await;
    Messages::of_answer(answer.map_err(|error| Status::from_error(error.into()))?, bytes_max)
}

fn request<S>(path: &'static str, messages: S) -> Request<Body>
where
    S: Stream<Item = Message> + Send + 'static,
{
    let body = FramedBody::of_request(messages.map(Ok));
    let mut request = Request::new(Body::new(body));
    *request.method_mut() = Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = http::Uri::from_static(path);
    let headers = request.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request
}
