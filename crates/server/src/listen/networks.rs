use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use casemate_limits::{Gate, Slot};

use super::Peer;

/// Places for connections from outside: so many in all, and so many of them for one network, so that no client keeps
/// all others out.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Gate,
    networks: Arc<Mutex<HashMap<IpAddr, usize>>>,
    of_one_network: usize,
}

/// One of the places, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    network: IpAddr,
    _slot: Slot,
}

impl Places {
    pub(super) fn new(all: usize, of_one_network: usize) -> Self {
        Self { all: Gate::new(all), networks: Arc::default(), of_one_network }
    }

    /// A place for a connection from there, if there is one.
    pub(super) fn enter(&self, peer: Peer) -> Option<Place> {
        let network = peer.network()?;
        let slot = self.all.enter()?;
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= self.of_one_network {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), network, _slot: slot })
    }

    /// Places taken now.
    pub(super) fn taken(&self) -> usize {
        self.all.taken()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.networks.lock().expect("nothing panics while it holds the lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        if let Entry::Occupied(mut count) = counts.entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_does_not_take_all_places() {
        let places = Places::new(8, 3);
        let from = |address: &str| places.enter(Peer::Remote(address.parse().expect("an address")));
        let taken: Vec<_> = (0..3).map(|_| from("192.0.2.1:1").expect("a place")).collect();
        assert!(from("192.0.2.1:2").is_none() && from("192.0.2.2:1").is_some());
        assert_eq!(places.taken(), 3, "who was refused takes none");
        drop(taken);
        assert!(from("192.0.2.1:3").is_some());
        assert_eq!(places.counts().len(), 0, "nobody is remembered who has left");
    }

    #[test]
    fn there_is_an_end_to_the_places() {
        let places = Places::new(2, 2);
        let from = |address: &str| places.enter(Peer::Remote(address.parse().expect("an address")));
        let (_one, _two) = (from("192.0.2.1:1").expect("a place"), from("192.0.2.2:1").expect("a place"));
        assert!(from("192.0.2.3:1").is_none());
    }
}
