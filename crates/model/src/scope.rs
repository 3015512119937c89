use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Pattern, PatternError};

/// A kind of thing that can be done, as `resource:verb`. Roles and credentials are sets of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reading the audit log and its proofs.
    AuditRead,
    /// Sending requests to functions that are not public.
    FunctionsCall,
    /// Listing functions, and reading their logs.
    FunctionsRead,
    /// Reading and changing the values that functions keep.
    FunctionsValues,
    /// Deploying, routing and removing functions.
    FunctionsWrite,
    /// Listing API keys.
    KeysRead,
    /// Making, changing and revoking API keys.
    KeysWrite,
    /// Reading metrics of the node.
    MetricsRead,
    /// Resolving names and reading their history.
    NamesRead,
    /// Claiming, updating and releasing names.
    NamesWrite,
    /// Reading figures of the node: the overview, events, its limits.
    NodeRead,
    /// Running the node: exceptions from its limits.
    NodeWrite,
    /// Listing nodes.
    NodesRead,
    /// Letting nodes join, draining and removing them.
    NodesWrite,
    /// Listing and downloading objects.
    ObjectsRead,
    /// Making links that open an object to whoever holds them.
    ObjectsShare,
    /// Uploading and deleting objects.
    ObjectsWrite,
    /// Reading tasks, their output and their receipts.
    TasksRead,
    /// Taking tasks and handing in what came of them, as nodes that have joined do.
    TasksWork,
    /// Submitting and cancelling tasks.
    TasksWrite,
    /// Listing users, their roles and sessions.
    UsersRead,
    /// Inviting, changing and blocking users, and making roles.
    UsersWrite,
    /// Listing webhooks and their deliveries.
    WebhooksRead,
    /// Making, changing and removing webhooks, and having them send.
    WebhooksWrite,
}

/// Text that is no [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope: use one of {all}, or one of them with a pattern, such as objects:read:releases/*", all = Scopes::ALL)]
pub struct ScopeError(String);

/// Leave to do something, on everything or on what a pattern names: `objects:write` or `objects:write:releases/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// What may be done.
    pub scope: Scope,
    /// To what.
    pub pattern: Pattern,
}

/// A set of grants. Two sets that were written differently and allow the same are equal, as what others cover is left
/// out. A copy is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes {
    /// One bit for each scope that is granted on everything.
    whole: u32,
    /// Other grants, sorted; none if there are none.
    partial: Option<Arc<[Grant]>>,
}

/// Text that is no [`Grant`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It names no scope.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// What follows the scope is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// Text that is no [`Scopes`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// One of them is no grant.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// There are too many with patterns.
    #[error("at most {PARTIAL_MAX} scopes may have patterns")]
    TooMany,
}

/// Most grants with patterns in one set. Each is looked at on every request.
const PARTIAL_MAX: usize = 64;

impl Scope {
    /// Every scope, in the order of their text.
    pub const EVERY: [Self; 24] = [
        Self::AuditRead,
        Self::FunctionsCall,
        Self::FunctionsRead,
        Self::FunctionsValues,
        Self::FunctionsWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::MetricsRead,
        Self::NamesRead,
        Self::NamesWrite,
        Self::NodeRead,
        Self::NodeWrite,
        Self::NodesRead,
        Self::NodesWrite,
        Self::ObjectsRead,
        Self::ObjectsShare,
        Self::ObjectsWrite,
        Self::TasksRead,
        Self::TasksWork,
        Self::TasksWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::WebhooksRead,
        Self::WebhooksWrite,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuditRead => "audit:read",
            Self::FunctionsCall => "functions:call",
            Self::FunctionsRead => "functions:read",
            Self::FunctionsValues => "functions:values",
            Self::FunctionsWrite => "functions:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::MetricsRead => "metrics:read",
            Self::NamesRead => "names:read",
            Self::NamesWrite => "names:write",
            Self::NodeRead => "node:read",
            Self::NodeWrite => "node:write",
            Self::NodesRead => "nodes:read",
            Self::NodesWrite => "nodes:write",
            Self::ObjectsRead => "objects:read",
            Self::ObjectsShare => "objects:share",
            Self::ObjectsWrite => "objects:write",
            Self::TasksRead => "tasks:read",
            Self::TasksWork => "tasks:work",
            Self::TasksWrite => "tasks:write",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Grant {
    /// Tells whether the grant allows all that `other` does.
    fn covers(&self, other: &Self) -> bool {
        self.scope == other.scope && self.pattern.covers(&other.pattern)
    }
}

impl Scopes {
    /// No scope at all.
    pub const NONE: Self = Self::of(&[]);

    /// Every scope on everything.
    pub const ALL: Self = Self::of(&Scope::EVERY);

    /// These scopes on everything.
    pub const fn of(scopes: &[Scope]) -> Self {
        let (mut whole, mut index) = (0, 0);
        while index < scopes.len() {
            whole |= scopes[index].bit();
            index += 1;
        }
        Self { whole, partial: None }
    }

    /// These grants.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Result<Self, ScopesError> {
        let (mut whole, mut partial) = (0, Vec::<Grant>::new());
        for grant in grants {
            if grant.pattern.is_all() {
                whole |= grant.scope.bit();
            } else if partial.len() < PARTIAL_MAX {
                partial.push(grant);
            } else {
                return Err(ScopesError::TooMany);
            }
        }
        Ok(Self::normal(whole, partial))
    }

    /// Leaves out what others cover, and sorts the rest.
    fn normal(whole: u32, mut partial: Vec<Grant>) -> Self {
        partial.sort_unstable();
        partial.dedup();
        let all = partial.clone();
        partial.retain(|grant| {
            let covered = all.iter().any(|other| other != grant && other.covers(grant));
            whole & grant.scope.bit() == 0 && !covered
        });
        Self { whole, partial: (!partial.is_empty()).then(|| partial.into()) }
    }

    /// Tells whether `scope` is granted on all that `pattern` means.
    pub fn cover(&self, scope: Scope, pattern: &Pattern) -> bool {
        let granted = |grant: &Grant| grant.scope == scope && grant.pattern.covers(pattern);
        self.whole & scope.bit() != 0 || self.partial().iter().any(granted)
    }

    /// Tells whether the set allows all that `other` does.
    pub fn cover_all(&self, other: &Self) -> bool {
        other.iter().all(|grant| self.cover(grant.scope, &grant.pattern))
    }

    /// What both sets allow.
    pub fn intersection(&self, other: &Self) -> Self {
        if self.partial.is_none() && other.partial.is_none() {
            return Self { whole: self.whole & other.whole, partial: None };
        }
        // Of two patterns that have something in common, one covers the other; what they share is that one.
        let within = |one: &Self, two: &Self| {
            let shared = |grant: &&Grant| two.cover(grant.scope, &grant.pattern);
            one.partial().iter().filter(shared).cloned().collect::<Vec<_>>()
        };
        let partial = within(self, other).into_iter().chain(within(other, self)).collect();
        Self::normal(self.whole & other.whole, partial)
    }

    /// Tells whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.whole == 0 && self.partial.is_none()
    }

    /// The grants of the set: those on everything first, in the order of their text.
    pub fn iter(&self) -> impl Iterator<Item = Grant> + '_ {
        let whole = Scope::EVERY.into_iter().filter(|scope| self.whole & scope.bit() != 0);
        whole.map(Grant::from).chain(self.partial().iter().cloned())
    }

    fn partial(&self) -> &[Grant] {
        self.partial.as_deref().unwrap_or_default()
    }
}

/// A scope on everything.
impl From<Scope> for Grant {
    fn from(scope: Scope) -> Self {
        Self { scope, pattern: Pattern::all() }
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
        let found = Self::EVERY.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| ScopeError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scope.as_str())?;
        if self.pattern.is_all() { Ok(()) } else { write!(f, ":{}", self.pattern) }
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_scope = |scope: &Scope| {
            let rest = text.strip_prefix(scope.as_str());
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        match Scope::EVERY.into_iter().find(is_scope) {
            Some(scope) => Ok(Self { scope, pattern: text[scope.as_str().len() + 1..].parse()? }),
            None => Ok(text.parse::<Scope>()?.into()),
        }
    }
}

impl fmt::Display for Scopes {
    /// Writes the grants with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, grant) in self.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{grant}")?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = ScopesError;

    /// Reads grants separated by spaces; an empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let grants: Result<Vec<Grant>, _> = text.split_ascii_whitespace().map(str::parse).collect();
        Self::new(grants?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        text.parse().expect("scopes")
    }

    #[test]
    fn text_round_trips_and_is_sorted() {
        assert_eq!(Scopes::ALL.to_string().parse(), Ok(Scopes::ALL));
        let texts: Vec<_> = Scope::EVERY.iter().map(|scope| scope.as_str()).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        let written =
            "objects:write:b/* tasks:read objects:write:a objects:write:a objects:read:x objects:read";
        assert_eq!(scopes(written).to_string(), "objects:read tasks:read objects:write:a objects:write:b/*");
        assert_eq!(scopes("names:read:*"), scopes("names:read"), "all of them is all of it");
    }

    #[test]
    fn nonsense_is_refused_with_what_would_do() {
        for (text, said) in [
            ("tasks:fly", "`tasks:fly` is not a scope"),
            ("tasks", "`tasks` is not a scope"),
            ("objects:write:a*b", "`a*b` is not a pattern"),
            ("objects:write:", "`` is not a pattern"),
            ("objects:writer", "`objects:writer` is not a scope"),
        ] {
            let error = text.parse::<Scopes>().expect_err(text).to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let many: String = (0..=PARTIAL_MAX).map(|number| format!("objects:read:{number}/* ")).collect();
        assert_eq!(many.parse::<Scopes>(), Err(ScopesError::TooMany));
    }

    #[test]
    fn a_pattern_narrows_a_scope() {
        let set = scopes("objects:write:releases/* names:read");
        assert!(set.cover(Scope::ObjectsWrite, &Pattern::one("releases/a")));
        assert!(set.cover(Scope::ObjectsWrite, &Pattern::under("releases/v1")));
        assert!(!set.cover(Scope::ObjectsWrite, &Pattern::one("other/a")));
        assert!(!set.cover(Scope::ObjectsWrite, &Pattern::all()));
        assert!(!set.cover(Scope::ObjectsRead, &Pattern::one("releases/a")));
        assert!(set.cover(Scope::NamesRead, &Pattern::all()));
        assert!(Scopes::ALL.cover_all(&set) && !set.cover_all(&Scopes::ALL) && set.cover_all(&Scopes::NONE));
        assert!(Scopes::NONE.is_empty() && !set.is_empty());
    }

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        let grant = ("(objects:read|objects:write)", "(|:[ab]{1,2}|:[ab]{0,2}\\*)");
        let grant = grant.prop_map(|(scope, pattern)| format!("{scope}{pattern}"));
        proptest::collection::vec(grant, 0..5).prop_map(|grants| scopes(&grants.join(" ")))
    }

    proptest! {
        #[test]
        fn an_intersection_allows_what_both_do(
            one in any_scopes(),
            two in any_scopes(),
            text in "[ab]{0,3}",
            under: bool,
        ) {
            let pattern = if under { Pattern::under(&text) } else { Pattern::one(&text) };
            let both = one.intersection(&two);
            for scope in [Scope::ObjectsRead, Scope::ObjectsWrite] {
                let expected = one.cover(scope, &pattern) && two.cover(scope, &pattern);
                prop_assert_eq!(both.cover(scope, &pattern), expected, "{} and {} of {}", one, two, pattern);
            }
            prop_assert!(one.cover_all(&both) && two.cover_all(&both));
            prop_assert_eq!(both.to_string().parse::<Scopes>(), Ok(both));
        }
    }
}
