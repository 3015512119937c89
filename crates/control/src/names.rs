use casemate_ledger::Event;
use casemate_model::{Digest, Name, Pattern};
use casemate_names::{NameRecord, NameVersion, NameVersionKind, NamesError};
use casemate_policy::{Resource, operation};

use crate::{Caller, Change, Control, ControlError};

impl Control {
    /// Claims a free name.
    pub async fn claim_name(
        &self,
        caller: &Caller,
        name: &Name,
        digest: Digest,
    ) -> Result<NameRecord, ControlError> {
        let permit = self.permit::<operation::ClaimName>(caller, &resource(name)).await?;
        let event = with_digest(self.event(caller, permit.action(), resource(name), "claimed"), digest);
        let record = self.parts.names.claim(&permit, name, digest, self.now(), event).await?;
        self.announce_name(name, NameVersionKind::Claimed);
        Ok(record)
    }

    /// Points a name at another digest, if it still is at version `expected`.
    pub async fn update_name(
        &self,
        caller: &Caller,
        name: &Name,
        digest: Digest,
        expected: u64,
    ) -> Result<NameRecord, ControlError> {
        let permit = self.permit::<operation::UpdateName>(caller, &resource(name)).await?;
        let event = with_digest(self.event(caller, permit.action(), resource(name), "updated"), digest);
        let record = self.parts.names.update(&permit, name, (digest, expected), self.now(), event).await?;
        self.announce_name(name, NameVersionKind::Updated);
        Ok(record)
    }

    /// Releases a name.
    pub async fn release_name(&self, caller: &Caller, name: &Name) -> Result<(), ControlError> {
        let permit = self.permit::<operation::ReleaseName>(caller, &resource(name)).await?;
        let event = self.event(caller, permit.action(), resource(name), "released");
        self.parts.names.release(&permit, name, self.now(), event).await?;
        self.announce_name(name, NameVersionKind::Released);
        Ok(())
    }

    /// Tells what a name means.
    pub async fn resolve_name(&self, caller: &Caller, name: &Name) -> Result<NameRecord, ControlError> {
        let permit = self.permit::<operation::ShowName>(caller, &resource(name)).await?;
        Ok(self.parts.names.resolve(&permit, name).await?)
    }

    /// Says why a claim of the caller's project would be refused at this moment; nothing if it would not be.
    pub async fn check_name(&self, caller: &Caller, name: &Name) -> Result<Option<NamesError>, ControlError> {
        let permit = self.permit::<operation::CheckName>(caller, &resource(name)).await?;
        Ok(self.parts.names.check(&permit, name, self.now()).await?)
    }

    /// Lists versions of a name, newest first.
    pub async fn name_history(
        &self,
        caller: &Caller,
        name: &Name,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<NameVersion>, ControlError> {
        let permit = self.permit::<operation::NameHistory>(caller, &resource(name)).await?;
        Ok(self.parts.names.history(&permit, name, before, limit).await?)
    }

    /// Lists names that the caller's project holds.
    pub async fn list_names(
        &self,
        caller: &Caller,
        prefix: String,
        after: Option<Name>,
        limit: u32,
    ) -> Result<Vec<NameRecord>, ControlError> {
        let listed = Resource::matching("names".to_owned(), Pattern::under(&prefix));
        let permit = self.permit::<operation::ListNames>(caller, &listed).await?;
        Ok(self.parts.names.list(&permit, prefix, after, limit).await?)
    }

    /// What a name means is public, so a change of it is announced to all projects.
    fn announce_name(&self, name: &Name, kind: NameVersionKind) {
        self.feed.publish(None, Change::Name { name: name.to_string(), kind });
    }
}

fn resource(name: &Name) -> Resource {
    Resource::one("name", name)
}

fn with_digest(mut event: Event, digest: Digest) -> Event {
    event.details.push(("digest".to_owned(), digest.to_string()));
    event
}
