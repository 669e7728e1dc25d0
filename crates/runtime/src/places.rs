//! How many connections a listener has: in all, of one address, and how many of one address in a second.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ottla_model::Moment;

/// What a listener allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlacesMax {
    /// Connections at a time.
    pub all: usize,
    /// Connections of one address at a time.
    pub address: usize,
    /// Connections of one address that begin within a second.
    pub address_per_second: usize,
}

/// The places that connections take. Clones share them.
#[derive(Clone, Debug)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: PlacesMax,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, OfAddress>,
}

#[derive(Debug, Default)]
struct OfAddress {
    taken: usize,
    /// When the second began in which `begun` of them began.
    second: Moment,
    begun: usize,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// All of them free.
    pub fn new(max: PlacesMax) -> Self {
        Self(Arc::new(Inner { max, taken: Mutex::default() }))
    }

    /// A place for a connection of this address, if there is one.
    pub fn take(&self, address: IpAddr, now: Moment) -> Option<Place> {
        let mut taken = self.taken();
        if taken.all >= self.0.max.all {
            return None;
        }
        taken.forget_all_but(self.0.max.all, now);
        let of_address = taken.by_address.entry(address).or_default();
        if !of_address.begins(now, &self.0.max) {
            return None;
        }
        taken.all += 1;
        Some(Place { places: self.clone(), address })
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Addresses without a connection are remembered for their second, unless there are too many.
    fn forget_all_but(&mut self, addresses_max: usize, now: Moment) {
        if self.by_address.len() > addresses_max {
            self.by_address.retain(|_, of| of.taken > 0 || !of.is_over(now));
        }
        if self.by_address.len() > 2 * addresses_max {
            self.by_address.retain(|_, of| of.taken > 0);
        }
    }
}

impl OfAddress {
    fn begins(&mut self, now: Moment, max: &PlacesMax) -> bool {
        if self.is_over(now) {
            (self.second, self.begun) = (now, 0);
        }
        let allowed = self.taken < max.address && self.begun < max.address_per_second;
        if allowed {
            self.taken += 1;
            self.begun += 1;
        }
        allowed
    }

    fn is_over(&self, now: Moment) -> bool {
        now.0.saturating_sub(self.second.0) >= Duration::from_secs(1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            of_address.taken -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places = Places::new(PlacesMax { all: 3, address: 2, address_per_second: 100 });
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = places.take(one, at(0)).expect("none is taken");
        let _second = places.take(one, at(0)).expect("one is taken");
        assert!(places.take(one, at(0)).is_none(), "two of one address");
        let _third = places.take(other, at(0)).expect("another address");
        assert!(places.take(other, at(0)).is_none(), "three in all");
        drop(first);
        assert!(places.take(one, at(0)).is_some());
    }

    #[test]
    fn who_comes_and_goes_all_the_time_waits_for_the_next_second() {
        let places = Places::new(PlacesMax { all: 10, address: 10, address_per_second: 2 });
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        drop(places.take(one, at(100)).expect("the first"));
        drop(places.take(one, at(200)).expect("the second"));
        assert!(places.take(one, at(300)).is_none());
        assert!(places.take(other, at(300)).is_some());
        assert!(places.take(one, at(1_100)).is_some());
    }

    #[test]
    fn addresses_that_left_are_forgotten() {
        let places = Places::new(PlacesMax { all: 2, address: 1, address_per_second: 1 });
        for n in 0..100_u8 {
            drop(places.take(IpAddr::from([10, 0, 0, n]), at(0)).expect("its first"));
            assert!(places.taken().by_address.len() <= 5);
        }
    }
}
