use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Lets a bounded number of things happen at once, and turns the rest away at once instead of queueing them.
#[derive(Clone, Debug)]
pub struct Gate {
    taken: Arc<AtomicUsize>,
    slots: usize,
}

/// A place inside a [`Gate`], given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    taken: Arc<AtomicUsize>,
}

impl Gate {
    /// A gate with `slots` places.
    pub fn new(slots: usize) -> Self {
        Self { taken: Arc::new(AtomicUsize::new(0)), slots }
    }

    /// Takes a place, or `None` when all are taken.
    pub fn enter(&self) -> Option<Slot> {
        let grow = |taken: usize| (taken < self.slots).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow).ok()?;
        Some(Slot { taken: Arc::clone(&self.taken) })
    }

    /// Places taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_holds_its_number_and_takes_back() {
        let gate = Gate::new(2);
        let first = gate.enter().expect("a place");
        let _second = gate.enter().expect("a place");
        assert!(gate.enter().is_none());
        drop(first);
        assert!(gate.enter().is_some());
        assert_eq!(gate.taken(), 1);
    }
}
