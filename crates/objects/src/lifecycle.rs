//! What the owner of a bucket wants to happen to its objects by time. Pure: what is due follows from a rule, the versions of
//! a key in their order, and the time.

use std::time::Duration;

use casemate_model::{ObjectKey, Timestamp};

use crate::VersionRecord;

/// A rule of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// What its owner calls it; unique in the bucket.
    pub id: String,
    /// What keys must start with; empty for all.
    pub prefix: String,
    /// Whether it is carried out.
    pub enabled: bool,
    /// Days after which an object expires: it is deleted, or marked as deleted where versions are kept.
    pub expire_days: Option<u32>,
    /// Which older versions are removed.
    pub older_versions: Option<OlderVersions>,
    /// Whether a mark of deletion goes when no version is left behind it.
    pub lone_marks: bool,
    /// Days after which an upload in parts is given up.
    pub abort_uploads_days: Option<u32>,
}

/// Which older versions are removed: those that were replaced `days` ago, except the newest `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OlderVersions {
    /// Days since a version was replaced; 0 for at once.
    pub days: u32,
    /// Older versions of each object that stay in any case.
    pub keep: u32,
}

/// Why rules cannot be set. The index says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifecycleError {
    /// There are too many.
    #[error("a bucket has at most {max} lifecycle rules")]
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// An id is empty or too long.
    #[error("the id of a lifecycle rule has 1 to 255 bytes without control characters")]
    Id {
        /// The rule.
        index: usize,
    },
    /// Two rules have one id.
    #[error("two lifecycle rules have the same id")]
    IdTwice {
        /// The second of them.
        index: usize,
    },
    /// A prefix is too long.
    #[error("the prefix of a lifecycle rule has at most 1024 bytes")]
    Prefix {
        /// The rule.
        index: usize,
    },
    /// A number of days is out of range.
    #[error("days are counted from 1 to {max}")]
    Days {
        /// The rule.
        index: usize,
        /// The most there may be.
        max: u32,
    },
    /// A rule does nothing.
    #[error(
        "a lifecycle rule says what is to happen: expire, remove older versions or marks, give up uploads"
    )]
    Nothing {
        /// The rule.
        index: usize,
    },
}

impl LifecycleRule {
    /// Most rules of a bucket.
    pub const RULES_MAX: usize = 100;

    /// Most days of a rule: a hundred years.
    pub const DAYS_MAX: u32 = 36_500;

    /// Checks the rules of a bucket together.
    pub fn check_all(rules: &[Self]) -> Result<(), LifecycleError> {
        if rules.len() > Self::RULES_MAX {
            return Err(LifecycleError::TooMany { max: Self::RULES_MAX });
        }
        for (index, rule) in rules.iter().enumerate() {
            rule.check(index)?;
            if rules[..index].iter().any(|other| other.id == rule.id) {
                return Err(LifecycleError::IdTwice { index });
            }
        }
        Ok(())
    }

    fn check(&self, index: usize) -> Result<(), LifecycleError> {
        if !(1..=255).contains(&self.id.len()) || self.id.chars().any(char::is_control) {
            return Err(LifecycleError::Id { index });
        }
        if self.prefix.len() > ObjectKey::BYTES_MAX {
            return Err(LifecycleError::Prefix { index });
        }
        let days = [self.expire_days, self.abort_uploads_days].into_iter().flatten();
        let older = self.older_versions.map_or(1, |older| older.days.max(1));
        if days.chain([older]).any(|days| !(1..=Self::DAYS_MAX).contains(&days)) {
            return Err(LifecycleError::Days { index, max: Self::DAYS_MAX });
        }
        let nothing = self.expire_days.is_none() && self.abort_uploads_days.is_none();
        if nothing && self.older_versions.is_none() && !self.lone_marks {
            return Err(LifecycleError::Nothing { index });
        }
        Ok(())
    }

    /// Whether it is about objects or versions, and not only about uploads.
    pub(crate) fn looks_at_versions(&self) -> bool {
        self.expire_days.is_some() || self.older_versions.is_some() || self.lone_marks
    }
}

/// What a rule does to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Its object is deleted, or marked as deleted.
    Expire,
    /// It is removed for good.
    Remove,
}

/// Applies one rule to the versions of a bucket as they come: by key, the newest first.
pub(crate) struct Judge<'r> {
    rule: &'r LifecycleRule,
    now: Timestamp,
    /// The version before, and how many older ones of its key came so far.
    before: Option<(VersionRecord, u32)>,
    /// Whether `before` is a mark of deletion that is the newest of its key, and nothing of the key came after it.
    lone: bool,
}

impl<'r> Judge<'r> {
    pub(crate) fn new(rule: &'r LifecycleRule, now: Timestamp) -> Self {
        Self { rule, now, before: None, lone: false }
    }

    /// Looks at the next version; answers what is due, of it or of the one before.
    pub(crate) fn see(&mut self, version: &VersionRecord) -> Vec<(VersionRecord, Due)> {
        let same_key = self.before.as_ref().is_some_and(|(before, _)| before.place.key == version.place.key);
        let mut due = if same_key { Vec::new() } else { self.finish() };
        let replaced = self.before.as_ref().filter(|_| same_key).map(|(before, _)| before.stored);
        let older = if same_key { self.before.as_ref().map_or(0, |(_, older)| *older) } else { 0 };
        let goes = match replaced {
            None if version.object.is_some() => {
                let expires = self.rule.expire_days.is_some_and(|days| self.is_past(version.stored, days));
                expires.then_some(Due::Expire)
            }
            None => None,
            Some(replaced) => {
                let older_versions = self.rule.older_versions;
                let goes = older_versions.is_some_and(|OlderVersions { days, keep }| {
                    older >= keep && self.is_past(replaced, days)
                });
                goes.then_some(Due::Remove)
            }
        };
        due.extend(goes.map(|due| (version.clone(), due)));
        self.lone = !same_key && version.object.is_none();
        self.before = Some((version.clone(), if same_key { older + 1 } else { 0 }));
        due
    }

    /// What is due at the end of the key that was looked at last.
    pub(crate) fn finish(&mut self) -> Vec<(VersionRecord, Due)> {
        let lone = std::mem::take(&mut self.lone) && self.rule.lone_marks;
        let mark = self.before.take().filter(|_| lone);
        mark.into_iter().map(|(mark, _)| (mark, Due::Remove)).collect()
    }

    fn is_past(&self, since: Timestamp, days: u32) -> bool {
        since.saturating_add(days_long(days)) <= self.now
    }
}

/// How long a number of days is.
pub(crate) fn days_long(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}

#[cfg(test)]
mod tests;
