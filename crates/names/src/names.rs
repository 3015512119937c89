use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{Digest, Name, Pattern, Project, Scope, Timestamp};
use casemate_policy::{Operation, Permit, operation};

use crate::lists::{self, Word};
use crate::{
    Claimed, NameChange, NamePage, NameRecord, NameVersion, NamesError, Obstacle, Registry, Released, Updated,
};

/// How long nobody but who had it gets a name that was released, or what looks like it.
pub const COOL_OFF: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The names of this node.
#[derive(Clone)]
pub struct Names {
    registry: Arc<dyn Registry>,
}

impl Names {
    /// Names as `registry` keeps them.
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        Self { registry }
    }

    /// Claims a free name for the permit's project.
    pub async fn claim(
        &self,
        permit: &Permit<operation::ClaimName>,
        name: &Name,
        digest: Digest,
        at: Timestamp,
        event: Event,
    ) -> Result<NameRecord, NamesError> {
        check_word(permit, name)?;
        match self.registry.claim(&change(permit, name, digest, at), event).await? {
            Claimed::Done(record) => Ok(record),
            Claimed::Refused(obstacle) => Err(refusal(name, obstacle, permit.project())),
            Claimed::BlobMissing => Err(NamesError::BlobMissing { digest }),
        }
    }

    /// Says why a claim of the permit's project would be refused at this moment; that of another may be for another reason.
    pub async fn check(
        &self,
        permit: &Permit<operation::CheckName>,
        name: &Name,
        now: Timestamp,
    ) -> Result<Option<NamesError>, NamesError> {
        if let Err(refused) = check_word(permit, name) {
            return Ok(Some(refused));
        }
        let obstacle = self.registry.obstacle(name, permit.project(), now).await?;
        Ok(obstacle.map(|obstacle| refusal(name, obstacle, permit.project())))
    }

    /// Points a name at another digest, if it still is at version `expected`.
    pub async fn update(
        &self,
        permit: &Permit<operation::UpdateName>,
        name: &Name,
        (digest, expected): (Digest, u64),
        at: Timestamp,
        event: Event,
    ) -> Result<NameRecord, NamesError> {
        match self.registry.update(&change(permit, name, digest, at), expected, event).await? {
            Updated::Done(record) => Ok(record),
            Updated::Missing => Err(NamesError::NotClaimed { name: name.clone() }),
            Updated::NotOwner => Err(NamesError::NotOwner { name: name.clone() }),
            Updated::Conflict(held) => {
                Err(NamesError::Stale { name: name.clone(), expected, found: held.sequence })
            }
            Updated::BlobMissing => Err(NamesError::BlobMissing { digest }),
        }
    }

    /// Releases a name of the permit's project. Its history stays.
    pub async fn release(
        &self,
        permit: &Permit<operation::ReleaseName>,
        name: &Name,
        at: Timestamp,
        event: Event,
    ) -> Result<(), NamesError> {
        match self.registry.release(name, permit.project(), (at, at.saturating_add(COOL_OFF)), event).await? {
            Released::Done => Ok(()),
            Released::Missing => Err(NamesError::NotClaimed { name: name.clone() }),
            Released::NotOwner => Err(NamesError::NotOwner { name: name.clone() }),
        }
    }

    /// Tells what a name means. Any project's names may be resolved: that is what they are for.
    pub async fn resolve(
        &self,
        _permit: &Permit<operation::ShowName>,
        name: &Name,
    ) -> Result<NameRecord, NamesError> {
        self.find(name).await
    }

    /// Tells what a name means, for a task that is to run it.
    pub async fn resolve_for_run(
        &self,
        _permit: &Permit<operation::SubmitTask>,
        name: &Name,
    ) -> Result<NameRecord, NamesError> {
        self.find(name).await
    }

    /// Tells what a name means, for a function that is to be made of it.
    pub async fn resolve_for_function(
        &self,
        _permit: &Permit<operation::DeployFunction>,
        name: &Name,
    ) -> Result<NameRecord, NamesError> {
        self.find(name).await
    }

    async fn find(&self, name: &Name) -> Result<NameRecord, NamesError> {
        let found = self.registry.name(name).await?;
        found.ok_or_else(|| NamesError::NotClaimed { name: name.clone() })
    }

    /// Versions of a name below `before`, newest first; also of one that was released.
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

    /// Names that the permit's project holds and that begin with `prefix`, after `after`.
    pub async fn list(
        &self,
        permit: &Permit<operation::ListNames>,
        prefix: String,
        after: Option<Name>,
        limit: u32,
    ) -> Result<Vec<NameRecord>, NamesError> {
        let page = NamePage { project: permit.project().clone(), prefix, after, limit };
        Ok(self.registry.names(&page).await?)
    }
}

/// Refuses a name that ends in a word which nobody gets, or not whoever asks.
fn check_word<O: Operation>(permit: &Permit<O>, name: &Name) -> Result<(), NamesError> {
    let is_trusted = permit.principal().scopes.cover(Scope::NodeWrite, &Pattern::all());
    match lists::word_of(name) {
        Some(Word::Reserved) => Err(NamesError::Reserved { name: name.clone() }),
        Some(Word::HighRisk) if !is_trusted => Err(NamesError::HighRisk { name: name.clone() }),
        Some(Word::HighRisk) | None => Ok(()),
    }
}

fn refusal(name: &Name, obstacle: Obstacle, asking: &Project) -> NamesError {
    let name = name.clone();
    match obstacle {
        Obstacle::Held(held) => NamesError::Taken { name, own: held.project == *asking },
        Obstacle::OfAnother(holder) => NamesError::OfAnother { name, holder },
        Obstacle::LooksLike(other) => NamesError::LooksLike { name, other },
        Obstacle::CoolingOff(until) => NamesError::CoolingOff { name, until },
    }
}

fn change<O: Operation>(permit: &Permit<O>, name: &Name, digest: Digest, at: Timestamp) -> NameChange {
    NameChange {
        name: name.clone(),
        project: permit.project().clone(),
        digest,
        actor: permit.principal().kind.to_string(),
        at,
    }
}
