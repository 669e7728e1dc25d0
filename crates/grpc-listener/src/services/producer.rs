//! `ProducerService`: plain records by call, encoded batches by stream.

mod publish;
pub(super) mod stream;

use ottla_wire::v1;
use tonic::{Request, Response, Status, Streaming};
use v1::producer_service_server::ProducerService;

use crate::door::Door;
use crate::errors;

pub(super) struct Producer {
    door: Door,
}

impl Producer {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }
}

#[tonic::async_trait]
impl ProducerService for Producer {
    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishResponse>, Status> {
        Ok(Response::new(publish::publish(&self.door, request.into_inner()).await?))
    }

    type ProduceStream = tokio_stream::Empty<Result<v1::ProduceResponse, Status>>;

    /// Never called: [`stream::serve`] is mounted in its place.
    async fn produce(
        &self,
        _: Request<Streaming<v1::ProduceRequest>>,
    ) -> Result<Response<Self::ProduceStream>, Status> {
        Err(Status::internal("the produce stream is not mounted"))
    }

    async fn allocate_producer_id(
        &self,
        _: Request<v1::AllocateProducerIdRequest>,
    ) -> Result<Response<v1::AllocateProducerIdResponse>, Status> {
        let identity = self.door.broker.allocate_producer_id().await;
        let identity = identity.map_err(|error| errors::of_admin(&error))?;
        Ok(Response::new(v1::AllocateProducerIdResponse {
            producer_id: identity.id.0,
            producer_epoch: identity.epoch.0.into(),
        }))
    }
}
