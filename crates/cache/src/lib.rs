//! The zero-trust cache: content that was fetched from places nobody need trust, kept where others may reach it.
//!
//! What comes out is sealed memory whose bytes were hashed after they were sealed, or nothing. Whatever is damaged,
//! forged, expired, swapped or of somebody else is nothing, is evicted, and is reported to a [`Watcher`].
//!
//! ```text
//! EntryKey ──HMAC──> name of the record ──verify──> name of the content ──decrypt──> seal ──hash──> SealedBytes
//! ```
//!
//! A cache is put together by [`open`] from a [`CacheConfig`], and by nothing else. `docs/cache.md` says what is
//! guaranteed and what is not defended, `docs/formats/cache-entry.md` what lies on the disk.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod cache;
mod config;
mod error;
mod event;
mod home;
mod index;
mod key;
mod migrate;
mod monitor;
mod record;
mod secret;
mod settings;
mod store;
mod surroundings;
mod survey;
mod vault;

pub use cache::{Cache, CacheUsage, Put};
pub use config::{CacheConfig, Place, open};
pub use error::{CacheError, SettingsError};
pub use event::{CacheEvent, Severity, Sign, Step, Unheard, Watcher};
pub use key::{EntryKey, EntryKeyError};
pub use migrate::{Consent, Migration, OldCache, OldPlaces, Outcome, migrate};
pub use secret::CacheSecret;
pub use settings::{SettingNames, SettingSources, setting_names};
pub use surroundings::{CacheClock, Surroundings};
pub use survey::{CacheDirectory, Cleared, clear, survey};
