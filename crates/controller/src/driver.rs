//! The state of the controller, and the loop that owns it.
//!
//! Invariants:
//! - `pending` is `committed` plus every entry in `entries`, replayed in order; requests are decided
//!   against it, so that two in flight for one name cannot both pass.
//! - An answer leaves, and an image is published, only when its entry is committed (C2, C3).
//! - After the log stopped nothing is decided any more, and whoever waits is told that the outcome is
//!   unknown.

mod entries;
mod snapshots;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ottla_control::{decide, found, replay};
use ottla_metadata::{
    Committed, ControllerError, ControllerRequest, Image, MetadataRecord, Snapshot,
};
use ottla_model::{Offset, Rng};
use ottla_runtime::{Clock, Shutdown};
use tokio::sync::{mpsc, oneshot, watch};

use crate::controller::ControllerConfig;
use crate::driver::entries::{Entries, Entry, Purpose};
use crate::driver::snapshots::Snapshots;
use crate::error::StartError;
use crate::log::{MetadataLog, MetadataLogError};

/// A request and who waits for its answer.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) request: ControllerRequest,
    pub(crate) reply: Reply,
}

pub(crate) type Reply = oneshot::Sender<Result<Committed, ControllerError>>;

/// What other threads tell the loop. Only the newest counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    pub(crate) durable: Offset,
    pub(crate) stopped: Option<String>,
}

/// The state.
pub(crate) struct Driver {
    log: Box<dyn MetadataLog>,
    config: ControllerConfig,
    ids: Rng,
    clock: Clock,
    committed: watch::Sender<Arc<Image>>,
    pending: Image,
    entries: Entries,
    snapshots: Snapshots,
    stopped: Option<String>,
}

/// Owns the driver until shutdown. What is committed is taken before anything new is decided.
pub(crate) async fn run(
    mut driver: Driver,
    mut submissions: mpsc::Receiver<Submission>,
    mut signals: watch::Receiver<Signals>,
    shutdown: Shutdown,
) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            Ok(()) = signals.changed() => {
                let heard = signals.borrow_and_update().clone();
                driver.handle_signals(&heard);
            }
            Some(submission) = submissions.recv() => driver.handle_submission(submission),
            else => break,
        }
    }
    driver.stop("it is shutting down");
}

impl Driver {
    /// Loads the log, and founds the cluster when there is nothing in it.
    pub(crate) fn load(
        mut log: Box<dyn MetadataLog>,
        config: ControllerConfig,
        ids: Rng,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let mut image = None;
        let mut snapshots = Snapshots::default();
        let end = log.load(&mut |offset, record| {
            snapshots.loaded(offset, &record);
            let image = image.get_or_insert_with(|| Image::starting_at(offset));
            Ok(image.replay(&record)?)
        })?;
        let image = image.unwrap_or_default();
        assert_eq!(image.end(), end, "a log hands over all of its records");
        let mut driver = Self {
            log,
            ids,
            clock,
            committed: watch::Sender::new(Arc::new(image.clone())),
            pending: image,
            entries: Entries::default(),
            snapshots,
            stopped: None,
            config,
        };
        driver.check_cluster()?;
        Ok(driver)
    }

    fn check_cluster(&mut self) -> Result<(), StartError> {
        let expected = self.config.cluster;
        match self.pending.cluster() {
            Some(cluster) if cluster.id == expected => Ok(()),
            Some(cluster) => Err(StartError::ForeignCluster { expected, found: cluster.id }),
            None if self.pending.end() == Offset::ZERO => {
                let records = found(expected, self.clock.now());
                Ok(self.write(records, Purpose::Found).map_err(|(error, _)| error)?)
            }
            None => Err(StartError::NoCluster),
        }
    }

    /// The images that are published from now on.
    pub(crate) fn images(&self) -> watch::Receiver<Arc<Image>> {
        self.committed.subscribe()
    }

    /// Decides a request. A refusal rests on what is pending as well, and so waits for it: otherwise
    /// somebody could be told of a topic that a crash then unmakes.
    pub(crate) fn handle_submission(&mut self, submission: Submission) {
        let Submission { request, reply } = submission;
        if let Some(why) = &self.stopped {
            let _ = reply.send(Err(ControllerError::Unavailable { why: why.clone() }));
            return;
        }
        let settings = &self.config.settings;
        let now = self.clock.now();
        let (records, result) = match decide(&self.pending, &request, settings, &mut self.ids, now)
        {
            Ok(decision) => (decision.records, Ok(decision.response)),
            Err(error) => (Vec::new(), Err(error)),
        };
        if let Err((error, purpose)) = self.write(records, Purpose::Answer { reply, result }) {
            self.handle_refused(error, purpose);
        }
    }

    /// Takes the news of other threads.
    pub(crate) fn handle_signals(&mut self, signals: &Signals) {
        self.commit(signals.durable);
        self.snapshot_if_due();
        if let Some(why) = &signals.stopped {
            self.stop(why);
        }
    }

    /// Nothing is decided from now on, and nobody will learn what became of what is pending.
    pub(crate) fn stop(&mut self, why: &str) {
        if self.stopped.is_none() {
            self.stopped = Some(why.to_owned());
            self.entries.take_all().for_each(|entry| entry.abandon(why));
        }
    }

    /// Appends an entry and takes it as pending; or only waits, when there is nothing to append.
    fn write(
        &mut self,
        records: Vec<MetadataRecord>,
        purpose: Purpose,
    ) -> Result<(), (MetadataLogError, Purpose)> {
        let start = self.pending.end();
        if !records.is_empty() {
            let end = match self.log.append(&records, self.clock.now()) {
                Ok(end) => end,
                Err(error) => return Err((error, purpose)),
            };
            replay(&mut self.pending, &records).expect("what was decided follows what is pending");
            assert_eq!(self.pending.end(), end, "every record has one offset");
        }
        let entry = Entry { start, end: self.pending.end(), records, purpose };
        if entry.records.is_empty() && self.entries.is_empty() {
            entry.answer();
        } else {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn handle_refused(&mut self, error: MetadataLogError, purpose: Purpose) {
        let Purpose::Answer { reply, result: _ } = purpose else { return };
        let why = error.to_string();
        let answer = match error {
            MetadataLogError::TooLarge { bytes, bytes_max } => {
                ControllerError::DecisionTooLarge { bytes, bytes_max }
            }
            MetadataLogError::Busy { why } => ControllerError::Unavailable { why },
            MetadataLogError::Stopped { why } => ControllerError::OutcomeUnknown { why },
        };
        let has_stopped = matches!(answer, ControllerError::OutcomeUnknown { .. });
        let _ = reply.send(Err(answer));
        if has_stopped {
            self.stop(&why);
        }
    }

    /// Publishes what is committed up to `end`, then answers who waited for it: whoever is answered
    /// finds it in the image.
    fn commit(&mut self, end: Offset) {
        let mut answered = Vec::new();
        let mut image = None;
        while let Some(entry) = self.entries.pop_committed(end) {
            let image = image.get_or_insert_with(|| Image::clone(&self.committed.borrow()));
            replay(image, &entry.records).expect("what was pending follows what is committed");
            assert_eq!(image.end(), entry.end, "entries are committed in order");
            answered.push(entry);
        }
        if let Some(image) = image {
            self.committed.send_replace(Arc::new(image));
        }
        for entry in answered {
            self.forget_below(&entry);
            entry.answer();
        }
    }

    /// A snapshot is committed: what is below it is not needed any more.
    fn forget_below(&mut self, entry: &Entry) {
        if !matches!(entry.purpose, Purpose::Snapshot) {
            return;
        }
        self.snapshots.committed();
        if let Err(error) = self.log.forget_below(entry.start) {
            tracing::warn!(%error, "the metadata log keeps what a snapshot has made needless");
        }
    }

    fn snapshot_if_due(&mut self) {
        let start = self.pending.end();
        let records_min = self.config.settings.snapshot_records_min;
        if self.stopped.is_some() || !self.snapshots.is_due(start, records_min) {
            return;
        }
        let records = Snapshot::of(&self.pending).into_entry();
        match self.write(records, Purpose::Snapshot) {
            Ok(()) => self.snapshots.written(start, self.pending.end()),
            Err((error, _)) => {
                self.snapshots.refused(start);
                tracing::warn!(%error, "cannot write a snapshot into the metadata log");
            }
        }
    }
}
