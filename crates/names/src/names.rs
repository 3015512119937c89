use std::iter;
use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::{Event, NameChange, NameRecord, OwnerSignature, SignedNameRecord, Standing};
use casemate_model::{Name, Project, Timestamp};
use casemate_policy::{Operation, Permit, operation};

use crate::cache::ResolveCache;
use crate::rules::{self, Scene};
use crate::{
    Claimed, ClaimedBy, Class, Commitments, Content, HeldName, Keys, LastVersion, NamesError, NewVersion,
    Nonce, Notice, Obstacle, Order, Registry, Replaced, Revealed, Status,
};

/// How far the clock of who signs may be ahead.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// How long a signed record may say that it can be taken.
pub const TAKE_MAX: Duration = Duration::from_secs(60 * 60);

/// How often a change is tried that others overtake.
const TRIES_MAX: usize = 16;

/// The names of this node.
#[derive(Clone)]
pub struct Names {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) cache: Arc<ResolveCache>,
    pub(crate) commitments: Commitments,
}

/// What goes with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// When.
    pub at: Timestamp,
    /// The version that is to be replaced; whichever there is, if absent.
    pub expected: Option<u64>,
    /// What reveals the commitment to a claim, if there is one.
    pub nonce: Option<Nonce>,
    /// What the log is to say. The digest of the record is added to it.
    pub event: Event,
}

/// A version that somebody may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    /// It.
    pub record: NameRecord,
    /// The version that it comes after, as that was signed; `None` for a claim.
    pub former: Option<SignedNameRecord>,
}

/// What a claim is made on: how the history of the name ended, and what is held above it, the nearest first.
struct Ground {
    last: LastVersion,
    above: Vec<HeldName>,
    is_guessed: bool,
}

impl Ground {
    /// That nobody ever had the name, and nobody has one above it. It mostly is so, and the registry says when it is not: then it is
    /// worth reading what there is.
    const GUESSED: Self = Self { last: LastVersion::NONE, above: Vec::new(), is_guessed: true };
}

/// Who asks.
pub(crate) struct Asking<'a> {
    project: &'a Project,
    is_operator: bool,
    actor: String,
}

/// A record that somebody signed, which is to be what comes of an order.
type Signed<'a> = Option<&'a SignedNameRecord>;

impl Names {
    /// Names as `registry` keeps them.
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        Self { registry, cache: Arc::new(ResolveCache::new()), commitments: Commitments::default() }
    }

    /// Claims a free name for the permit's project.
    pub async fn claim(
        &self,
        permit: &Permit<operation::ClaimName>,
        name: &Name,
        (content, keys): (Content, Keys),
        given: Given,
    ) -> Result<HeldName, NamesError> {
        self.claim_as(&Asking::of(permit), name, (&content, &keys), given, None).await
    }

    /// Carries out an order on a name that is held. What may be done with a permit is said by its operation.
    pub async fn change<O: Operation>(
        &self,
        permit: &Permit<O>,
        name: &Name,
        order: &Order,
        given: Given,
    ) -> Result<HeldName, NamesError> {
        assert_eq!(order.action(), permit.action(), "a permit is for one operation");
        self.change_as(&Asking::of(permit), name, order, given, None).await
    }

    /// Carries out what somebody signed: the record must be what comes of it, to the last byte.
    pub async fn take(
        &self,
        permit: &Permit<operation::SignName>,
        signed: &SignedNameRecord,
        given: Given,
    ) -> Result<HeldName, NamesError> {
        let (record, asking) = (signed.record(), Asking::of(permit));
        let (name, given) = (&record.name, Given { expected: record.sequence.checked_sub(1), ..given });
        let otherwise = || NamesError::SignedOtherwise { name: name.clone() };
        let is_timely = record.issued <= given.at.saturating_add(SKEW_MAX)
            && given.at <= record.take_until
            && record.take_until <= record.issued.saturating_add(TAKE_MAX);
        if !is_timely {
            let (issued, take_until) = (record.issued, record.take_until);
            return Err(NamesError::SignedForAnotherTime { name: name.clone(), issued, take_until });
        }
        match Order::of(record).ok_or_else(otherwise)? {
            Order::Claim { content, keys } => {
                self.claim_as(&asking, name, (&content, &keys), given, Some(signed)).await
            }
            order => self.change_as(&asking, name, &order, given, Some(signed)).await,
        }
    }

    /// The record that would come of an order now, for its owner to sign. It can be taken for `take_for`.
    pub async fn draft(
        &self,
        permit: &Permit<operation::DraftName>,
        name: &Name,
        order: &Order,
        (now, take_for): (Timestamp, Duration),
    ) -> Result<Drafted, NamesError> {
        let asking = Asking::of(permit);
        let (record, former) = match order {
            Order::Claim { content, keys } => {
                let ground = self.ground(name).await?;
                (self.first_version(&asking, (name, &ground), (content, keys), now)?, None)
            }
            order => {
                let (record, held) = self.next_version(&asking, name, order, (now, now)).await?;
                (record, self.registry.signed(name, held.record.sequence).await?)
            }
        };
        let record = NameRecord { take_until: now.saturating_add(take_for.min(TAKE_MAX)), ..record };
        Ok(Drafted { record, former: former.map(|former| former.signed) })
    }

    async fn claim_as(
        &self,
        asking: &Asking<'_>,
        name: &Name,
        (content, keys): (&Content, &Keys),
        given: Given,
        signed: Signed<'_>,
    ) -> Result<HeldName, NamesError> {
        asking.check_class(name)?;
        let revealed = self.revealed(asking, name, &given)?;
        let mut ground = Ground::GUESSED;
        for _ in 0..TRIES_MAX {
            let at = signed_at(signed, given.at);
            let record = self.first_version(asking, (name, &ground), (content, keys), at)?;
            let (record, signatures) = match checked(record, None, signed).await {
                Err(NamesError::SignedOtherwise { .. }) if ground.is_guessed => {
                    ground = self.ground(name).await?;
                    continue;
                }
                checked => checked?,
            };
            let held = begun(record, given.at);
            let (actor, free_from) = (asking.actor.clone(), given.at);
            let version = NewVersion { held, signatures, actor, free_from, revealed };
            let event = with_record(given.event.clone(), version.record());
            match self.registry.claim(&version, &ground.above, event).await? {
                Claimed::Done => {
                    self.cache.forget(name);
                    return Ok(version.held);
                }
                Claimed::Refused(obstacle) => return Err(refusal(name, obstacle, asking.project)),
                Claimed::NotCommitted => return Err(NamesError::NotCommitted { name: name.clone() }),
                Claimed::BlobMissing => return Err(NamesError::BlobMissing { digest: content.digest }),
                Claimed::Overtaken if signed.is_some() && !ground.is_guessed => {
                    return Err(NamesError::SignedOtherwise { name: name.clone() });
                }
                Claimed::Overtaken => ground = self.ground(name).await?,
            }
        }
        Err(NamesError::Contended { name: name.clone() })
    }

    async fn ground(&self, name: &Name) -> Result<Ground, NamesError> {
        let mut above = self.registry.family(name).await?;
        above.retain(|above| above.record.name != *name);
        Ok(Ground { last: self.registry.last(name).await?, above, is_guessed: false })
    }

    /// The commitment that a claim reveals, if it has to or does.
    fn revealed(
        &self,
        asking: &Asking<'_>,
        name: &Name,
        given: &Given,
    ) -> Result<Option<Revealed>, NamesError> {
        match &given.nonce {
            Some(nonce) => Ok(Some(Revealed::new(nonce.commitment(asking.project, name), given.at))),
            None if self.commitments == Commitments::Required && !asking.is_operator => {
                Err(NamesError::CommitmentMissing { name: name.clone() })
            }
            None => Ok(None),
        }
    }

    fn first_version(
        &self,
        asking: &Asking<'_>,
        (name, ground): (&Name, &Ground),
        (content, keys): (&Content, &Keys),
        at: Timestamp,
    ) -> Result<NameRecord, NamesError> {
        let Ground { last, above, .. } = ground;
        if let Some(by) = rules::stopped_above(name, above) {
            let status = Status::SuspendedAbove { by: by.clone() };
            return Err(NamesError::NotActive { name: name.clone(), status });
        }
        // What is below another project's name ends with it.
        let lenders = above.iter().filter(|above| above.record.project != *asking.project);
        let term = at.saturating_add(Class::of(name).term);
        Ok(NameRecord {
            registry: self.registry.id(),
            change: NameChange::Claimed,
            standing: Standing::Good,
            name: name.clone(),
            epoch: last.epoch + 1,
            sequence: last.sequence + 1,
            project: asking.project.clone(),
            offered_to: None,
            owner: keys.owner.clone(),
            recovery: keys.recovery.clone(),
            successor: None,
            digest: Some(content.digest),
            dns: content.dns.clone(),
            tags: content.tags.clone(),
            issued: at,
            take_until: at,
            expires: lenders.map(|above| above.record.expires).fold(term, Ord::min),
            previous: last.record,
        })
    }

    async fn change_as(
        &self,
        asking: &Asking<'_>,
        name: &Name,
        order: &Order,
        given: Given,
        signed: Signed<'_>,
    ) -> Result<HeldName, NamesError> {
        if matches!(order, Order::Accept { .. }) {
            asking.check_class(name)?;
        }
        for _ in 0..TRIES_MAX {
            let times = (given.at, signed_at(signed, given.at));
            let (record, held) = self.next_version(asking, name, order, times).await?;
            let found = held.record.sequence;
            if let Some(expected) = given.expected.filter(|expected| *expected != found) {
                return Err(NamesError::Stale { name: name.clone(), expected, found });
            }
            let (record, signatures) = checked(record, Some(&held.record), signed).await?;
            let event = with_record(given.event.clone(), &record).concerning(parties(&held.record, &record));
            let (held, free_from) = followed(record, &held, given.at);
            let actor = asking.actor.clone();
            let version = NewVersion { held, signatures, actor, free_from, revealed: None };
            match (self.registry.replace(&version, event).await?, given.expected) {
                (Replaced::Done, _) => {
                    self.cache.forget(name);
                    return Ok(version.held);
                }
                (Replaced::OfAnother(holder), _) => {
                    return Err(NamesError::OfAnother { name: name.clone(), holder });
                }
                (Replaced::Missing, _) => return Err(NamesError::NotClaimed { name: name.clone() }),
                (Replaced::BlobMissing, _) => {
                    let digest = version.record().digest.unwrap_or(NameRecord::NO_PREVIOUS);
                    return Err(NamesError::BlobMissing { digest });
                }
                (Replaced::Conflict(found), Some(expected)) => {
                    return Err(NamesError::Stale { name: name.clone(), expected, found });
                }
                (Replaced::Conflict(_), None) => {}
            }
        }
        Err(NamesError::Contended { name: name.clone() })
    }

    async fn next_version(
        &self,
        asking: &Asking<'_>,
        name: &Name,
        order: &Order,
        (now, issued): (Timestamp, Timestamp),
    ) -> Result<(NameRecord, HeldName), NamesError> {
        let (held, above) = self.find(name).await?;
        let (project, is_operator) = (asking.project, asking.is_operator);
        let scene = Scene { held: &held, above: &above, project, is_operator, now, issued };
        Ok((scene.next(order)?, held))
    }

    /// A name that is held, and those above it.
    pub(crate) async fn find(&self, name: &Name) -> Result<(HeldName, Vec<HeldName>), NamesError> {
        let mut family = self.registry.family(name).await?;
        if family.first().is_none_or(|first| first.record.name != *name) {
            return Err(NamesError::NotClaimed { name: name.clone() });
        }
        let held = family.remove(0);
        Ok((held, family))
    }

    /// Forgets what is at hand of a name that has another version.
    pub(crate) fn forget(&self, name: &Name) {
        self.cache.forget(name);
    }

    pub(crate) fn registry(&self) -> &dyn Registry {
        &*self.registry
    }
}

impl<'a> Asking<'a> {
    pub(crate) fn of<O: Operation>(permit: &'a Permit<O>) -> Self {
        Self {
            project: permit.project(),
            is_operator: permit.may_write_node(),
            actor: permit.principal().kind.to_string(),
        }
    }

    /// Refuses a name that ends in a word which nobody gets, or not whoever asks.
    pub(crate) fn check_class(&self, name: &Name) -> Result<(), NamesError> {
        match Class::of(name).claim {
            ClaimedBy::Nobody => Err(NamesError::Reserved { name: name.clone() }),
            ClaimedBy::Operator if !self.is_operator => Err(NamesError::HighRisk { name: name.clone() }),
            ClaimedBy::Operator | ClaimedBy::Anyone => Ok(()),
        }
    }
}

/// The time that a version says: that at which it was signed, if it was.
fn signed_at(signed: Signed<'_>, now: Timestamp) -> Timestamp {
    signed.map_or(now, |signed| signed.record().issued)
}

/// Checks that a version is signed by those who have to, on a thread where computing is in nobody's way, and that what they signed
/// is it.
async fn checked(
    record: NameRecord,
    former: Option<&NameRecord>,
    signed: Signed<'_>,
) -> Result<(NameRecord, Vec<OwnerSignature>), NamesError> {
    let signers = record.signers(former);
    let name = || record.name.clone();
    let Some(signed) = signed else {
        return match signers.first() {
            Some(signer) => Err(NamesError::SignatureMissing { name: name(), signer: signer.fingerprint() }),
            None => Ok((record, Vec::new())),
        };
    };
    let expected = NameRecord { take_until: signed.record().take_until, ..record.clone() };
    if *signed.record() != expected {
        return Err(NamesError::SignedOtherwise { name: name() });
    }
    let (signed, signers) = (signed.clone(), signers.into_iter().cloned().collect::<Vec<_>>());
    let verifying = move || signed.verify(&signers.iter().collect::<Vec<_>>()).map(|()| signed);
    let verified = tokio::task::spawn_blocking(verifying).await.expect("checking a signature does not panic");
    let signed = verified.map_err(|_| NamesError::BadSignature { name: name() })?;
    Ok((expected, signed.signatures().to_vec()))
}

/// A name whose life begins, or begins with another holder.
fn begun(record: NameRecord, at: Timestamp) -> HeldName {
    let locked_until = at.saturating_add(Class::of(&record.name).lock);
    let held = HeldName { record, claimed: at, updated: at, locked_until, noticed: Notice::None, due: at };
    let (noticed, due) = held.next_look(at);
    HeldName { noticed, due, ..held }
}

/// A name as it stands with its next version, and from when on others may have it if that is its last.
pub(crate) fn followed(record: NameRecord, former: &HeldName, at: Timestamp) -> (HeldName, Timestamp) {
    let free_from = at.saturating_add(Class::of(&record.name).cool_off);
    if record.change == NameChange::Transferred {
        return (begun(record, at), free_from);
    }
    let held = HeldName { record, updated: at, ..former.clone() };
    let (noticed, due) = held.next_look(at);
    (HeldName { noticed, due, ..held }, free_from)
}

/// Has an entry of the log name a record.
pub(crate) fn with_record(mut event: Event, record: &NameRecord) -> Event {
    event.details.push((SignedNameRecord::DETAIL.to_owned(), record.digest_of().to_string()));
    event
}

/// Those who have to do with a version and the one before it: who holds the name, and to whom it is offered.
fn parties<'a>(former: &'a NameRecord, record: &'a NameRecord) -> impl Iterator<Item = &'a Project> {
    let of = |record: &'a NameRecord| iter::once(&record.project).chain(&record.offered_to);
    of(former).chain(of(record))
}

pub(crate) fn refusal(name: &Name, obstacle: Obstacle, asking: &Project) -> NamesError {
    let name = name.clone();
    match obstacle {
        Obstacle::Held(holder) => NamesError::Taken { name, own: holder == *asking },
        Obstacle::OfAnother(holder) => NamesError::OfAnother { name, holder },
        Obstacle::LooksLike(other) => NamesError::LooksLike { name, other },
        Obstacle::CoolingOff(until) => NamesError::CoolingOff { name, until },
    }
}
