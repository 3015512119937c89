use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use casemate_model::{KeyId, Networks, Principal, PrincipalKind, Scopes, SessionId, StoreError, Timestamp};

use super::IdentityError;
use crate::{KeyRecord, SecretMac, SessionRecord};

/// How long a credential is believed without asking the store. A revocation on another node is to be noticed here within a
/// second, the time of the question included; a revocation on this node is noticed at once.
pub(super) const LIFETIME: Duration = Duration::from_millis(800);

/// Most credentials believed at once; beyond it the cache starts anew.
pub(super) const ENTRIES_MAX: usize = 10_000;

/// What is believed without asking the store.
#[derive(Default)]
pub(super) struct Cache(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// `None` for what nobody has: who tries ids finds out nothing by how long the answer takes, and asks the store once.
    by_place: HashMap<Place, (Timestamp, Option<Cached>)>,
    /// Grows whenever something is forgotten. What was read before is not remembered after, as it may be what was
    /// revoked in between.
    generation: u64,
}

/// Where something is believed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Key(KeyId),
    Session(SessionId),
}

/// What a request needs of a record, and until when it holds.
#[derive(Clone)]
pub(super) struct Cached {
    pub(super) principal: Principal,
    pub(super) secret: SecretMac,
    pub(super) former: Option<(SecretMac, Timestamp)>,
    pub(super) networks: Networks,
    expires: Option<Timestamp>,
}

impl Cache {
    /// What is believed, or the generation to remember under what the store is now asked for.
    pub(super) fn get(&self, place: Place, now: Timestamp) -> Result<Option<Cached>, u64> {
        let entries = self.entries();
        let entry = entries.by_place.get(&place).filter(|(until, _)| now < *until);
        entry.map(|(_, cached)| cached.clone()).ok_or(entries.generation)
    }

    /// Believes what was read, and returns it.
    pub(super) fn remember(
        &self,
        place: Place,
        (read, generation): (Result<Cached, IdentityError>, u64),
        now: Timestamp,
    ) -> Result<Option<Cached>, StoreError> {
        let found = match read {
            Ok(cached) => Some(cached),
            Err(IdentityError::Rejected(_)) => None,
            Err(IdentityError::Store(error)) => return Err(error),
        };
        let mut entries = self.entries();
        if entries.generation == generation {
            entries.make_room(now);
            entries.by_place.insert(place, (now.saturating_add(LIFETIME), found.clone()));
        }
        Ok(found)
    }

    /// Forgets all but what `keep` says.
    pub(super) fn forget(&self, keep: impl Fn(Place) -> bool) {
        let mut entries = self.entries();
        entries.generation += 1;
        entries.by_place.retain(|place, _| keep(*place));
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

impl Entries {
    fn make_room(&mut self, now: Timestamp) {
        if self.by_place.len() >= ENTRIES_MAX {
            // What strangers make up goes first.
            self.by_place.retain(|_, (until, cached)| cached.is_some() && now < *until);
        }
        if self.by_place.len() >= ENTRIES_MAX {
            self.by_place.clear();
        }
    }
}

impl Cached {
    /// What requests need of a key that may do `scopes`.
    pub(super) fn of_key(key: KeyRecord, scopes: Scopes) -> Self {
        let (kind, limit) = (PrincipalKind::Key(key.id), key.key_limit());
        let KeyRecord { project, role, secret, former, networks, expires, .. } = key;
        let principal = Principal { kind, project, role, session: None, scopes, limit };
        Self { principal, secret, former, networks, expires }
    }

    /// What requests need of a session that may do `scopes`, and of the key that opened it.
    pub(super) fn of_session(session: SessionRecord, scopes: Scopes, key: Option<Self>) -> Self {
        let kind = session.user.map_or(PrincipalKind::Session(session.id), PrincipalKind::User);
        let in_use = Some(session.id);
        let SessionRecord { project, role, .. } = session;
        let (networks, limit) = key.map(|key| (key.networks, key.principal.limit)).unwrap_or_default();
        let principal = Principal { kind, project, role, session: in_use, scopes, limit };
        let (secret, expires) = (session.secret, Some(session.expires));
        Self { principal, secret, former: None, networks, expires }
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
