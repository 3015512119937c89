//! What only time does to names: reminders, lapses, and the ends of revocations.

use casemate_ledger::{Event, NameChange};
use casemate_model::Timestamp;

use crate::names::{followed, with_record};
use crate::records::Step;
use crate::{HeldName, Names, NamesError, NewVersion, Notice, Replaced, rules};

/// Something that time did to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tended {
    /// It was said that it ends.
    Said {
        /// The name.
        held: HeldName,
        /// What was said.
        notice: Notice,
    },
    /// It ended.
    Ended {
        /// The name, as it ended.
        held: HeldName,
    },
}

impl Names {
    /// Does what is due by `now` to at most `limit` names. Each is done with its entry in the log, which `event` makes of the name,
    /// the operation and its outcome; what somebody else did meanwhile is left to them. Returns what was done, and whether
    /// there may be more.
    pub async fn tend(
        &self,
        now: Timestamp,
        limit: u32,
        event: &(dyn Fn(&HeldName, &'static str, &str) -> Event + Send + Sync),
    ) -> Result<(Vec<Tended>, bool), NamesError> {
        let due = self.registry().due(now, limit).await?;
        let mut more = due.len() >= limit as usize;
        let mut done = Vec::new();
        for held in due {
            if held.step(now) == Step::Remove {
                // What is below goes first, so that nothing of it is ever without what it was stopped by.
                let below = self.registry().below(&held.record.name, limit).await?;
                if !below.is_empty() {
                    more = true;
                    for held in below {
                        done.extend(self.end(held, NameChange::Removed, now, event).await?);
                    }
                    continue;
                }
            }
            done.extend(self.tend_one(held, now, event).await?);
        }
        Ok((done, more))
    }

    async fn tend_one(
        &self,
        held: HeldName,
        now: Timestamp,
        event: &(dyn Fn(&HeldName, &'static str, &str) -> Event + Send + Sync),
    ) -> Result<Option<Tended>, NamesError> {
        match held.step(now) {
            Step::Lapse => self.end(held, NameChange::Lapsed, now, event).await,
            Step::Remove => self.end(held, NameChange::Removed, now, event).await,
            Step::Say => {
                let next = held.next_look(now);
                let said = event(&held, "names.remind", &next.0.to_string());
                let noted = self.registry().note(&held, next, Some(said)).await?;
                Ok(noted.then_some(Tended::Said { held, notice: next.0 }))
            }
            Step::Wait => {
                let next = held.next_look(now);
                self.registry().note(&held, next, None).await?;
                Ok(None)
            }
        }
    }

    async fn end(
        &self,
        held: HeldName,
        change: NameChange,
        now: Timestamp,
        event: &(dyn Fn(&HeldName, &'static str, &str) -> Event + Send + Sync),
    ) -> Result<Option<Tended>, NamesError> {
        let (ended, free_from) = followed(rules::end(&held, change, now), &held, now);
        let action = if change == NameChange::Lapsed { "names.lapse" } else { "names.remove" };
        let entry = with_record(event(&held, action, change.as_str()), &ended.record);
        let actor = entry.actor.to_string();
        let version = NewVersion { held: ended, signatures: Vec::new(), actor, free_from, revealed: None };
        let replaced = self.registry().replace(&version, entry).await?;
        self.forget(&version.held.record.name);
        Ok((replaced == Replaced::Done).then_some(Tended::Ended { held: version.held }))
    }
}
