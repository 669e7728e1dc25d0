//! How many connections there may be, in all and of one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The places that connections take. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all_max: usize,
    address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    pub(crate) fn new(all_max: usize, address_max: usize) -> Self {
        Self(Arc::new(Inner { all_max, address_max, taken: Mutex::default() }))
    }

    /// A place for a connection of this address, if there is one.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken();
        if taken.all >= self.0.all_max {
            return None;
        }
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.0.address_max {
            return None;
        }
        *of_address += 1;
        taken.all += 1;
        Some(Place { places: self.clone(), address })
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places = Places::new(3, 2);
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = places.take(one).expect("none is taken");
        let _second = places.take(one).expect("one is taken");
        assert!(places.take(one).is_none(), "two of one address");
        let _third = places.take(other).expect("another address");
        assert!(places.take(other).is_none(), "three in all");
        drop(first);
        assert!(places.take(one).is_some());
    }
}
