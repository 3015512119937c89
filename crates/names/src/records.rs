use std::fmt;
use std::time::Duration;

use casemate_ledger::{NameChange, NameRecord, Standing};
use casemate_model::{Digest, DnsRecords, Name, Project, Tags, Timestamp};

use crate::Class;

/// A name that is held, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldName {
    /// Its newest version.
    pub record: NameRecord,
    /// When its present holder got it.
    pub claimed: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Until when it cannot be offered.
    pub locked_until: Timestamp,
    /// How much was said about its end.
    pub noticed: Notice,
    /// When time has the next thing to do with it.
    pub due: Timestamp,
}

/// How much was said about a name's end. Each says more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// Nothing.
    None,
    /// That it ends in 90 days.
    Quarter,
    /// That it ends in 30 days.
    Month,
    /// That it ends in 7 days.
    Week,
    /// That it ends tomorrow.
    Day,
    /// That it has ended, and only its holder gets it for a while.
    Ended,
}

/// Whether a name may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// It was not renewed, and only its holder gets it, until then.
    Grace {
        /// When it lapses.
        until: Timestamp,
    },
    /// It may not, for now.
    Suspended,
    /// One above it may not be used.
    SuspendedAbove {
        /// That one.
        by: Name,
    },
    /// It was taken away, which can be taken back until then.
    Revoked {
        /// When it is gone.
        until: Timestamp,
    },
    /// It was released, or taken, or nobody renewed it: it is nobody's.
    Ended,
}

/// A name and what can be done with it at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The name.
    pub held: HeldName,
    /// Whether it may be used.
    pub status: Status,
}

/// One entry of a name's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameVersion {
    /// The name.
    pub name: Name,
    /// The project that owned it.
    pub project: Project,
    /// Which life of the name it belongs to.
    pub epoch: u64,
    /// The version's place in the history.
    pub sequence: u64,
    /// What happened.
    pub change: NameChange,
    /// What the name meant from then on; `None` after its end.
    pub digest: Option<Digest>,
    /// Who did it, as the audit log spells it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// The digest of its record; `None` of versions from before there were records.
    pub record: Option<Digest>,
    /// What it said beside; `None` of versions from before there were records.
    pub said: Option<Said>,
}

/// What a version of a name said beside its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// In DNS.
    pub dns: DnsRecords,
    /// To its holder.
    pub tags: Tags,
}

/// What time has to do with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something is to be said.
    Say,
    /// It ends, since nobody renewed it.
    Lapse,
    /// It ends, since it was revoked, or was suspended until its end.
    Remove,
    /// Nothing but to look again later.
    Wait,
}

impl HeldName {
    /// Whether it may be used, as far as it itself goes.
    pub(crate) fn own_status(&self, now: Timestamp) -> Status {
        if self.record.change.is_end() {
            return Status::Ended;
        }
        match self.record.standing {
            Standing::Suspended => Status::Suspended,
            Standing::Revoked => Status::Revoked { until: self.gone_from() },
            Standing::Good if now >= self.record.expires => Status::Grace { until: self.lapses() },
            Standing::Good => Status::Active,
        }
    }

    /// When what is open with it is decided: its offer is over, or another key can come in the place of its owner's.
    pub fn decided(&self) -> Option<Timestamp> {
        let class = Class::of(&self.record.name);
        if self.record.successor.is_some() {
            // By when the registry knew of it, not by what somebody signed.
            return Some(self.updated.saturating_add(class.recovery));
        }
        self.record.offered_to.as_ref().map(|_| self.record.issued.saturating_add(class.offer))
    }

    /// When a revoked name is gone.
    fn gone_from(&self) -> Timestamp {
        self.updated.saturating_add(Class::of(&self.record.name).revocation)
    }

    /// When a name that is not renewed lapses: not before its grace is over since somebody noticed, so that a clock that jumps
    /// ahead takes no names.
    fn lapses(&self) -> Timestamp {
        let grace = self.record.expires.saturating_add(Class::of(&self.record.name).grace);
        if self.noticed == Notice::Ended { self.due.max(grace) } else { grace }
    }

    /// What time has to do with it now.
    pub(crate) fn step(&self, now: Timestamp) -> Step {
        if self.record.standing == Standing::Revoked {
            return if now >= self.gone_from() { Step::Remove } else { Step::Wait };
        }
        let ended = self.noticed == Notice::Ended && now >= self.record.expires;
        if ended && now >= self.lapses() {
            // Who was stopped does not get rid of that by letting the name lapse.
            return if self.record.standing == Standing::Suspended { Step::Remove } else { Step::Lapse };
        }
        if Notice::at(self.record.expires, now) > self.noticed { Step::Say } else { Step::Wait }
    }

    /// What was said when all is said that there is to say, and when there is more.
    pub(crate) fn next_look(&self, now: Timestamp) -> (Notice, Timestamp) {
        let notice = Notice::at(self.record.expires, now);
        if self.record.standing == Standing::Revoked {
            return (notice, self.gone_from());
        }
        if notice == Notice::Ended {
            let known = self.noticed == Notice::Ended;
            let grace = Class::of(&self.record.name).grace;
            return (notice, if known { self.lapses() } else { now.saturating_add(grace) });
        }
        (notice, notice.next_at(self.record.expires))
    }
}

impl Notice {
    const ALL: [Self; 6] = [Self::None, Self::Quarter, Self::Month, Self::Week, Self::Day, Self::Ended];

    /// What is to be said by now of a name that ends at `expires`.
    pub(crate) fn at(expires: Timestamp, now: Timestamp) -> Self {
        let is_due = |notice: &Self| now >= expires.saturating_sub(notice.before());
        Self::ALL
            .into_iter()
            .rev()
            .find(|notice| *notice != Self::None && is_due(notice))
            .unwrap_or(Self::None)
    }

    /// When the next is due, of a name that ends at `expires`.
    pub(crate) fn next_at(self, expires: Timestamp) -> Timestamp {
        let next = Self::ALL.into_iter().find(|notice| *notice > self).unwrap_or(Self::Ended);
        expires.saturating_sub(next.before())
    }

    /// How long before the end it is said.
    pub(crate) const fn before(self) -> Duration {
        const DAY: u64 = 24 * 60 * 60;
        Duration::from_secs(match self {
            Self::None | Self::Quarter => 90 * DAY,
            Self::Month => 30 * DAY,
            Self::Week => 7 * DAY,
            Self::Day => DAY,
            Self::Ended => 0,
        })
    }

    /// Its number, from 0.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The notice with that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// As a reminder says it.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "ends later",
            Self::Quarter => "ends in 90 days",
            Self::Month => "ends in 30 days",
            Self::Week => "ends in 7 days",
            Self::Day => "ends in a day",
            Self::Ended => "has ended",
        })
    }
}

impl Status {
    /// What it is called.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Grace { .. } => "grace",
            Self::Suspended => "suspended",
            Self::SuspendedAbove { .. } => "suspended_above",
            Self::Revoked { .. } => "revoked",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("may be used"),
            Self::Grace { until } => {
                write!(f, "has ended, and lapses at {until} unless its holder renews it")
            }
            Self::Suspended => f.write_str("is suspended"),
            Self::SuspendedAbove { by } => write!(f, "is below `{by}`, which may not be used"),
            Self::Revoked { until } => write!(f, "was revoked, and is gone from {until} on"),
            Self::Ended => f.write_str("has ended, and is nobody's"),
        }
    }
}
