use casemate_cache::{CacheConfig, CacheEvent, Place, Sign};

/// An event of the cache as a sentence.
pub(crate) fn event_words(event: &CacheEvent) -> String {
    match event {
        CacheEvent::Tampered { place, sign, .. } => {
            format!("the cache's `{place}` {}; it was not used", sign_words(*sign))
        }
        CacheEvent::Expired { place } => format!("the cache's `{place}` has expired and was removed"),
        CacheEvent::Foreign { place } => {
            format!("the cache's `{place}` is of another key or user and was left alone")
        }
        CacheEvent::Evicted { entries } => format!("{entries} entries of the cache made room for others"),
        CacheEvent::Swept { directories } => {
            format!("{directories} caches of processes that are gone were removed")
        }
        CacheEvent::KeptInUse => {
            "another process uses the kept cache, so this one has a cache of its own".to_owned()
        }
        CacheEvent::Rescanned => {
            "more happened to the cache at once than can be followed; all of it was checked".to_owned()
        }
        CacheEvent::Unwatched { reason } => format!("changes of the cache cannot be watched: {reason}"),
    }
}

fn sign_words(sign: Sign) -> &'static str {
    match sign {
        Sign::Missing => "is gone, and not by us",
        Sign::Altered => "was changed by somebody else",
        Sign::WrongKind => "is no file of ours alone any more",
        Sign::Malformed => "is no entry",
        Sign::Forged => "has a wrong signature",
        Sign::Broken => "fails its authentication",
        Sign::WrongHash => "does not hash to what it must",
        Sign::Intruder => "was put there by somebody else",
        Sign::OpenDirectory => "is open to others",
    }
}

/// Which cache a configuration means, for people.
pub(crate) fn place_words(config: &CacheConfig) -> String {
    let mib = |bytes: &u64| bytes / (1024 * 1024);
    match &config.place {
        Place::Nowhere => "none".to_owned(),
        Place::Memory { bytes_max } => format!("in memory, at most {} MiB", mib(bytes_max)),
        Place::Process { base, bytes_max } => {
            format!("for each process, below {}, at most {} MiB", base.display(), mib(bytes_max))
        }
        Place::Kept { base, bytes_max } => {
            format!("kept with its key, below {}, at most {} MiB", base.display(), mib(bytes_max))
        }
    }
}
