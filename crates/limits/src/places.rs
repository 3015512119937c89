use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places that are taken for a while, of which there are so many, and fewer for each who takes them: so one leaves room for others.
/// Cheap to clone.
#[derive(Debug)]
pub struct Places<K> {
    taken: Arc<Mutex<Taken<K>>>,
    each_max: usize,
    all_max: usize,
}

#[derive(Debug)]
struct Taken<K> {
    by: HashMap<K, usize>,
    all: usize,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    taken: Arc<Mutex<Taken<K>>>,
    by: K,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// `all_max` places, of which each gets at most `each_max`.
    pub fn new(each_max: usize, all_max: usize) -> Self {
        let taken = Taken { by: HashMap::new(), all: 0 };
        Self { taken: Arc::new(Mutex::new(taken)), each_max, all_max }
    }

    /// A place for one more; `None` if there is none.
    pub fn enter(&self, by: K) -> Option<Place<K>> {
        let mut taken = lock(&self.taken);
        let own = taken.by.get(&by).copied().unwrap_or(0);
        if own >= self.each_max || taken.all >= self.all_max {
            return None;
        }
        taken.by.insert(by.clone(), own + 1);
        taken.all += 1;
        Some(Place { taken: Arc::clone(&self.taken), by })
    }
}

impl<K> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self { taken: Arc::clone(&self.taken), each_max: self.each_max, all_max: self.all_max }
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        match taken.by.get_mut(&self.by) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.by.remove(&self.by)),
        }
    }
}

fn lock<K>(taken: &Mutex<Taken<K>>) -> MutexGuard<'_, Taken<K>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaves_room_for_others() {
        let places = Places::new(3, 8);
        let mut own: Vec<_> = (0..5).map_while(|_| places.enter("one")).collect();
        assert_eq!(own.len(), 3);
        let others: Vec<_> =
            ["two", "three", "two", "three", "two", "four"].map(|by| places.clone().enter(by)).into();
        assert_eq!(others.iter().filter(|place| place.is_some()).count(), 5, "there is an end for all");
        assert!(own.pop().is_some());
        assert!(places.enter("four").is_some(), "a place was given back");
        drop((own, others));
        let taken = lock(&places.taken);
        assert_eq!((taken.all, taken.by.len()), (0, 0), "nothing is kept of whoever has gone");
    }
}
