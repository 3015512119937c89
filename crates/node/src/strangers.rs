use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that have not said yet who they are: so many of everybody, and of one address.
const ALL_MAX: usize = 256;
const OF_ADDRESS_MAX: usize = 32;

/// Counts connections of which nobody knows yet whose they are, so that those of one address leave room for others.
#[derive(Clone, Default)]
pub(crate) struct Strangers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of one of them, given back when it is dropped.
pub(crate) struct Stranger {
    all: Strangers,
    network: IpAddr,
}

impl Strangers {
    /// A place for a connection from an address; nothing if there are too many.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Stranger> {
        let network = casemate_model::client_network(address);
        let mut there = self.lock();
        let of_address = there.get(&network).copied().unwrap_or(0);
        if of_address >= OF_ADDRESS_MAX || there.values().sum::<usize>() >= ALL_MAX {
            return None;
        }
        there.insert(network, of_address + 1);
        Some(Stranger { all: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut there = self.all.lock();
        match there.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(there.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let strangers = Strangers::default();
        let at = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut there: Vec<_> = (0..OF_ADDRESS_MAX).map_while(|_| strangers.enter(at(1))).collect();
        assert_eq!(there.len(), OF_ADDRESS_MAX);
        assert!(strangers.enter(at(1)).is_none());
        let other = strangers.enter(at(2));
        assert!(other.is_some());
        there.pop();
        assert!(strangers.enter(at(1)).is_some(), "a place was given back");
        let rest: Vec<_> = (3..=255).flat_map(|last| strangers.enter(at(last))).collect();
        assert_eq!(there.len() + 1 + rest.len(), ALL_MAX);
        drop((there, other, rest));
        assert!(strangers.lock().is_empty(), "nothing is kept of whoever has gone");
    }
}
