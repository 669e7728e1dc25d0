//! A batch on its way in: checked outside of the lock, appended under it.

use std::sync::Arc;

use bytes::Bytes;
use ottla_log::producers::{ProducerBatch, Verdict};
use ottla_model::limits::BATCH_BYTES_MAX;
use ottla_model::{ByteCount, Moment};
use ottla_partition::{Appended, Wanted};
use ottla_record::{
    BatchError, BatchHeader, BatchRules, CheckedBatch, RecordFault, TimestampRules, TimestampType,
    validate,
};

use super::Partition;
use super::state::{Answer, State, at_once};
use crate::error::{BatchFault, ProduceError};
use crate::produce::ProduceAck;
use crate::slowest::Trace;
use crate::translate;

impl Partition {
    /// Appends one batch. Calls from one thread are appended in their order.
    pub(crate) fn produce(&self, batch: Bytes, wanted: impl Into<Wanted>) -> ProduceAck {
        if let Err(error) = self.check_whole() {
            return ProduceAck::answered(Err(error.into()));
        }
        match self.check(batch) {
            Ok(checked) => self.append(checked, wanted.into()),
            Err(error) => ProduceAck::answered(Err(error)),
        }
    }

    fn check(&self, batch: Bytes) -> Result<CheckedBatch, ProduceError> {
        let rules = self.rules();
        validate(batch.clone(), &rules).or_else(|error| {
            self.check_resent(batch, &rules).ok_or_else(|| match error {
                BatchError::TooLarge { size, size_max } => {
                    ProduceError::TooLarge { topic: self.topic_ref(), size, size_max }
                }
                other => ProduceError::Invalid { fault: fault(&other), why: other.to_string() },
            })
        })
    }

    /// The rules of this moment.
    fn rules(&self) -> BatchRules {
        let state = self.state.lock();
        let config = state.replica.config();
        let timestamps = match config.timestamp_type {
            TimestampType::CreateTime => config.timestamp_spans.around(self.around.clock.now()),
            TimestampType::LogAppendTime => TimestampRules::ANY,
        };
        BatchRules { timestamps, ..config.rules }
    }

    /// A batch that was taken once and is sent again is no less welcome under rules that became stricter
    /// meanwhile: its producer wants to hear the answer that it missed, and nothing is appended.
    fn check_resent(&self, batch: Bytes, rules: &BatchRules) -> Option<CheckedBatch> {
        let header = BatchHeader::peek(&batch).ok().filter(BatchHeader::is_idempotent)?;
        let now = self.around.clock.now();
        let Verdict::Duplicate { .. } =
            self.stream.check_producer(&ProducerBatch::from(&header), now)
        else {
            return None;
        };
        let lenient = BatchRules::for_client(BATCH_BYTES_MAX);
        validate(batch, &BatchRules { origin: rules.origin, ..lenient }).ok()
    }

    fn append(&self, batch: CheckedBatch, wanted: Wanted) -> ProduceAck {
        let (bytes, records) = (batch.size() as u64, batch.header().record_count);
        let (now, moment) = (self.around.clock.now(), self.around.clock.moment());
        let appended = self.change("append", |state, stream| {
            if let Some(closed) = &state.closed {
                return ProduceAck::answered(Err(self.lookup_error(closed).into()));
            }
            let appended = state.replica.append(stream, batch, wanted, now, moment);
            self.acknowledgement(state, appended, moment)
        });
        let ack = appended.unwrap_or_else(|| ProduceAck::answered(self.lost()));
        if !matches!(ack.ready(), Some(Err(_))) {
            let records = u64::try_from(records).unwrap_or_default();
            self.around.metrics.count_in(bytes, records);
            self.traffic.count_in(bytes, records);
        }
        ack
    }

    fn acknowledgement(
        &self,
        state: &mut State,
        appended: Result<Appended, ottla_partition::AppendError>,
        since: Moment,
    ) -> ProduceAck {
        match appended {
            Ok(Appended::Waiting(ticket)) => {
                self.around.metrics.acks_waiting.inc();
                let appended = self.around.clock.moment();
                let trace = Trace { stream: self.id, asked: since, begun: since, appended };
                let told = state.waiting.push(ticket, since);
                ProduceAck::waiting(told, trace, Arc::clone(&self.around.slowest))
            }
            Ok(Appended::Answered(produced)) => ProduceAck::answered(at_once(produced)),
            Err(error) => ProduceAck::answered(Err(translate::append_error(error))),
        }
    }

    fn lost(&self) -> Answer {
        Err(ProduceError::Lost { why: "it panicked and was rebuilt from its log".to_owned() })
    }
}

fn fault(error: &BatchError) -> BatchFault {
    match error {
        // A format of long ago is a rule that is broken; one that never was is damage.
        BatchError::Magic { magic: 0..=1 } => BatchFault::Rules,
        BatchError::Magic { .. } => BatchFault::Corrupt,
        BatchError::Truncated { .. } | BatchError::Length { .. } | BatchError::Crc { .. } => {
            BatchFault::Corrupt
        }
        BatchError::TooLarge { .. } | BatchError::OverBudget { .. } => BatchFault::Size,
        BatchError::Record { index, fault: RecordFault::Timestamp { .. } } => {
            BatchFault::Timestamp { record: *index }
        }
        _ => BatchFault::Rules,
    }
}

/// The size that a batch may have at most, for those who refuse before they have it whole.
impl Partition {
    pub(crate) fn batch_bytes_max(&self) -> ByteCount {
        ByteCount(self.state.lock().replica.config().rules.batch_bytes_max)
    }
}
