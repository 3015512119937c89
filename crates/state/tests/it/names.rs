//! Names as somebody holds them: the rules of the engine over the store that is tested.

use std::sync::Arc;

use casemate_ledger::{NameRecord, OwnerKey, SignedNameRecord};
use casemate_model::{Digest, KeyId, Principal, PrincipalKind, Project, Role, Scope, Scopes};
use casemate_names::{
    Commitments, Content, Given, HeldName, Keys, Names, NamesError, Nonce, Order, Registry, Resolved,
};
use casemate_objects::{ObjectCatalog, ObjectRecord, PutRule};
use casemate_policy::{Operation, Permit, Resource, authorize, operation};
use casemate_state::Store;

use crate::context::Context;

/// Somebody who acts in a project.
pub(crate) struct Holder<'a> {
    context: &'a Context,
    names: Names,
    principal: Principal,
}

impl Context {
    /// Who runs the node, in its own project.
    pub(crate) fn operator(&self) -> Holder<'_> {
        self.operator_on(&self.store)
    }

    /// The same, on another node.
    pub(crate) fn operator_on(&self, store: &Store) -> Holder<'_> {
        let principal = Principal::local_user(0, self.project.clone());
        Holder { context: self, names: Names::new(Arc::new(store.clone())), principal }
    }

    /// A developer of a project, who has the content `own` there.
    pub(crate) async fn holder(&self, project: &str) -> (Holder<'_>, Digest) {
        self.holder_on(&self.store, project).await
    }

    /// The same, on another node.
    pub(crate) async fn holder_on(&self, store: &Store, project: &str) -> (Holder<'_>, Digest) {
        let project: Project = project.parse().unwrap();
        let object = ObjectRecord { project: project.clone(), ..self.object("own", b"own") };
        store.put_object(&object, &PutRule::default(), self.event("objects.put")).await.unwrap();
        let key = KeyId::generate(self.now(), &self.entropy);
        let principal = Principal {
            kind: PrincipalKind::Key(key),
            project,
            role: Role::DEVELOPER,
            scopes: Scopes::of(&[Scope::NamesRead, Scope::NamesWrite]),
            ..Principal::anonymous()
        };
        let names = Names::new(Arc::new(store.clone()));
        (Holder { context: self, names, principal }, object.digest)
    }
}

impl Holder<'_> {
    fn permit<O: Operation>(&self) -> Permit<O> {
        authorize(&self.principal, &self.principal.project, &Resource::all("name")).unwrap()
    }

    fn given(&self, action: &'static str, expected: Option<u64>) -> Given {
        let project = self.principal.project.clone();
        let event = casemate_ledger::Event { project, ..self.context.event(action) };
        Given { at: self.context.now(), expected, nonce: None, event }
    }

    pub(crate) async fn claim(&self, name: &str, digest: Digest) -> Result<HeldName, NamesError> {
        self.claim_with(name, content(digest), Keys::default()).await
    }

    pub(crate) async fn claim_with(
        &self,
        name: &str,
        content: Content,
        keys: Keys,
    ) -> Result<HeldName, NamesError> {
        let given = self.given("names.claim", None);
        self.names.claim(&self.permit(), &name.parse().unwrap(), (content, keys), given).await
    }

    /// Claims are committed to, or are refused.
    pub(crate) fn committing(self) -> Self {
        Self { names: self.names.with_commitments(Commitments::Required), ..self }
    }

    pub(crate) async fn commit(&self, commitment: Digest) -> Result<casemate_model::Timestamp, NamesError> {
        let event = self.given("names.commit", None).event;
        self.names.commit(&self.permit(), commitment, (self.context.now(), event)).await
    }

    pub(crate) async fn reveal(
        &self,
        name: &str,
        digest: Digest,
        nonce: &Nonce,
    ) -> Result<HeldName, NamesError> {
        let given = Given { nonce: Some(nonce.clone()), ..self.given("names.claim", None) };
        let content = (content(digest), Keys::default());
        self.names.claim(&self.permit(), &name.parse().unwrap(), content, given).await
    }

    pub(crate) async fn order(&self, name: &str, order: Order) -> Result<HeldName, NamesError> {
        self.order_at(name, order, None).await
    }

    pub(crate) async fn order_at(
        &self,
        name: &str,
        order: Order,
        expected: Option<u64>,
    ) -> Result<HeldName, NamesError> {
        match order {
            Order::Claim { content, keys } => self.claim_with(name, content, keys).await,
            Order::Update(_) => self.as_permitted::<operation::UpdateName>(name, order, expected).await,
            Order::Renew => self.as_permitted::<operation::RenewName>(name, order, expected).await,
            Order::Offer { .. } => self.as_permitted::<operation::OfferName>(name, order, expected).await,
            Order::Withdraw => self.as_permitted::<operation::WithdrawName>(name, order, expected).await,
            Order::Decline => self.as_permitted::<operation::DeclineName>(name, order, expected).await,
            Order::Accept { .. } => self.as_permitted::<operation::AcceptName>(name, order, expected).await,
            // Only signed.
            Order::Rotate(_) | Order::Recover { .. } => self.sign(name, &order, &[]).await,
            Order::FinishRecovery => self.as_permitted::<operation::RecoverName>(name, order, expected).await,
            Order::Suspend => self.as_permitted::<operation::SuspendName>(name, order, expected).await,
            Order::Resume => self.as_permitted::<operation::ResumeName>(name, order, expected).await,
            Order::Revoke => self.as_permitted::<operation::RevokeName>(name, order, expected).await,
            Order::Release => self.as_permitted::<operation::ReleaseName>(name, order, expected).await,
        }
    }

    async fn as_permitted<O: Operation>(
        &self,
        name: &str,
        order: Order,
        expected: Option<u64>,
    ) -> Result<HeldName, NamesError> {
        let given = self.given(order.action(), expected);
        self.names.change(&self.permit::<O>(), &name.parse().unwrap(), &order, given).await
    }

    /// The record that would come of an order.
    pub(crate) async fn draft(&self, name: &str, order: &Order) -> Result<NameRecord, NamesError> {
        let times = (self.context.now(), casemate_names::SKEW_MAX);
        let drafted = self.names.draft(&self.permit(), &name.parse().unwrap(), order, times).await?;
        Ok(drafted.record)
    }

    pub(crate) async fn take(&self, signed: &SignedNameRecord) -> Result<HeldName, NamesError> {
        self.names.take(&self.permit(), signed, self.given("names.sign", None)).await
    }

    /// Has an order drafted, signs it, and hands it in.
    pub(crate) async fn sign(
        &self,
        name: &str,
        order: &Order,
        keys: &[&OwnerKey],
    ) -> Result<HeldName, NamesError> {
        let record = self.draft(name, order).await?;
        let signatures = keys.iter().map(|key| record.sign(key)).collect();
        self.take(&SignedNameRecord::new(record, signatures)).await
    }

    pub(crate) async fn resolve(&self, name: &str) -> Result<Resolved, NamesError> {
        self.names.resolve(&self.permit(), &name.parse().unwrap(), self.context.now()).await
    }

    /// What time does to names, as the words of the entries that it makes.
    pub(crate) async fn tend(&self) -> Vec<String> {
        let mut words = Vec::new();
        loop {
            let event = |held: &HeldName, action: &'static str, outcome: &str| casemate_ledger::Event {
                resource: format!("name:{}", held.record.name),
                outcome: outcome.to_owned(),
                ..self.context.event(action)
            };
            let (done, more) = self.names.tend(self.context.now(), 2, &event).await.unwrap();
            words.extend(done.into_iter().map(|done| match done {
                casemate_names::Tended::Said { held, notice } => format!("{} {notice}", held.record.name),
                casemate_names::Tended::Ended { held } => {
                    format!("{} {}", held.record.name, held.record.change.as_str())
                }
            }));
            if !more {
                return words;
            }
        }
    }
}

pub(crate) fn content(digest: Digest) -> Content {
    Content { digest, dns: casemate_model::DnsRecords::default(), tags: casemate_model::Tags::default() }
}

/// The name as it stands in the store.
pub(crate) async fn held(store: &Store, name: &str) -> Option<HeldName> {
    let family = store.family(&name.parse().unwrap()).await.unwrap();
    family.into_iter().find(|held| held.record.name.as_str() == name)
}
