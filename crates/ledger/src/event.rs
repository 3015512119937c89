use std::borrow::Cow;
use std::collections::BTreeSet;

use casemate_model::{PrincipalKind, Project, RequestId, Timestamp};

use crate::text::escape;

/// What happened, before it has a place in the log. Values must never be secrets: say digests and ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// The request that caused it, and everything else of that request.
    pub request: RequestId,
    /// Who.
    pub actor: PrincipalKind,
    /// In which project.
    pub project: Project,
    /// The operation, as the permission table names it: `objects.put`.
    pub action: Cow<'static, str>,
    /// What it was about: `object:builds/app.wasm`.
    pub resource: String,
    /// Whether it was allowed.
    pub decision: Decision,
    /// What came of it, in a word or a sentence.
    pub outcome: String,
    /// More about it, each key once.
    pub details: Vec<(String, String)>,
}

/// Whether an actor was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The policy let it through.
    Allowed,
    /// It was refused, and nothing happened.
    Denied,
}

impl Event {
    /// Most bytes of an action.
    pub const ACTION_BYTES_MAX: usize = 64;
    /// Most bytes of a resource: the longest object key with every character escaped still fits.
    pub const RESOURCE_BYTES_MAX: usize = 4096;
    /// Most bytes of an outcome.
    pub const OUTCOME_BYTES_MAX: usize = 1024;
    /// The detail that says which projects an event concerns beside its own, with spaces between them.
    const CONCERNED: &'static str = "concerns";
    /// Most details.
    pub const DETAILS_MAX: usize = 32;
    /// Most bytes of a detail's key.
    pub const KEY_BYTES_MAX: usize = 64;
    /// Most bytes of a detail's value.
    pub const VALUE_BYTES_MAX: usize = 1024;

    /// The value of the detail `key`.
    pub fn detail(&self, key: &str) -> Option<&str> {
        self.details.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Says that the event concerns these projects, too: they are told of it.
    pub fn concerning<'a>(mut self, projects: impl IntoIterator<Item = &'a Project>) -> Self {
        let others: BTreeSet<&str> =
            projects.into_iter().filter(|project| **project != self.project).map(Project::as_str).collect();
        if !others.is_empty() {
            let others = others.into_iter().collect::<Vec<_>>().join(" ");
            self.details.push((Self::CONCERNED.to_owned(), others));
        }
        self
    }

    /// The projects that it concerns beside its own.
    pub fn concerned(&self) -> Vec<Project> {
        let others = self.detail(Self::CONCERNED).unwrap_or_default();
        others.split(' ').filter_map(|project| project.parse().ok()).collect()
    }

    /// The event as it can stand in the log: texts escaped and cut to their caps with a mark, details sorted.
    ///
    /// Texts of a request end up here, and an odd one must not keep the event out of the log.
    pub(crate) fn normalised(mut self) -> Self {
        self.action = escape(&self.action, Self::ACTION_BYTES_MAX).into();
        self.resource = escape(&self.resource, Self::RESOURCE_BYTES_MAX);
        self.outcome = escape(&self.outcome, Self::OUTCOME_BYTES_MAX);
        for (key, value) in &mut self.details {
            *key = escape(key, Self::KEY_BYTES_MAX);
            *value = escape(value, Self::VALUE_BYTES_MAX);
        }
        self.details.sort();
        self
    }
}

impl Decision {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
