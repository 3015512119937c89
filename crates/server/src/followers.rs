use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use casemate_model::PrincipalKind;

/// Streams of events that one caller may have open: a few consoles and programs.
const OF_ONE_MAX: usize = 16;

/// Streams that all callers may have open together; each holds a connection and a place in the feed.
const OF_ALL_MAX: usize = 1_024;

/// Who follows the feed, and how often.
#[derive(Clone, Default)]
pub(crate) struct Followers(Arc<Mutex<HashMap<PrincipalKind, usize>>>);

/// An open stream, which makes room when it is dropped.
pub(crate) struct Follower {
    followers: Followers,
    who: PrincipalKind,
}

impl Followers {
    /// A place for one more stream of `who`; `None` when there are enough.
    pub(crate) fn enter(&self, who: PrincipalKind) -> Option<Follower> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&who).copied().unwrap_or_default();
        if all >= OF_ALL_MAX || own >= OF_ONE_MAX {
            return None;
        }
        open.insert(who, own + 1);
        Some(Follower { followers: self.clone(), who })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut open = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.who) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(open.remove(&self.who)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_does_not_take_the_places_of_others() {
        let followers = Followers::default();
        let open: Vec<_> = (0..OF_ONE_MAX).map(|_| followers.enter(PrincipalKind::LocalUser(1))).collect();
        assert!(open.iter().all(Option::is_some));
        assert!(followers.enter(PrincipalKind::LocalUser(1)).is_none());
        assert!(followers.enter(PrincipalKind::LocalUser(2)).is_some());
        drop(open);
        assert!(followers.enter(PrincipalKind::LocalUser(1)).is_some());
        assert_eq!(followers.0.lock().expect("no panic").len(), 0, "who has left is not remembered");
    }

    #[test]
    fn all_together_have_an_end() {
        let followers = Followers::default();
        let open: Vec<_> =
            (0..2_000).filter_map(|uid| followers.enter(PrincipalKind::LocalUser(uid))).collect();
        assert_eq!(open.len(), OF_ALL_MAX);
    }
}
