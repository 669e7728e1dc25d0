//! Time without a clock: whoever has one hands it in.

use std::fmt;
use std::time::Duration;

/// Wall-clock time in milliseconds since 1970-01-01 UTC, as records carry it. May jump either way,
/// so it decides nothing but retention and look-ups by time.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// What a record carries that has no timestamp.
    pub const NONE: Self = Self(-1);

    /// This time, `span` earlier; no earlier than the smallest there is.
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point on the monotonic clock: time since the process (or the simulation) began. Never goes
/// back; every deadline, lease and timer is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Moment(pub Duration);

impl Moment {
    /// When the clock started.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment `span` from here; the largest there is when the sum does not fit.
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long ago `earlier` was; zero when it is yet to come.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
