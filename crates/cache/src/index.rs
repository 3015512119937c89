//! Which entries there are, which content they share, and which goes first. Pure: it touches no file.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::CacheUsage;

/// A hash that names an entry or a content.
pub(crate) type Name = [u8; 32];

/// Everything a cache holds, least recently used first, within a number of bytes.
pub(crate) struct Index {
    bytes_max: u64,
    bytes: u64,
    entries: HashMap<Name, Slot>,
    contents: HashMap<Name, Content>,
    order: BTreeMap<u64, Name>,
    tick: u64,
}

/// What is known of an entry without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) content: Name,
    /// The last bytes of its record, so that an older record of the same entry does not pass.
    pub(crate) signature: [u8; 32],
    /// When it ends, as time of the machine's running, which nobody can set.
    pub(crate) ends: Duration,
    /// Tells this entry from a later one of the same name.
    pub(crate) generation: u64,
    used: u64,
}

struct Content {
    cost: u64,
    entries: usize,
}

/// An entry that is to be inserted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) entry: Name,
    pub(crate) content: Name,
    /// What the content's file takes.
    pub(crate) content_bytes: u64,
    pub(crate) signature: [u8; 32],
    pub(crate) ends: Duration,
}

/// An entry that is in the index no more; its files are to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) entry: Name,
    /// Its content, if no other entry shares it.
    pub(crate) content: Option<Name>,
}

impl Index {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            entries: HashMap::new(),
            contents: HashMap::new(),
            order: BTreeMap::new(),
            tick: 0,
        }
    }

    /// Whether content of this size could be held at all.
    pub(crate) fn could_hold(&self, content_bytes: u64) -> bool {
        cost(content_bytes).saturating_add(ENTRY_COST) <= self.bytes_max
    }

    pub(crate) fn holds_content(&self, content: &Name) -> bool {
        self.contents.contains_key(content)
    }

    /// Looks an entry up without using it.
    pub(crate) fn slot(&self, entry: &Name) -> Option<Slot> {
        self.entries.get(entry).copied()
    }

    /// Looks an entry up, and makes it the most recently used.
    pub(crate) fn touch(&mut self, entry: &Name) -> Option<Slot> {
        let tick = self.next_tick();
        let slot = self.entries.get_mut(entry)?;
        self.order.remove(&slot.used);
        slot.used = tick;
        self.order.insert(tick, *entry);
        Some(*slot)
    }

    /// Takes an entry in, in the place of one of the same name, and gives out what has to go for it: never itself.
    pub(crate) fn insert(&mut self, arrival: Arrival) -> Vec<Removed> {
        let content = self
            .contents
            .entry(arrival.content)
            .or_insert(Content { cost: cost(arrival.content_bytes), entries: 0 });
        if content.entries == 0 {
            self.bytes += content.cost;
        }
        content.entries += 1;
        let mut replaced = self.remove(&arrival.entry);
        self.bytes += ENTRY_COST;
        let tick = self.next_tick();
        let Arrival { entry, content, signature, ends, .. } = arrival;
        self.entries.insert(entry, Slot { content, signature, ends, generation: tick, used: tick });
        self.order.insert(tick, entry);
        // Its record has been replaced, so only its content may be left over.
        let left_over = replaced.take().and_then(|removed| removed.content);
        let mut removed = self.make_room(&entry);
        removed.extend(left_over.map(|content| Removed { entry: NO_ENTRY, content: Some(content) }));
        removed
    }

    fn make_room(&mut self, kept: &Name) -> Vec<Removed> {
        let mut removed = Vec::new();
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.order.values().find(|entry| *entry != kept).copied() else { break };
            removed.extend(self.remove(&oldest));
        }
        removed
    }

    /// Takes an entry out; none if it is not there.
    pub(crate) fn remove(&mut self, entry: &Name) -> Option<Removed> {
        let slot = self.entries.remove(entry)?;
        self.order.remove(&slot.used);
        self.bytes -= ENTRY_COST;
        let content = self.contents.get_mut(&slot.content).expect("an entry's content is counted");
        content.entries -= 1;
        if content.entries > 0 {
            return Some(Removed { entry: *entry, content: None });
        }
        self.bytes -= content.cost;
        self.contents.remove(&slot.content);
        Some(Removed { entry: *entry, content: Some(slot.content) })
    }

    /// Takes all entries out that share a content.
    pub(crate) fn remove_sharing(&mut self, content: &Name) -> Vec<Removed> {
        let sharing = self.entries.iter().filter(|(_, slot)| slot.content == *content);
        let sharing: Vec<Name> = sharing.map(|(entry, _)| *entry).collect();
        sharing.iter().filter_map(|entry| self.remove(entry)).collect()
    }

    pub(crate) fn usage(&self) -> CacheUsage {
        CacheUsage { entries: self.entries.len(), contents: self.contents.len(), bytes: self.bytes }
    }

    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

/// What content takes on a disk, by whole blocks.
fn cost(content_bytes: u64) -> u64 {
    content_bytes.div_ceil(BLOCK_BYTES).max(1).saturating_mul(BLOCK_BYTES)
}

/// The entry of a [`Removed`] that is about content alone. No file has this name: it would be a found preimage.
pub(crate) const NO_ENTRY: Name = [0; 32];

const BLOCK_BYTES: u64 = 4096;

/// What an entry takes beside its content: its record's block and its place in memory. Bounds the number of entries.
const ENTRY_COST: u64 = BLOCK_BYTES;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrival(entry: u8, content: u8) -> Arrival {
        let content_bytes = u64::from(content) * 4096;
        let ends = Duration::from_secs(1);
        Arrival { entry: [entry; 32], content: [content; 32], content_bytes, signature: [0; 32], ends }
    }

    #[test]
    fn the_least_recently_used_goes_first_and_shared_content_last() {
        let mut index = Index::new(6 * 4096);
        assert_eq!(index.insert(arrival(11, 1)), []);
        assert_eq!(index.insert(arrival(12, 1)), []);
        assert_eq!(index.insert(arrival(13, 2)), []);
        assert_eq!(index.usage().bytes, 6 * 4096);
        index.touch(&[11; 32]);
        let gone =
            |entry, content: Option<u8>| Removed { entry: [entry; 32], content: content.map(|c| [c; 32]) };
        assert_eq!(index.insert(arrival(14, 1)), [gone(12, None)]);
        assert_eq!(index.insert(arrival(15, 3)), [gone(13, Some(2)), gone(11, None)]);
    }

    proptest! {
        #[test]
        fn the_cap_holds_and_nothing_is_counted_twice(
            acts in proptest::collection::vec((0..3_u8, 1..9_u8, 1..5_u8), 1..80)
        ) {
            let mut index = Index::new(9 * 4096);
            for (act, entry, content) in acts {
                match act {
                    0 => { index.insert(arrival(entry, content)); }
                    1 => { index.touch(&[entry; 32]); }
                    _ => { index.remove(&[entry; 32]); }
                }
                let contents: u64 = index.contents.values().map(|content| content.cost).sum();
                prop_assert_eq!(index.bytes, contents + index.entries.len() as u64 * ENTRY_COST);
                prop_assert_eq!(index.order.len(), index.entries.len());
                prop_assert!(index.bytes <= index.bytes_max);
                let shares: usize = index.contents.values().map(|content| content.entries).sum();
                prop_assert_eq!(shares, index.entries.len());
            }
        }
    }
}
