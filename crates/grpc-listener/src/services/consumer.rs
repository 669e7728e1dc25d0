//! `ConsumerService`: partitions by stream, or one read by call.

mod once;
mod plain;
mod start;
pub(super) mod stream;

use ottla_wire::v1;
use tonic::{Request, Response, Status, Streaming};
use v1::consumer_service_server::ConsumerService;

use crate::door::Door;

pub(super) struct Consumer {
    door: Door,
}

impl Consumer {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }
}

#[tonic::async_trait]
impl ConsumerService for Consumer {
    type FetchStream = tokio_stream::Empty<Result<v1::FetchResponse, Status>>;

    /// Never called: [`stream::serve`] is mounted in its place.
    async fn fetch(
        &self,
        _: Request<Streaming<v1::FetchRequest>>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        Err(Status::internal("the fetch stream is not mounted"))
    }

    async fn fetch_once(
        &self,
        request: Request<v1::FetchOnceRequest>,
    ) -> Result<Response<v1::FetchOnceResponse>, Status> {
        Ok(Response::new(once::fetch(&self.door, request.into_inner()).await?))
    }
}
