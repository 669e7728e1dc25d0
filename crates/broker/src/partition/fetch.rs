//! Batches on their way out: from memory at once, from files on threads of their own, and at the
//! end of the partition by waiting until the high watermark moves. A damaged partition has no such end:
//! where its records were lost is an error, so that nobody takes what is left for the whole.

use std::sync::Arc;
use std::time::Duration;

use ottla_log::{ReadError, ReadOutcome, ReadRequest, Slice};
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_partition::{Fetch, FetchBounds};
use ottla_runtime::Shutdown;

use super::Partition;
use crate::cold::ColdReads;
use crate::error::FetchError;
use crate::request::{Fetched, OffsetAt, OffsetFound};
use crate::translate;

/// What a fetch needs besides its partition.
pub(crate) struct FetchContext<'a> {
    pub(crate) cold: &'a ColdReads,
    pub(crate) shutdown: &'a Shutdown,
}

impl Partition {
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        context: FetchContext<'_>,
        offset: Offset,
        bytes_max: u64,
        wait: Option<Duration>,
    ) -> Result<Fetched, FetchError> {
        let bounds = match self.look(offset)? {
            Fetch::Read(bounds) => bounds,
            Fetch::AtEnd(bounds) => match wait {
                None => return Ok(nothing(offset, bounds)),
                Some(span) => match self.wait(&context, offset, span).await? {
                    Fetch::Read(bounds) => bounds,
                    Fetch::AtEnd(bounds) => return Ok(nothing(offset, bounds)),
                },
            },
        };
        let slice = self.read(context.cold, offset, bounds, bytes_max).await?;
        let fetched = Fetched {
            chunks: slice.chunks,
            next_offset: slice.next,
            high_watermark: bounds.high_watermark,
            log_start: bounds.log_start,
        };
        self.around.metrics.count_out(fetched.bytes() as u64);
        self.traffic.count_out(fetched.bytes() as u64);
        Ok(fetched)
    }

    fn look(&self, offset: Offset) -> Result<Fetch, FetchError> {
        if self.damage.is_some() && offset >= self.offsets().high_watermark {
            self.check_whole()?;
        }
        self.place(offset)
    }

    fn place(&self, offset: Offset) -> Result<Fetch, FetchError> {
        let state = self.state.lock();
        if let Some(closed) = &state.closed {
            return Err(self.lookup_error(closed).into());
        }
        state.replica.fetch(offset).map_err(|e| translate::fetch_error(e, &self.topic, self.id))
    }

    /// Waits at the end, at most `span`. Nobody polls: the storage thread that moves the high
    /// watermark wakes everybody who is parked here, once.
    async fn wait(
        &self,
        context: &FetchContext<'_>,
        offset: Offset,
        span: Duration,
    ) -> Result<Fetch, FetchError> {
        let parked = self.around.metrics.park();
        let found = tokio::select! {
            biased;
            found = self.advance(offset) => found,
            () = tokio::time::sleep(span) => self.look(offset),
            () = context.shutdown.requested() => Err(FetchError::ShuttingDown),
        };
        drop(parked);
        found
    }

    async fn advance(&self, offset: Offset) -> Result<Fetch, FetchError> {
        loop {
            let mut advanced = std::pin::pin!(self.advanced.notified());
            // Before looking, so that an advance in between is not missed.
            advanced.as_mut().enable();
            if self.state.lock().replica.park_fetch(offset) {
                // Parked under the lock; but it may have been closed before that.
                if let Fetch::Read(bounds) = self.look(offset)? {
                    return Ok(Fetch::Read(bounds));
                }
                advanced.await;
            }
            if let Fetch::Read(bounds) = self.look(offset)? {
                return Ok(Fetch::Read(bounds));
            }
        }
    }

    async fn read(
        self: &Arc<Self>,
        cold: &ColdReads,
        from: Offset,
        bounds: FetchBounds,
        bytes_max: u64,
    ) -> Result<Slice, FetchError> {
        let upto = bounds.high_watermark;
        let request = ReadRequest { from, upto, bytes_max, tail_only: true };
        let (clock, metrics) = (&self.around.clock, &self.around.metrics);
        let begun = clock.moment();
        let took = || clock.moment().since(begun).as_secs_f64();
        let read = match self.stream.read(request) {
            Ok(ReadOutcome::Slice(slice)) => {
                metrics.fetch_tail.observe(took());
                return Ok(slice);
            }
            Ok(ReadOutcome::Cold) => {
                let read = self.read_cold(cold, request).await;
                metrics.fetch_cold.observe(took());
                read
            }
            Err(error) => Err(error),
        };
        read.map_err(|error| self.read_error(error))
    }

    async fn read_cold(
        self: &Arc<Self>,
        cold: &ColdReads,
        request: ReadRequest,
    ) -> Result<Slice, ReadError> {
        let stream = Arc::clone(&self.stream);
        let request = ReadRequest { tail_only: false, ..request };
        match cold.run(move || stream.read(request)).await {
            Some(Ok(ReadOutcome::Slice(slice))) => Ok(slice),
            Some(Ok(ReadOutcome::Cold)) => Err(self.broken("a file was wanted twice")),
            Some(Err(error)) => Err(error),
            None => Err(self.broken("the read panicked")),
        }
    }

    fn broken(&self, why: &str) -> ReadError {
        ReadError::Storage { stream: self.id, why: why.to_owned() }
    }

    fn read_error(&self, error: ReadError) -> FetchError {
        translate::read_error(error, self.offsets(), &self.topic, self.id)
    }

    /// Looks an offset up, in files where that is needed.
    pub(crate) async fn list_offset(
        self: &Arc<Self>,
        cold: &ColdReads,
        at: OffsetAt,
    ) -> Result<OffsetFound, FetchError> {
        let offsets = self.place(self.offsets().high_watermark).map(|_| self.offsets())?;
        let upto = offsets.high_watermark;
        let found = match at {
            OffsetAt::Earliest => Some((offsets.log_start, None)),
            OffsetAt::Latest => None,
            OffsetAt::MaxTimestamp => {
                self.check_whole()?;
                self.find(cold, move |s| s.max_timestamp(upto)).await?
            }
            OffsetAt::Timestamp(time) => {
                self.find(cold, move |s| s.offset_for_timestamp(time, upto)).await?
            }
        };
        let (offset, timestamp) = match found {
            Some(found) => found,
            None => self.check_whole().map(|()| (upto, None))?,
        };
        let leader_epoch = self.leader_epoch();
        // What comes next is written under the current reign.
        let written = offset < offsets.log_end;
        let record_epoch = if written { self.stream.epoch_at(offset) } else { Some(leader_epoch) };
        Ok(OffsetFound { offset, timestamp, leader_epoch, record_epoch })
    }

    async fn find(
        self: &Arc<Self>,
        cold: &ColdReads,
        find: impl FnOnce(&ottla_log::Stream) -> Result<Option<(Offset, Timestamp)>, ReadError>
        + Send
        + 'static,
    ) -> Result<Option<(Offset, Option<Timestamp>)>, FetchError> {
        let stream = Arc::clone(&self.stream);
        let found = cold.run(move || find(&stream)).await;
        let found = found.unwrap_or_else(|| Err(self.broken("the search panicked")));
        let found = found.map_err(|error| self.read_error(error))?;
        Ok(found.map(|(offset, timestamp)| (offset, Some(timestamp))))
    }

    /// Under which reign it is led.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.state.lock().replica.leader_epoch().unwrap_or_default()
    }

    /// Where an epoch ended; the current one goes on to the log's end, written to or not.
    pub(crate) fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        match self.stream.end_offset_for(epoch) {
            None if epoch == self.leader_epoch() => Some((epoch, self.offsets().log_end)),
            found => found,
        }
    }

    /// Resolves when there is something to read at `offset`, or an error.
    pub(crate) async fn wait_for_records(
        &self,
        shutdown: &Shutdown,
        offset: Offset,
    ) -> Result<(), FetchError> {
        if let Fetch::Read(_) = self.look(offset)? {
            return Ok(());
        }
        let parked = self.around.metrics.park();
        let found = tokio::select! {
            biased;
            found = self.advance(offset) => found.map(|_| ()),
            () = shutdown.requested() => Err(FetchError::ShuttingDown),
        };
        drop(parked);
        found
    }
}

fn nothing(offset: Offset, bounds: FetchBounds) -> Fetched {
    Fetched {
        chunks: Vec::new(),
        next_offset: offset,
        high_watermark: bounds.high_watermark,
        log_start: bounds.log_start,
    }
}
