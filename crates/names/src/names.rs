use std::sync::Arc;

use casemate_ledger::Event;
use casemate_model::{Digest, Name, Timestamp};
use casemate_policy::{Operation, Permit, operation};

use crate::{
    Claimed, NameChange, NamePage, NameRecord, NameVersion, NamesError, Registry, Released, Updated,
};

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
        match self.registry.claim(&change(permit, name, digest, at), event).await? {
            Claimed::Done(record) => Ok(record),
            Claimed::Taken(held) => {
                Err(NamesError::Taken { name: name.clone(), own: held.project == *permit.project() })
            }
            Claimed::BlobMissing => Err(NamesError::BlobMissing { digest }),
        }
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
        match self.registry.release(name, permit.project(), at, event).await? {
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

fn change<O: Operation>(permit: &Permit<O>, name: &Name, digest: Digest, at: Timestamp) -> NameChange {
    NameChange {
        name: name.clone(),
        project: permit.project().clone(),
        digest,
        actor: permit.principal().kind.to_string(),
        at,
    }
}
