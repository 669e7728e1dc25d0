//! How records of a log are counted, and under whose leadership they were written.

use std::fmt;

/// A record's place in its log. The first record ever has offset 0; an *end* offset is the one that
/// the next record will get.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);

    /// The offset `count` records further on.
    ///
    /// # Panics
    /// When the sum does not fit, which takes 292,471 years at a million records a second.
    pub const fn plus(self, count: i64) -> Self {
        match self.0.checked_add(count) {
            Some(sum) => Self(sum),
            None => panic!("a log holds fewer than 2^63 records"),
        }
    }

    /// How many offsets lie between `start` and this one; negative when `start` is further on.
    pub const fn since(self, start: Self) -> i64 {
        self.0 - start.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The reign under which a batch was appended. Grows by at least one with every change of leader.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// The epoch of a partition's first leader.
    pub const FIRST: Self = Self(0);
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
