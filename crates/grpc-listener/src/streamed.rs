//! A service of which one method reads and writes its messages itself.
//!
//! tonic serves all others; this one's request body goes to a handler of ours as it is (see
//! [`ottla_wire::frames`] for why).

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// `rest`, except for the method at `path`.
#[derive(Clone)]
pub(crate) struct Streamed<S, H> {
    path: &'static str,
    handler: H,
    rest: S,
}

impl<S, H> Streamed<S, H> {
    pub(crate) fn new(rest: S, path: &'static str, handler: H) -> Self {
        Self { path, handler, rest }
    }
}

impl<S: NamedService, H> NamedService for Streamed<S, H> {
    const NAME: &'static str = S::NAME;
}

impl<S, H> Service<Request<Body>> for Streamed<S, H>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    H: Fn(Body) -> Response<Body>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.rest.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() == self.path {
            let response = (self.handler)(request.into_body());
            return Box::pin(ready(Ok(response)));
        }
        Box::pin(self.rest.call(request))
    }
}
