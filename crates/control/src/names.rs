use std::time::Duration;

use casemate_ledger::{Event, NameBundle, NameChange, SignedNameRecord};
use casemate_model::{Digest, Name, Pattern, Timestamp};
use casemate_names::{
    Content, Drafted, Given, Heard, HeldName, Keys, NamePage, NameVersion, NamesError, Nonce, Notice, Order,
    Resolved, Tended, WhichNames,
};
use casemate_policy::{Operation, Resource, operation};

use crate::{Caller, Change, Control, ControlError};

/// How long a record that was drafted can be handed in, once it is signed.
const DRAFT_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Names that time has to do with, at a time.
const TEND_BATCH: u32 = 64;

/// Most bytes of the reason why a name is stopped.
const REASON_BYTES_MAX: usize = 500;

impl Control {
    /// Claims a free name.
    pub async fn claim_name(
        &self,
        caller: &Caller,
        name: &Name,
        (content, keys): (Content, Keys),
        nonce: Option<Nonce>,
    ) -> Result<Resolved, ControlError> {
        let permit = self.permit::<operation::ClaimName>(caller, &resource(name)).await?;
        let mut event = self.event(caller, permit.action(), resource(name), NameChange::Claimed.as_str());
        event.details.push(("digest".to_owned(), content.digest.to_string()));
        let given = Given { nonce, ..self.given(event, None) };
        let held = self.parts.names.claim(&permit, name, (content, keys), given).await?;
        self.announced(held).await
    }

    /// Keeps a commitment to a name that the caller is about to claim. Returns when it was made.
    pub async fn commit_name(&self, caller: &Caller, commitment: Digest) -> Result<Timestamp, ControlError> {
        let permit = self.permit::<operation::CommitName>(caller, &Resource::all("name")).await?;
        let resource = Resource::one("commitment", commitment);
        let event = self.event(caller, permit.action(), resource, "committed");
        Ok(self.parts.names.commit(&permit, commitment, (self.now(), event)).await?)
    }

    /// Carries out an order on a name that is held, if it still is at version `expected`. `reason` is for the log.
    pub async fn change_name(
        &self,
        caller: &Caller,
        name: &Name,
        order: Order,
        (expected, reason): (Option<u64>, Option<&str>),
    ) -> Result<Resolved, ControlError> {
        if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
            return Err(ControlError::ReasonTooLong { bytes_max: REASON_BYTES_MAX });
        }
        let at = (name, order, expected, reason);
        let held = match &at.1 {
            Order::Claim { .. } => return Err(NamesError::Taken { name: name.clone(), own: true }.into()),
            Order::Update(_) => self.permitted::<operation::UpdateName>(caller, at).await,
            Order::Renew => self.permitted::<operation::RenewName>(caller, at).await,
            Order::Offer { .. } => self.permitted::<operation::OfferName>(caller, at).await,
            Order::Withdraw => self.permitted::<operation::WithdrawName>(caller, at).await,
            Order::Decline => self.permitted::<operation::DeclineName>(caller, at).await,
            Order::Accept { .. } => self.permitted::<operation::AcceptName>(caller, at).await,
            Order::Rotate(_) | Order::Recover { .. } => {
                return Err(NamesError::OnlySigned { name: name.clone() }.into());
            }
            Order::FinishRecovery => self.permitted::<operation::RecoverName>(caller, at).await,
            Order::Suspend => self.permitted::<operation::SuspendName>(caller, at).await,
            Order::Resume => self.permitted::<operation::ResumeName>(caller, at).await,
            Order::Revoke => self.permitted::<operation::RevokeName>(caller, at).await,
            Order::Release => self.permitted::<operation::ReleaseName>(caller, at).await,
        }?;
        self.announced(held).await
    }

    async fn permitted<O: Operation>(
        &self,
        caller: &Caller,
        (name, order, expected, reason): (&Name, Order, Option<u64>, Option<&str>),
    ) -> Result<HeldName, ControlError> {
        let permit = self.permit::<O>(caller, &resource(name)).await?;
        let mut event = self.event(caller, permit.action(), resource(name), order.change().as_str());
        event.details.extend(details(&order));
        event.details.extend(reason.map(|reason| ("reason".to_owned(), reason.to_owned())));
        Ok(self.parts.names.change(&permit, name, &order, self.given(event, expected)).await?)
    }

    /// Carries out what the owner of a name signed.
    pub async fn take_name_record(
        &self,
        caller: &Caller,
        signed: &SignedNameRecord,
        nonce: Option<Nonce>,
    ) -> Result<Resolved, ControlError> {
        let record = signed.record();
        let resource = resource(&record.name);
        let permit = self.permit::<operation::SignName>(caller, &resource).await?;
        // The log says what was done, by whatever way it came.
        let Some(order) = Order::of(record) else {
            return Err(NamesError::SignedOtherwise { name: record.name.clone() }.into());
        };
        let mut event = self.event(caller, order.action(), resource, record.change.as_str());
        event.details.extend(details(&order));
        event.details.push(("signed".to_owned(), "by its owner".to_owned()));
        let given = Given { nonce, ..self.given(event, None) };
        let held = self.parts.names.take(&permit, signed, given).await?;
        self.announced(held).await
    }

    /// What an order would come to, for signing it.
    pub async fn draft_name(
        &self,
        caller: &Caller,
        name: &Name,
        order: &Order,
    ) -> Result<Drafted, ControlError> {
        let permit = self.permit::<operation::DraftName>(caller, &resource(name)).await?;
        Ok(self.parts.names.draft(&permit, name, order, (self.now(), DRAFT_LIFETIME)).await?)
    }

    /// Tells what a name means, and whether it may be used.
    pub async fn resolve_name(&self, caller: &Caller, name: &Name) -> Result<Resolved, ControlError> {
        let permit = self.permit::<operation::ShowName>(caller, &resource(name)).await?;
        Ok(self.parts.names.resolve(&permit, name, self.now()).await?)
    }

    /// Tells what a name means as it was at most `age_max` ago, and how long ago that is.
    pub async fn resolve_name_bounded(
        &self,
        caller: &Caller,
        name: &Name,
        age_max: Duration,
    ) -> Result<(Resolved, Duration), ControlError> {
        let permit = self.permit::<operation::ShowName>(caller, &resource(name)).await?;
        Ok(self.parts.names.resolve_bounded(&permit, name, (self.now(), age_max)).await?)
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

    /// Puts together what proves offline what a name meant: its newest version, unless another is asked for.
    pub async fn prove_name(
        &self,
        caller: &Caller,
        name: &Name,
        sequence: Option<u64>,
    ) -> Result<NameBundle, ControlError> {
        let permit = self.permit::<operation::ProveName>(caller, &resource(name)).await?;
        let logged = self.parts.names.version(&permit, name, sequence).await?;
        if let Some(origin) = logged.elsewhere {
            return Err(NamesError::ProvedElsewhere { origin }.into());
        }
        let inclusion = self.prove(logged.entry).await?;
        Ok(NameBundle::new(logged.signed, inclusion, self.parts.node_key.public_key())?)
    }

    /// Lists names that the caller's project has to do with.
    pub async fn list_names(
        &self,
        caller: &Caller,
        which: WhichNames,
        after: Option<Name>,
        limit: u32,
    ) -> Result<Vec<Resolved>, ControlError> {
        let pattern = match &which {
            WhichNames::Prefix(prefix) => Pattern::under(prefix),
            WhichNames::Tagged(_) | WhichNames::Ending | WhichNames::Offered => Pattern::all(),
        };
        let permit = self
            .permit::<operation::ListNames>(caller, &Resource::matching("names".to_owned(), pattern))
            .await?;
        let project = permit.project().clone();
        let page = NamePage { project, which, after, limit };
        Ok(self.parts.names.list(&permit, page, self.now()).await?)
    }

    /// Does what time has to do with names: reminds of ends, and ends what nobody renewed.
    pub(crate) async fn tend_names(&self) -> Result<(), ControlError> {
        let event = |held: &HeldName, action: &'static str, outcome: &str| {
            let node = self.node_caller(&held.record.project);
            let mut event = self.event(&node, action, resource(&held.record.name), outcome);
            event.details.push(("expires".to_owned(), held.record.expires.to_string()));
            event
        };
        loop {
            let (done, more) = self.parts.names.tend(self.now(), TEND_BATCH, &event).await?;
            for tended in done {
                match tended {
                    Tended::Ended { held } => self.announce_name(&held),
                    // From here on it means nothing, until its holder renews it.
                    Tended::Said { held, notice: Notice::Ended } => {
                        self.publish_name(&held.record.name, None);
                    }
                    Tended::Said { .. } => {}
                }
            }
            if !more || self.stopping.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Hears of what other nodes with the same database do to names, and tells who watches here.
    pub(crate) async fn hear_names(&self, heard: &mut Heard) -> Result<(), ControlError> {
        for (name, change) in self.parts.names.hear(heard).await? {
            self.publish_name(&name, Some(change));
        }
        Ok(())
    }

    fn given(&self, event: Event, expected: Option<u64>) -> Given {
        Given { at: self.now(), expected, nonce: None, event }
    }

    async fn announced(&self, held: HeldName) -> Result<Resolved, ControlError> {
        self.announce_name(&held);
        Ok(self.parts.names.standing(held, self.now()).await?)
    }

    fn announce_name(&self, held: &HeldName) {
        self.publish_name(&held.record.name, Some(held.record.change));
    }

    /// What a name means is public, so a change of it is announced to all projects.
    fn publish_name(&self, name: &Name, change: Option<NameChange>) {
        self.feed.publish(None, Change::Name { name: name.to_string(), change });
    }
}

fn resource(name: &Name) -> Resource {
    Resource::one("name", name)
}

/// What the log says of an order beside its name.
fn details(order: &Order) -> Vec<(String, String)> {
    let detail = |key: &str, value: String| vec![(key.to_owned(), value)];
    match order {
        Order::Update(edit) => {
            edit.digest.map(|digest| detail("digest", digest.to_string())).unwrap_or_default()
        }
        Order::Offer { to } => detail("to", to.to_string()),
        Order::Accept { digest: Some(digest), .. } => detail("digest", digest.to_string()),
        Order::Recover { successor } => detail("successor", successor.fingerprint().to_string()),
        Order::Rotate(Keys { owner: Some(owner), .. }) => detail("owner", owner.fingerprint().to_string()),
        _ => Vec::new(),
    }
}
