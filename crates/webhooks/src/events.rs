use std::fmt;
use std::str::FromStr;

use casemate_model::Scope;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $scope:ident;)+) => {
        /// What a webhook can be told of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)+
        }

        impl EventKind {
            /// Every kind, in the order of declaration.
            pub const EVERY: &'static [Self] = &[$(Self::$variant,)+];

            /// The text form, which messages carry as their `type`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The scope that shows the same: nobody learns by a webhook what it could not read.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope,)+ }
            }
        }
    };
}

events! {
    /// An object was stored, or a copy of one.
    ObjectStored = "object.stored", ObjectsRead;
    /// An object or a version was deleted, by somebody or by a lifecycle rule.
    ObjectDeleted = "object.deleted", ObjectsRead;
    /// A name was claimed.
    NameClaimed = "name.claimed", NamesRead;
    /// A name was pointed at another digest.
    NameUpdated = "name.updated", NamesRead;
    /// A name was released.
    NameReleased = "name.released", NamesRead;
    /// A name was renewed.
    NameRenewed = "name.renewed", NamesRead;
    /// A name was offered to another project, or an offer came to nothing.
    NameOffered = "name.offered", NamesRead;
    /// A name was taken over by another project.
    NameTransferred = "name.transferred", NamesRead;
    /// A name has other keys, or is to have.
    NameKeys = "name.keys", NamesRead;
    /// A name may not be used for now, or may again.
    NameSuspended = "name.suspended", NamesRead;
    /// A name was taken away, which can be taken back for a while.
    NameRevoked = "name.revoked", NamesRead;
    /// A name ends soon, or has, and can still be renewed.
    NameEnding = "name.ending", NamesRead;
    /// A name ended: nobody renewed it, or it was revoked.
    NameEnded = "name.ended", NamesRead;
    /// A task was submitted.
    TaskSubmitted = "task.submitted", TasksRead;
    /// Somebody asked for a task to be cancelled.
    TaskCancelled = "task.cancel_requested", TasksRead;
    /// A task has ended.
    TaskEnded = "task.ended", TasksRead;
    /// An API key was made.
    KeyCreated = "key.created", KeysRead;
    /// An API key got another secret.
    KeyRotated = "key.rotated", KeysRead;
    /// An API key was revoked.
    KeyRevoked = "key.revoked", KeysRead;
    /// A webhook was paused, by somebody or because its receiver is gone.
    WebhookPaused = "webhook.paused", WebhooksRead;
    /// What is sent when somebody asks for a test; no webhook need want it.
    Test = "webhook.test", WebhooksRead;
}

/// The kinds of events that a webhook wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(u32);

/// Text that is no [`EventKinds`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventKindsError {
    /// One of them is no event.
    #[error("there is no event `{0}`: use one of {all}, one group of them such as object.*, or * for all", all = EventKinds::all())]
    Unknown(String),
    /// There are none.
    #[error("a webhook wants at least one kind of event")]
    None,
}

impl EventKind {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl EventKinds {
    /// Every kind.
    pub fn all() -> Self {
        Self(EventKind::EVERY.iter().fold(0, |bits, kind| bits | kind.bit()))
    }

    /// Reads names of events, of groups of them (`object.*`), and `*` for all there are today. What is added to the
    /// program later is not among them: nobody agreed to it.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, EventKindsError> {
        let mut bits = 0;
        for text in texts {
            let group = text.strip_suffix('*').filter(|group| group.is_empty() || group.ends_with('.'));
            let wanted = |kind: &&EventKind| match group {
                Some(group) => kind.as_str().starts_with(group),
                None => kind.as_str() == text,
            };
            let before = bits;
            let mut found = false;
            for kind in EventKind::EVERY.iter().filter(wanted) {
                (bits, found) = (bits | kind.bit(), true);
            }
            if !found {
                debug_assert_eq!(before, bits);
                return Err(EventKindsError::Unknown(text.chars().take(64).collect()));
            }
        }
        if bits == 0 { Err(EventKindsError::None) } else { Ok(Self(bits)) }
    }

    /// Whether `kind` is among them.
    pub fn want(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The kinds.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::EVERY.iter().copied().filter(move |kind| self.want(*kind))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = EventKindsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut every = EventKind::EVERY.iter().copied();
        every
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| EventKindsError::Unknown(text.chars().take(64).collect()))
    }
}

impl fmt::Display for EventKinds {
    /// Writes the names with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{kind}")?;
        }
        Ok(())
    }
}

impl FromStr for EventKinds {
    type Err = EventKindsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.split_ascii_whitespace())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_alone_in_groups_or_all() {
        let kinds: EventKinds = "task.ended name.* task.ended".parse().unwrap();
        let names =
            "name.claimed name.updated name.released name.renewed name.offered name.transferred name.keys";
        let more = "name.suspended name.revoked name.ending name.ended task.ended";
        assert_eq!(kinds.to_string(), format!("{names} {more}"));
        assert_eq!(kinds.to_string().parse(), Ok(kinds));
        assert!(kinds.want(EventKind::TaskEnded) && !kinds.want(EventKind::TaskSubmitted));
        assert_eq!("*".parse(), Ok(EventKinds::all()));
        assert_eq!("".parse::<EventKinds>(), Err(EventKindsError::None));
        for text in ["object", "object.", "obj*", "object.stored.*", "**", "Object.stored", "x.*"] {
            assert_eq!(text.parse::<EventKinds>(), Err(EventKindsError::Unknown(text.to_owned())), "{text}");
        }
    }
}
