use std::fmt;
use std::str::FromStr;

/// What a credential may be used for, as `resource:verb`. A scope never adds to a role; it narrows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reading the audit log and its proofs.
    AuditRead,
    /// Listing API keys.
    KeysRead,
    /// Making and revoking API keys.
    KeysWrite,
    /// Resolving names and reading their history.
    NamesRead,
    /// Claiming, updating and releasing names.
    NamesWrite,
    /// Reading figures of the node: metrics, events, details of its health.
    NodeRead,
    /// Listing and downloading objects.
    ObjectsRead,
    /// Uploading and deleting objects.
    ObjectsWrite,
    /// Reading tasks, their output and their receipts.
    TasksRead,
    /// Submitting and cancelling tasks.
    TasksWrite,
}

/// Text that is no [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope: use one of {all}", all = ScopeSet::ALL)]
pub struct ScopeError(String);

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(u32);

impl Scope {
    /// Every scope, in the order of their text.
    pub const ALL: [Self; 10] = [
        Self::AuditRead,
        Self::KeysRead,
        Self::KeysWrite,
        Self::NamesRead,
        Self::NamesWrite,
        Self::NodeRead,
        Self::ObjectsRead,
        Self::ObjectsWrite,
        Self::TasksRead,
        Self::TasksWrite,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuditRead => "audit:read",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::NamesRead => "names:read",
            Self::NamesWrite => "names:write",
            Self::NodeRead => "node:read",
            Self::ObjectsRead => "objects:read",
            Self::ObjectsWrite => "objects:write",
            Self::TasksRead => "tasks:read",
            Self::TasksWrite => "tasks:write",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl ScopeSet {
    /// No scope at all.
    pub const NONE: Self = Self(0);
    /// Every scope there is.
    pub const ALL: Self = {
        let mut bits = 0;
        let mut index = 0;
        while index < Scope::ALL.len() {
            bits |= Scope::ALL[index].bit();
            index += 1;
        }
        Self(bits)
    };

    /// Tells whether `scope` is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Tells whether every scope of `other` is in the set.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set, in the order of their text.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| ScopeError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for ScopeSet {
    /// Writes the scopes with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    /// Reads scopes separated by spaces; an empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_is_sorted() {
        assert_eq!(ScopeSet::ALL.to_string().parse(), Ok(ScopeSet::ALL));
        let texts: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: ScopeSet = [Scope::TasksRead, Scope::NamesRead].into_iter().collect();
        assert!(set.contains(Scope::TasksRead) && !set.contains(Scope::TasksWrite));
        assert!(ScopeSet::ALL.covers(set) && !set.covers(ScopeSet::ALL) && set.covers(ScopeSet::NONE));
        assert_eq!(set.to_string(), "names:read tasks:read");
        assert_eq!("tasks:fly".parse::<ScopeSet>(), Err(ScopeError("tasks:fly".to_owned())));
    }
}
