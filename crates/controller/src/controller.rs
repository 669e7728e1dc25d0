//! How a controller is started, and the handle that everybody else holds.

use std::sync::Arc;

use ottla_control::ControlSettings;
use ottla_metadata::{
    Committed, ControllerChannel, ControllerError, ControllerFuture, ControllerRequest, Image,
};
use ottla_model::limits::CONTROLLER_REQUESTS_MAX;
use ottla_model::{ClusterId, Offset, Rng};
use ottla_runtime::{Clock, Tasks};
use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::{self, Driver, Signals, Submission};
use crate::error::StartError;
use crate::log::MetadataLog;

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// The cluster that the data directory belongs to.
    pub cluster: ClusterId,
    /// What an operator may tell it.
    pub settings: ControlSettings,
}

/// The controller. It lives in its loop; this is where it begins.
#[derive(Debug)]
pub struct Controller;

impl Controller {
    /// Loads the log, founds the cluster if the log is empty, and starts the loop. Does no waiting:
    /// the first entries of a new cluster become durable with everything else.
    ///
    /// # Errors
    /// When the log cannot be read, is of another cluster, or is newer than this release.
    pub fn start(
        log: impl MetadataLog,
        config: ControllerConfig,
        ids: Rng,
        clock: Clock,
        tasks: &Tasks,
    ) -> Result<ControllerHandle, StartError> {
        let driver = Driver::load(Box::new(log), config, ids, clock)?;
        let images = driver.images();
        let (submissions, received) = mpsc::channel(CONTROLLER_REQUESTS_MAX);
        let (signals, heard) = watch::channel(Signals::default());
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("controller", driver::run(driver, received, heard, shutdown));
        Ok(ControllerHandle { submissions, signals: Arc::new(signals), images })
    }
}

/// The way to the controller of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ControllerHandle {
    submissions: mpsc::Sender<Submission>,
    signals: Arc<watch::Sender<Signals>>,
    images: watch::Receiver<Arc<Image>>,
}

impl ControllerHandle {
    /// Asks, and answers once the decision is durable. Dropping the future does not undo it.
    ///
    /// # Errors
    /// When the controller refuses, or stopped.
    pub async fn submit(&self, request: ControllerRequest) -> Result<Committed, ControllerError> {
        submit(self.submissions.clone(), request).await
    }

    /// How many requests wait for the controller.
    pub fn waiting(&self) -> usize {
        self.submissions.max_capacity() - self.submissions.capacity()
    }

    /// The newest committed image, and every later one.
    pub fn images(&self) -> watch::Receiver<Arc<Image>> {
        self.images.clone()
    }

    /// The newest committed image.
    pub fn image(&self) -> Arc<Image> {
        self.images.borrow().clone()
    }

    /// The metadata log is committed up to `end` (exclusive). Never waits; may come late, twice, and
    /// from any thread.
    pub fn handle_durable(&self, end: Offset) {
        self.signals.send_if_modified(|signals| {
            let is_news = end > signals.durable;
            signals.durable = signals.durable.max(end);
            is_news
        });
    }

    /// The metadata log stopped for good: nothing that is pending will ever be committed. Never waits.
    pub fn handle_offline(&self, why: &str) {
        self.signals.send_if_modified(|signals| {
            let is_news = signals.stopped.is_none();
            signals.stopped.get_or_insert_with(|| why.to_owned());
            is_news
        });
    }
}

impl ControllerChannel for ControllerHandle {
    fn submit(&self, request: ControllerRequest) -> ControllerFuture {
        Box::pin(submit(self.submissions.clone(), request))
    }
}

async fn submit(
    submissions: mpsc::Sender<Submission>,
    request: ControllerRequest,
) -> Result<Committed, ControllerError> {
    let (reply, answer) = oneshot::channel();
    let stopped = || "it is shutting down".to_owned();
    submissions
        .send(Submission { request, reply })
        .await
        .map_err(|_| ControllerError::Unavailable { why: stopped() })?;
    answer.await.unwrap_or_else(|_| Err(ControllerError::OutcomeUnknown { why: stopped() }))
}
