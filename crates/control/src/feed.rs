use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use casemate_ledger::NameChange;
use casemate_model::{Project, TaskId, Timestamp, WebhookId};
use casemate_tasks::TaskState;
use tokio::sync::broadcast;

/// How many items a follower that was away for a moment can still get.
const RECENT_ITEMS_MAX: usize = 1_024;

/// What just happened, for whoever watches. It informs; the audit log is what proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedItem {
    /// Grows by one with each item of this node, from 1 at its start.
    pub id: u64,
    /// Whose followers see it; `None` for all.
    pub project: Option<Project>,
    /// What happened.
    pub change: Change,
}

/// What a [`FeedItem`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A task changed its state.
    Task {
        /// The task.
        id: TaskId,
        /// Its state now.
        state: TaskState,
        /// Since when.
        updated: Timestamp,
    },
    /// An object was stored or deleted.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Whether it is there now.
        stored: bool,
    },
    /// A name has a new version, or its time is over.
    Name {
        /// The name.
        name: String,
        /// What the version changed; `None` where time alone ended what it meant.
        change: Option<NameChange>,
    },
    /// A webhook was paused by the node.
    Webhook {
        /// The webhook.
        id: WebhookId,
    },
    /// The log has a new signed checkpoint.
    Log {
        /// Its number of entries.
        size: u64,
    },
}

/// Spreads [`FeedItem`]s to followers. Slow followers lose items and are told so; nobody waits for them.
///
/// Ids count from 1 in each run of a node, so a place in the feed is told by run and id together: the id of another run, or
/// of another node, is no place in this one.
#[derive(Clone)]
pub struct Feed {
    run: u64,
    shared: Arc<Mutex<Recent>>,
    sender: broadcast::Sender<Arc<FeedItem>>,
}

struct Recent {
    next_id: u64,
    items: VecDeque<Arc<FeedItem>>,
}

/// A place in the feed to read on from.
pub struct Following {
    /// Items that were missed and are still known, oldest first.
    pub missed: Vec<Arc<FeedItem>>,
    /// The place behind the last item that there is.
    pub place: String,
    /// Whether items were missed that are not known any more, so that what is shown must be read anew.
    pub reset: bool,
    /// What happens from now on.
    pub live: broadcast::Receiver<Arc<FeedItem>>,
}

impl Feed {
    /// A feed without items, of a run that nothing else calls `run`.
    pub fn new(run: u64) -> Self {
        let recent = Recent { next_id: 1, items: VecDeque::with_capacity(RECENT_ITEMS_MAX) };
        Self { run, shared: Arc::new(Mutex::new(recent)), sender: broadcast::channel(RECENT_ITEMS_MAX).0 }
    }

    /// Adds an item.
    pub(crate) fn publish(&self, project: Option<Project>, change: Change) {
        let mut recent = self.shared.lock().expect("nothing panics while it holds the lock");
        let item = Arc::new(FeedItem { id: recent.next_id, project, change });
        recent.next_id += 1;
        if recent.items.len() == RECENT_ITEMS_MAX {
            recent.items.pop_front();
        }
        recent.items.push_back(Arc::clone(&item));
        // Sent under the lock, so that followers see items in the order of their ids. Nobody listening is no error.
        drop(self.sender.send(item));
    }

    /// The place behind an item, from which a follower can go on.
    pub fn place(&self, id: u64) -> String {
        format!("{}-{id}", self.run)
    }

    /// Starts following from a place, or from now on. What is no place of this run is one behind which all was missed.
    pub fn follow(&self, place: Option<&str>) -> Following {
        let recent = self.shared.lock().expect("nothing panics while it holds the lock");
        let live = self.sender.subscribe();
        let here = self.place(recent.next_id - 1);
        let Some(place) = place else {
            return Following { missed: Vec::new(), place: here, reset: false, live };
        };
        let oldest = recent.items.front().map_or(recent.next_id, |item| item.id);
        let known = |last_id: &u64| last_id.saturating_add(1) >= oldest && *last_id < recent.next_id;
        match self.id_of(place).filter(known) {
            Some(last_id) => {
                let missed = recent.items.iter().filter(|item| item.id > last_id).cloned().collect();
                Following { missed, place: here, reset: false, live }
            }
            None => Following { missed: Vec::new(), place: here, reset: true, live },
        }
    }

    /// The item before a place of this run.
    fn id_of(&self, place: &str) -> Option<u64> {
        let (run, id) = place.split_once('-')?;
        let id = id.parse().ok()?;
        // One spelling for one place.
        (run.parse() == Ok(self.run) && self.place(id) == place).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(feed: &Feed, sizes: std::ops::Range<u64>) {
        for size in sizes {
            feed.publish(None, Change::Log { size });
        }
    }

    fn ids(following: &Following) -> Vec<u64> {
        following.missed.iter().map(|item| item.id).collect()
    }

    #[test]
    fn a_follower_gets_what_it_missed_then_what_comes() {
        let feed = Feed::new(7);
        publish(&feed, 0..3);
        let mut following = feed.follow(Some("7-1"));
        publish(&feed, 3..4);
        assert_eq!((ids(&following), following.reset), (vec![2, 3], false));
        assert_eq!(following.live.try_recv().expect("one item").id, 4);
        assert_eq!(ids(&feed.follow(None)), Vec::<u64>::new());
    }

    #[test]
    fn a_follower_that_missed_too_much_is_told() {
        let feed = Feed::new(7);
        publish(&feed, 0..RECENT_ITEMS_MAX as u64 + 2);
        assert!(feed.follow(Some("7-1")).reset);
        assert!(!feed.follow(Some("7-2")).reset);
        assert_eq!(feed.follow(Some("7-1")).place, format!("7-{}", RECENT_ITEMS_MAX + 2));
        for elsewhere in ["6-500", "8-500", "7-99999", "500", "", "7-", "7-+5", "07-500", "x"] {
            assert!(feed.follow(Some(elsewhere)).reset, "{elsewhere} is no place of this run");
        }
        assert!(!Feed::new(7).follow(Some("7-0")).reset, "nothing has happened yet");
    }
}
