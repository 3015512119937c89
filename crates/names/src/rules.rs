//! What may be done with a name that is held, and what comes of it: no clock, no store, no doubt.

use casemate_ledger::{NameChange, NameRecord, Standing};
use casemate_model::{Name, Project, Timestamp};

use crate::{Class, Edit, HeldName, Keys, NamesError, Order, Status};

/// What a rule looks at.
pub(crate) struct Scene<'a> {
    /// The name.
    pub(crate) held: &'a HeldName,
    /// Those above it that are held, the nearest first.
    pub(crate) above: &'a [HeldName],
    /// The project that asks.
    pub(crate) project: &'a Project,
    /// Whether who asks runs the node.
    pub(crate) is_operator: bool,
    /// The time.
    pub(crate) now: Timestamp,
    /// The time that the version says: that at which somebody signed it, or the same.
    pub(crate) issued: Timestamp,
}

/// Whether a name may be used.
pub(crate) fn status(held: &HeldName, above: &[HeldName], now: Timestamp) -> Status {
    let own = held.own_status(now);
    if own != Status::Active {
        return own;
    }
    let stopped = stopped_above(&held.record.name, above);
    stopped.map_or(own, |by| Status::SuspendedAbove { by: by.clone() })
}

/// The nearest above a name that may not be used.
pub(crate) fn stopped_above<'a>(name: &Name, above: &'a [HeldName]) -> Option<&'a Name> {
    let stopped = |above: &&HeldName| above.record.standing != Standing::Good && above.record.name != *name;
    above.iter().find(stopped).map(|above| &above.record.name)
}

impl Scene<'_> {
    /// The version that comes of an order on a name that is held.
    pub(crate) fn next(&self, order: &Order) -> Result<NameRecord, NamesError> {
        match order {
            Order::Claim { .. } => Err(NamesError::Taken {
                name: self.held.record.name.clone(),
                own: self.held.record.project == *self.project,
            }),
            Order::Update(edit) => self.update(edit),
            Order::Renew => self.renew(),
            Order::Offer { to } => self.offer(to),
            Order::Withdraw => self.withdraw(),
            Order::Decline => self.decline(),
            Order::Accept { digest, keys } => {
                let accepted = self.accept(keys)?;
                Ok(NameRecord { digest: digest.or(accepted.digest), ..accepted })
            }
            Order::Rotate(keys) => {
                self.holder()?;
                self.active()?;
                let Keys { owner, recovery } = keys.clone();
                Ok(NameRecord { owner, recovery, ..self.version(NameChange::Rotated) })
            }
            Order::Recover { successor } => self.recover(successor),
            Order::FinishRecovery => self.finish_recovery(),
            Order::Suspend => self.stand(Standing::Good, Standing::Suspended, NameChange::Suspended),
            Order::Resume => self.resume(),
            Order::Revoke => self.revoke(),
            Order::Release => {
                self.holder()?;
                self.not_stopped()?;
                Ok(end(self.held, NameChange::Released, self.issued))
            }
        }
    }

    /// The next version, as far as nothing is different. An offer and a change of keys stand until the next version.
    fn version(&self, change: NameChange) -> NameRecord {
        follow(&self.held.record, change, self.issued)
    }

    fn holder(&self) -> Result<(), NamesError> {
        if self.held.record.project == *self.project {
            return Ok(());
        }
        Err(NamesError::NotOwner { name: self.held.record.name.clone() })
    }

    fn active(&self) -> Result<(), NamesError> {
        match status(self.held, self.above, self.now) {
            Status::Active => Ok(()),
            status => Err(NamesError::NotActive { name: self.held.record.name.clone(), status }),
        }
    }

    fn update(&self, edit: &Edit) -> Result<NameRecord, NamesError> {
        self.holder()?;
        self.active()?;
        let Edit { digest, dns, tags } = edit.clone();
        let record = self.version(NameChange::Updated);
        Ok(NameRecord {
            digest: digest.or(record.digest),
            dns: dns.unwrap_or(record.dns),
            tags: tags.unwrap_or(record.tags),
            ..record
        })
    }

    fn renew(&self) -> Result<NameRecord, NamesError> {
        self.holder()?;
        let (record, name) = (&self.held.record, &self.held.record.name);
        if let status @ Status::Revoked { .. } = self.held.own_status(self.now) {
            return Err(NamesError::NotActive { name: name.clone(), status });
        }
        let class = Class::of(name);
        let from = record.expires.saturating_sub(class.window);
        if self.now < from {
            return Err(NamesError::TooEarly { name: name.clone(), from });
        }
        let expires = self.capped(record.expires.saturating_add(class.term), self.project);
        if expires <= record.expires {
            return Err(NamesError::EndsWithAbove { name: name.clone(), expires });
        }
        Ok(NameRecord { expires, ..self.version(NameChange::Renewed) })
    }

    /// What is below another project's name ends with it.
    fn capped(&self, expires: Timestamp, holder: &Project) -> Timestamp {
        let lenders = self.above.iter().filter(|above| above.record.project != *holder);
        lenders.map(|above| above.record.expires).fold(expires, Ord::min)
    }

    fn offer(&self, to: &Project) -> Result<NameRecord, NamesError> {
        self.holder()?;
        self.active()?;
        let name = &self.held.record.name;
        if *to == *self.project {
            return Err(NamesError::OwnAlready { name: name.clone() });
        }
        // What is below a name of one's own stays in one's power, and may go at once.
        let is_below_own = self.above.iter().any(|above| above.record.project == *self.project);
        if self.now < self.held.locked_until && !is_below_own {
            return Err(NamesError::Locked { name: name.clone(), until: self.held.locked_until });
        }
        Ok(NameRecord { offered_to: Some(to.clone()), ..self.version(NameChange::Offered) })
    }

    fn withdraw(&self) -> Result<NameRecord, NamesError> {
        self.holder()?;
        match self.held.record.change {
            NameChange::Offered | NameChange::Recovering => Ok(self.version(NameChange::Withdrawn)),
            _ => Err(NamesError::NothingOpen { name: self.held.record.name.clone() }),
        }
    }

    fn offered(&self) -> Result<(), NamesError> {
        let record = &self.held.record;
        let is_open = self.held.decided().is_some_and(|over| self.now < over);
        if record.offered_to.as_ref() == Some(self.project) && is_open {
            return Ok(());
        }
        Err(NamesError::NotOffered { name: record.name.clone() })
    }

    fn decline(&self) -> Result<NameRecord, NamesError> {
        self.offered()?;
        Ok(self.version(NameChange::Declined))
    }

    fn accept(&self, keys: &Keys) -> Result<NameRecord, NamesError> {
        self.offered()?;
        self.active()?;
        let record = self.version(NameChange::Transferred);
        let Keys { owner, recovery } = keys.clone();
        let expires = self.capped(record.expires, self.project);
        let tags = casemate_model::Tags::default();
        Ok(NameRecord { project: self.project.clone(), owner, recovery, expires, tags, ..record })
    }

    fn recover(&self, successor: &casemate_ledger::OwnerPublicKey) -> Result<NameRecord, NamesError> {
        self.holder()?;
        if self.held.record.recovery.is_none() {
            return Err(NamesError::NoRecovery { name: self.held.record.name.clone() });
        }
        let record = self.version(NameChange::Recovering);
        Ok(NameRecord { successor: Some(successor.clone()), ..record })
    }

    fn finish_recovery(&self) -> Result<NameRecord, NamesError> {
        self.holder()?;
        let record = &self.held.record;
        let Some(successor) = &record.successor else {
            return Err(NamesError::NothingOpen { name: record.name.clone() });
        };
        if let Some(from) = self.held.decided().filter(|from| self.now < *from) {
            return Err(NamesError::TooEarly { name: record.name.clone(), from });
        }
        Ok(NameRecord { owner: Some(successor.clone()), ..self.version(NameChange::Recovered) })
    }

    /// Who runs the node may stop a name, and who holds one above it.
    fn power(&self) -> Result<(), NamesError> {
        let is_below_own = self.above.iter().any(|above| above.record.project == *self.project);
        if self.is_operator || is_below_own {
            return Ok(());
        }
        Err(NamesError::NoPower { name: self.held.record.name.clone() })
    }

    /// Giving up a name that was stopped, to claim it anew, would undo the stop.
    fn not_stopped(&self) -> Result<(), NamesError> {
        if self.held.record.standing == Standing::Good {
            return Ok(());
        }
        let status = self.held.own_status(self.now);
        Err(NamesError::NotActive { name: self.held.record.name.clone(), status })
    }

    fn stand(&self, from: Standing, to: Standing, change: NameChange) -> Result<NameRecord, NamesError> {
        self.power()?;
        if self.held.record.standing != from {
            let (name, standing) = (self.held.record.name.clone(), self.held.record.standing);
            return Err(NamesError::StandsAlready { name, standing });
        }
        Ok(NameRecord { standing: to, ..self.version(change) })
    }

    fn resume(&self) -> Result<NameRecord, NamesError> {
        let standing = self.held.record.standing;
        if standing == Standing::Good {
            self.power()?;
            return Err(NamesError::StandsAlready { name: self.held.record.name.clone(), standing });
        }
        self.stand(standing, Standing::Good, NameChange::Resumed)
    }

    fn revoke(&self) -> Result<NameRecord, NamesError> {
        let standing = self.held.record.standing;
        if standing == Standing::Revoked {
            self.power()?;
            return Err(NamesError::StandsAlready { name: self.held.record.name.clone(), standing });
        }
        self.stand(standing, Standing::Revoked, NameChange::Revoked)
    }
}

/// The last version of a life.
pub(crate) fn end(held: &HeldName, change: NameChange, issued: Timestamp) -> NameRecord {
    NameRecord {
        digest: None,
        dns: casemate_model::DnsRecords::default(),
        tags: casemate_model::Tags::default(),
        expires: issued,
        ..follow(&held.record, change, issued)
    }
}

fn follow(record: &NameRecord, change: NameChange, issued: Timestamp) -> NameRecord {
    NameRecord {
        change,
        sequence: record.sequence + 1,
        offered_to: None,
        successor: None,
        issued,
        take_until: issued,
        previous: record.digest_of(),
        ..record.clone()
    }
}
