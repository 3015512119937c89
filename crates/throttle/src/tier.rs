use std::fmt;
use std::str::FromStr;

/// A family of requests that has a quota of its own. One client that exhausts one is still served in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Signing in. Counted by network whoever asks, as whoever signs in is nobody yet.
    Auth,
    /// Names.
    Names,
    /// Tasks.
    Tasks,
    /// Objects and buckets over the API.
    Objects,
    /// What nodes that have joined do for tasks.
    Work,
    /// Requests to functions.
    Functions,
    /// Everything over S3.
    S3,
    /// Everything else, and what is at no address.
    General,
}

/// Text that is no [`Tier`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier: use auth, names, tasks, objects, work, functions, s3 or general")]
pub struct TierError(String);

impl Tier {
    /// Every tier.
    pub const EVERY: [Self; 8] = [
        Self::Auth,
        Self::Names,
        Self::Tasks,
        Self::Objects,
        Self::Work,
        Self::Functions,
        Self::S3,
        Self::General,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Names => "names",
            Self::Tasks => "tasks",
            Self::Objects => "objects",
            Self::Work => "work",
            Self::Functions => "functions",
            Self::S3 => "s3",
            Self::General => "general",
        }
    }

    /// What the costliest request of the tier costs. No burst may be smaller, or that request would never be allowed.
    pub const fn burst_min(self) -> u32 {
        match self {
            Self::Auth | Self::Tasks => 5,
            Self::Names | Self::Objects | Self::Work | Self::Functions | Self::S3 | Self::General => 2,
        }
    }

    /// The place of the tier in lists by tier.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = TierError;

    fn from_str(text: &str) -> Result<Self, TierError> {
        let found = Self::EVERY.into_iter().find(|tier| tier.as_str() == text);
        found.ok_or_else(|| TierError(text.chars().take(64).collect()))
    }
}
