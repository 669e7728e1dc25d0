//! A record on its way into a batch.

use ottla_model::{PartitionId, Timestamp};

/// A record to be sent. It borrows what it is made of: the bytes are copied once, into the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record<'a> {
    /// Records of one key go to one partition, in the order they were sent.
    pub key: Option<&'a [u8]>,
    /// What it says; absent for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Names and values beside it, in order; a name may come more than once.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// When it happened; the time of sending when absent.
    pub timestamp: Option<Timestamp>,
    /// Where it goes; chosen by the key when absent, and spread in turns when there is no key either.
    pub partition: Option<PartitionId>,
}

impl<'a> Record<'a> {
    /// A record with this value.
    pub fn new(value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { value: Some(value.as_ref()), ..Self::default() }
    }

    /// A record that says that what had this key is gone.
    pub fn tombstone(key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { key: Some(key.as_ref()), ..Self::default() }
    }

    /// The same with this key.
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// The same with these headers.
    pub fn headers(mut self, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Self {
        self.headers = headers;
        self
    }

    /// The same with this timestamp.
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The same, for this very partition.
    pub fn partition(mut self, partition: PartitionId) -> Self {
        self.partition = Some(partition);
        self
    }
}
