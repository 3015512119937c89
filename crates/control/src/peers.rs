//! Names among peers: what this node tells them, and what they tell.

use std::time::Duration;

use async_trait::async_trait;
use casemate_ledger::{NameBundle, NodePublicKey};
use casemate_model::{Name, RegistryId, StoreError};
use casemate_names::LoggedRecord;
use casemate_peers::{Found, How, LogChanges, Peers, PeersError, PeersShown, Source};
use casemate_policy::{Resource, operation};

use crate::dns::stored;
use crate::{Caller, Control, ControlError};

/// What is known of other registries' names.
#[derive(Clone, Debug)]
pub struct KnownRegistry {
    /// Which.
    pub id: RegistryId,
    /// The keys of its logs.
    pub keys: Vec<NodePublicKey>,
    /// How long ago all was seen that those had; `None` if that never was.
    pub age: Option<Duration>,
}

impl Control {
    /// The peers of this node, and what it knows of registries.
    pub async fn show_peers(
        &self,
        caller: &Caller,
    ) -> Result<(PeersShown, Vec<KnownRegistry>), ControlError> {
        self.permit::<operation::ShowPeers>(caller, &Resource::all("peers")).await?;
        let peers = self.peers()?;
        let mut known = Vec::new();
        for id in peers.registries().all() {
            let keys = peers.registries().keys(id).to_vec();
            known.push(KnownRegistry { id, keys, age: peers.age(id).await? });
        }
        Ok((peers.show().await?, known))
    }

    /// What peers know of a name, if that is not older than wanted.
    pub async fn resolve_at_peers(
        &self,
        caller: &Caller,
        (registry, name): (Option<RegistryId>, &Name),
        age_max: Option<Duration>,
    ) -> Result<Found, ControlError> {
        self.permit::<operation::ResolveAtPeers>(caller, &Resource::one("name", name)).await?;
        let found = self.peers()?.get(registry, name).await?;
        let age = match found.how {
            How::Bounded { age } => Some(age),
            How::Offline => None,
        };
        match age_max {
            Some(age_max) if age.is_none_or(|age| age > age_max) => {
                Err(PeersError::TooOld { name: name.clone(), age }.into())
            }
            _ => Ok(found),
        }
    }

    fn peers(&self) -> Result<&Peers, ControlError> {
        self.parts.peers.as_ref().ok_or(ControlError::Peers(PeersError::Off))
    }

    async fn proofs_of(&self, logged: Vec<LoggedRecord>) -> Result<Vec<String>, StoreError> {
        let mut proofs = Vec::with_capacity(logged.len());
        for LoggedRecord { signed, elsewhere, entry } in logged {
            // What another node's log has, that node tells of.
            if elsewhere.is_none() && entry < self.parts.log.size() {
                let inclusion = self.parts.log.prove(entry).await.map_err(damaged)?;
                let key = self.parts.node_key.public_key();
                proofs.push(NameBundle::new(signed, inclusion, key).map_err(damaged)?.to_string());
            }
        }
        Ok(proofs)
    }
}

/// A registry's node, as peers see it. What it tells is public; whoever sets peers up has decided so.
#[async_trait]
impl Source for Control {
    fn log(&self) -> String {
        self.parts.node_key.origin().to_owned()
    }

    async fn changes(&self, after: u64, limit: u32) -> Result<LogChanges, StoreError> {
        // First, so that what is written meanwhile is told the next time.
        let size = self.parts.log.size();
        let mut logged = self.parts.names.logged_changes(after, limit).await.map_err(stored)?;
        let more = logged.len() == limit as usize;
        let last = logged.last().map(|logged| logged.entry);
        logged.retain(|logged| logged.entry < size);
        let next = match last {
            Some(last) if more && last < size => last + 1,
            _ => size.max(after),
        };
        Ok(LogChanges { proofs: self.proofs_of(logged).await?, next, more: more && next < size })
    }

    async fn held(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<(Vec<String>, Option<Name>), StoreError> {
        let logged = self.parts.names.logged_held(after, limit).await.map_err(stored)?;
        let last = logged.last().map(|logged| logged.signed.record().name.clone());
        Ok((self.proofs_of(logged).await?, last))
    }

    async fn wait_for(&self, place: u64) {
        self.parts.log.covers(place).await;
    }
}

fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Damaged { what: "log of names", source: Box::new(source) }
}
