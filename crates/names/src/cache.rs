//! What names mean, kept at hand: for those who ask often and can do with what was so a moment ago.
//!
//! An entry goes when its name gets another version here, before whoever changed it hears of that: what is being read at that
//! moment is thrown away, too. What other nodes change is heard of by [`Names::hear`](crate::Names::hear), and is seen at the latest when an entry is too old, so
//! that the age of an answer has a bound.

use std::sync::Arc;
use std::time::Duration;

use casemate_model::{Name, StoreError, Timestamp};
use quick_cache::sync::Cache;

use crate::{HeldName, Registry, Status, rules};

/// How old an answer from the cache can be.
pub const AGE_MAX: Duration = Duration::from_secs(5);

/// Names that are kept, those that nobody holds among them.
const NAMES_MAX: usize = 65_536;

/// What there is at a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameAt {
    /// The name, if somebody holds it.
    pub held: Option<HeldName>,
    /// Whether there are names below it that somebody holds.
    pub has_below: bool,
}

/// What a name means, how that is known, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The name, if somebody holds it, and whether it may be used.
    pub resolved: Option<(HeldName, Status)>,
    /// Whether there are names below it.
    pub has_below: bool,
    /// How long ago it was so for certain.
    pub age: Duration,
}

#[derive(Clone)]
struct Entry {
    at: Arc<NameAt>,
    read: Timestamp,
}

pub(crate) struct ResolveCache {
    entries: Cache<Name, Entry>,
}

impl ResolveCache {
    pub(crate) fn new() -> Self {
        Self { entries: Cache::new(NAMES_MAX) }
    }

    /// What a name means. Of many who ask at once for what is not at hand, one reads.
    pub(crate) async fn resolve(
        &self,
        registry: &dyn Registry,
        name: &Name,
        (now, age_max): (Timestamp, Duration),
    ) -> Result<Known, StoreError> {
        let own = self.entry(registry, name, (now, age_max)).await?;
        let mut oldest = own.read;
        let Some(held) = &own.at.held else {
            let age = now.saturating_since(oldest);
            return Ok(Known { resolved: None, has_below: own.at.has_below, age });
        };
        let mut above = Vec::new();
        for ancestor in name.ancestors() {
            let entry = self.entry(registry, &ancestor, (now, age_max)).await?;
            oldest = oldest.min(entry.read);
            above.extend(entry.at.held.clone());
        }
        let status = rules::status(held, &above, now);
        let age = now.saturating_since(oldest);
        Ok(Known { resolved: Some((held.clone(), status)), has_below: own.at.has_below, age })
    }

    async fn entry(
        &self,
        registry: &dyn Registry,
        name: &Name,
        (now, age_max): (Timestamp, Duration),
    ) -> Result<Entry, StoreError> {
        if let Some(entry) = self.entries.get(name) {
            if now.saturating_since(entry.read) < age_max {
                return Ok(entry);
            }
            self.entries.remove_if(name, |other| other.read == entry.read);
        }
        match self.entries.get_value_or_guard_async(name).await {
            Ok(entry) => Ok(entry),
            Err(guard) => {
                let entry = Entry { at: Arc::new(registry.at(name).await?), read: now };
                // Refused if the name was forgotten meanwhile: this answer began before that, and nobody else gets it.
                drop(guard.insert(entry.clone()));
                Ok(entry)
            }
        }
    }

    /// Forgets a name, and that there was nothing below those above it.
    pub(crate) fn forget(&self, name: &Name) {
        self.entries.remove(name);
        for ancestor in name.ancestors() {
            self.entries.remove(&ancestor);
        }
    }
}
