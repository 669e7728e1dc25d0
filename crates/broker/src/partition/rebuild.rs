//! A partition after a panic: its machine is thrown away and made again from its log (D15). Its
//! neighbours notice nothing; its waiting producers are told that the outcome is unknown, and find
//! out by sending again with the same sequence.

use ottla_partition::Replica;

use super::Partition;
use super::state::{Closed, Completions};
use crate::error::ProduceError;

impl Partition {
    pub(super) fn rebuild(&self, what: &'static str, completions: &mut Completions) {
        self.around.metrics.rebuilds.inc();
        let mut state = self.state.lock();
        let state = &mut *state;
        let lost = ProduceError::Lost { why: format!("it panicked ({what}) and was rebuilt") };
        completions.refuse_all(&mut state.waiting, &lost);
        let (config, epoch) = (state.replica.config().clone(), state.replica.leader_epoch());
        let rebuilt = self.around.panics.guard("rebuild", || {
            let mut replica = Replica::new(config, &self.stream);
            let led = epoch.map_or(Ok(()), |epoch| replica.become_leader(&self.stream, epoch));
            led.map(|()| replica)
        });
        match rebuilt {
            Some(Ok(replica)) => {
                state.replica = replica;
                tracing::warn!(partition = ?self, what, "a partition was rebuilt from its log");
            }
            Some(Err(error)) => state.closed = Some(Closed::Failed(error.to_string())),
            None => state.closed = Some(Closed::Failed("it panics again and again".to_owned())),
        }
    }
}
