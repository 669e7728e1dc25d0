//! How many fetches all streams together read: what each of them costs is small, and their number is
//! the client's.

use ottla_runtime::metrics::Gauge;

/// The seats of all fetches. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    taken: Gauge,
    max: i64,
}

/// A seat, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Gauge);

impl Seats {
    pub(crate) fn new(taken: Gauge, max: usize) -> Self {
        Self { taken, max: i64::try_from(max).unwrap_or(i64::MAX) }
    }

    /// How many there are.
    pub(crate) fn max(&self) -> i64 {
        self.max
    }

    /// A seat, if one is free.
    pub(crate) fn take(&self) -> Option<Seat> {
        let before = self.taken.inc();
        let seat = Seat(self.taken.clone());
        (before < self.max).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_is_dropped() {
        let seats = Seats::new(Gauge::default(), 1);
        let seat = seats.take().expect("it is free");
        assert!(seats.take().is_none());
        assert_eq!(seats.taken.get(), 1, "who was refused takes none");
        drop(seat);
        assert!(seats.take().is_some());
    }
}
