//! What names mean, meant, and who has to do with them.

use std::time::Duration;

use casemate_model::{Digest, Name, Project, Timestamp};
use casemate_policy::{Permit, operation};

use crate::cache::{AGE_MAX, Known};
use crate::names::{Asking, refusal};
use crate::{HeldName, LoggedRecord, NamePage, NameVersion, Names, NamesError, Resolved, Status, rules};

impl Names {
    /// Says why a claim of the permit's project would be refused at this moment; that of another may be for another reason.
    pub async fn check(
        &self,
        permit: &Permit<operation::CheckName>,
        name: &Name,
        now: Timestamp,
    ) -> Result<Option<NamesError>, NamesError> {
        if let Err(refused) = Asking::of(permit).check_class(name) {
            return Ok(Some(refused));
        }
        let obstacle = self.registry.obstacle(name, permit.project(), now).await?;
        Ok(obstacle.map(|obstacle| refusal(name, obstacle, permit.project())))
    }

    /// Tells what a name means, and whether it may be used. Any project's names may be resolved: that is what they are for.
    pub async fn resolve(
        &self,
        _permit: &Permit<operation::ShowName>,
        name: &Name,
        now: Timestamp,
    ) -> Result<Resolved, NamesError> {
        let (held, above) = self.find(name).await?;
        let status = rules::status(&held, &above, now);
        Ok(Resolved { held, status })
    }

    /// Tells what a name means, for a task that is to run it.
    pub async fn resolve_for_run(
        &self,
        _permit: &Permit<operation::SubmitTask>,
        name: &Name,
        now: Timestamp,
    ) -> Result<(Project, Digest), NamesError> {
        self.usable(name, now).await
    }

    /// Tells what a name means, for a function that is to be made of it.
    pub async fn resolve_for_function(
        &self,
        _permit: &Permit<operation::DeployFunction>,
        name: &Name,
        now: Timestamp,
    ) -> Result<(Project, Digest), NamesError> {
        self.usable(name, now).await
    }

    /// Whose content a name means, if it may be used.
    async fn usable(&self, name: &Name, now: Timestamp) -> Result<(Project, Digest), NamesError> {
        let (held, above) = self.find(name).await?;
        match (rules::status(&held, &above, now), held.record.digest) {
            (Status::Active, Some(digest)) => Ok((held.record.project, digest)),
            (status, _) => Err(NamesError::NotActive { name: name.clone(), status }),
        }
    }

    /// Versions of a name below `before`, newest first; also of one that ended.
    pub async fn history(
        &self,
        _permit: &Permit<operation::NameHistory>,
        name: &Name,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<NameVersion>, NamesError> {
        let versions = self.registry.history(name, before, limit).await?;
        if versions.is_empty() && before.is_none() {
            return Err(NamesError::NotClaimed { name: name.clone() });
        }
        Ok(versions)
    }

    /// A version as it was signed, and where the log has it; the newest, if none is asked for.
    pub async fn version(
        &self,
        _permit: &Permit<operation::ProveName>,
        name: &Name,
        sequence: Option<u64>,
    ) -> Result<LoggedRecord, NamesError> {
        let sequence = match sequence {
            Some(sequence) => sequence,
            None => self.registry.last(name).await?.sequence,
        };
        let found = self.registry.signed(name, sequence).await?;
        found.ok_or_else(|| NamesError::NoVersion { name: name.clone(), sequence })
    }

    /// Names that the permit's project has to do with, and whether they may be used.
    pub async fn list(
        &self,
        permit: &Permit<operation::ListNames>,
        page: NamePage,
        now: Timestamp,
    ) -> Result<Vec<Resolved>, NamesError> {
        let names = self.registry.names(&NamePage { project: permit.project().clone(), ..page }).await?;
        let mut listed = Vec::with_capacity(names.len());
        for held in names {
            listed.push(self.standing(held, now).await?);
        }
        Ok(listed)
    }

    /// Says whether a name may be used that is held so, or that has just ended.
    pub async fn standing(&self, held: HeldName, now: Timestamp) -> Result<Resolved, NamesError> {
        // Only one that is below others is asked for: most are below none that is held.
        let above = match held.record.name.ancestors().next() {
            Some(above) => self.registry.family(&above).await?,
            None => Vec::new(),
        };
        let status = rules::status(&held, &above, now);
        Ok(Resolved { held, status })
    }

    /// Tells what a name means by what is at hand, which is not older than `age_max` and [`AGE_MAX`](crate::AGE_MAX). What names
    /// mean is public.
    pub async fn known(&self, name: &Name, now: Timestamp, age_max: Duration) -> Result<Known, NamesError> {
        Ok(self.cache.resolve(self.registry(), name, (now, age_max.min(AGE_MAX))).await?)
    }

    /// Tells what a name means as it was at most `age_max` ago, and how long ago that is.
    pub async fn resolve_bounded(
        &self,
        _permit: &Permit<operation::ShowName>,
        name: &Name,
        (now, age_max): (Timestamp, Duration),
    ) -> Result<(Resolved, Duration), NamesError> {
        let known = self.known(name, now, age_max).await?;
        match known.resolved {
            Some((held, status)) => Ok((Resolved { held, status }, known.age)),
            None => Err(NamesError::NotClaimed { name: name.clone() }),
        }
    }

    /// Names that may be used and say something in DNS, after `after`, in byte order. Of at most `limit` that are looked at; the last
    /// of those is said, too, to go on from.
    pub async fn saying(
        &self,
        after: Option<&Name>,
        limit: u32,
        now: Timestamp,
    ) -> Result<(Vec<HeldName>, Option<Name>), NamesError> {
        let names = self.registry.saying(after, limit).await?;
        let last = names.last().map(|held| held.record.name.clone());
        let mut usable = Vec::with_capacity(names.len());
        for held in names {
            let resolved = self.standing(held, now).await?;
            if resolved.status == Status::Active {
                usable.push(resolved.held);
            }
        }
        Ok((usable, last))
    }

    /// Versions that are their names' newest, as this node's log has them from entry `after` on. What names mean is public.
    pub async fn logged_changes(&self, after: u64, limit: u32) -> Result<Vec<LoggedRecord>, NamesError> {
        Ok(self.registry.logged_changes(after, limit).await?)
    }

    /// The newest versions of names that are held, after a name, in byte order.
    pub async fn logged_held(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Vec<LoggedRecord>, NamesError> {
        Ok(self.registry.logged_held(after, limit).await?)
    }

    /// A number that grows with every change of any name. It grows at other times, too.
    pub async fn serial(&self) -> Result<u64, NamesError> {
        Ok(self.registry.serial().await?)
    }
}
