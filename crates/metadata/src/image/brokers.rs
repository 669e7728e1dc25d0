//! The brokers that ever registered, each in its newest life.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_model::{BrokerId, DirectoryId, Timestamp};

use super::Refusal;
use crate::record::{BrokerRecord, Endpoint};

/// Every broker by its number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BrokersImage {
    by_id: BTreeMap<BrokerId, Arc<BrokerImage>>,
}

/// One broker in its newest life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerImage {
    /// Its number.
    pub id: BrokerId,
    /// Which life of the cluster's brokers this is. No two registrations have the same.
    pub epoch: i64,
    /// Its data directory.
    pub directory: DirectoryId,
    /// The machine's boot in which it runs.
    pub boot: String,
    /// Where it can be reached.
    pub endpoints: Vec<Endpoint>,
    /// When this life began.
    pub registered_at: Timestamp,
}

impl BrokersImage {
    /// The broker with this number.
    pub fn get(&self, id: BrokerId) -> Option<&Arc<BrokerImage>> {
        self.by_id.get(&id)
    }

    /// Every broker, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<BrokerImage>> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none ever registered.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The epoch that the next registration gets.
    pub fn next_epoch(&self) -> i64 {
        self.by_id.values().map(|broker| broker.epoch).max().map_or(0, |epoch| epoch + 1)
    }

    pub(super) fn replay(&mut self, record: &BrokerRecord) -> Result<(), Refusal> {
        let BrokerRecord { broker, epoch, directory, boot, endpoints, registered_at } = record;
        if *epoch < self.next_epoch() {
            let why = format!("broker epoch {epoch} is below {}", self.next_epoch());
            return Err(Refusal::Contradiction(why));
        }
        let image = BrokerImage {
            id: *broker,
            epoch: *epoch,
            directory: *directory,
            boot: boot.clone(),
            endpoints: endpoints.clone(),
            registered_at: *registered_at,
        };
        self.by_id.insert(*broker, Arc::new(image));
        Ok(())
    }
}

impl BrokerImage {
    /// Where this door of the broker is.
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.listener == listener)
    }
}
