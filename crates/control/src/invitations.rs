use std::time::Duration;

use casemate_identity::{
    InvitationRecord, Member, Password, Rejected, UserKind, UserRecord, claimed_invitation, issue_invitation,
    opens_invitation,
};
use casemate_model::{InvitationId, Project, Role, UserId, UserName};
use casemate_policy::{Resource, operation};
use secrecy::{ExposeSecret, SecretString};

use crate::users::{UserDetails, user_resource};
use crate::{Caller, Control, ControlError};

/// How long an invitation is good for.
const INVITATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Who may become a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Nobody by itself: administrators make users.
    Off,
    /// Whoever holds an invitation.
    Invited,
    /// Everybody, with this role in the project `default`.
    Open(Role),
}

impl Control {
    /// Invites somebody to become a user with a role in the caller's project. The token is in the answer and nowhere else.
    pub async fn invite(
        &self,
        caller: &Caller,
        role: Role,
    ) -> Result<(InvitationRecord, SecretString), ControlError> {
        let permit = self.permit::<operation::Invite>(caller, &Resource::all("invitations")).await?;
        if self.parts.settings.registration == Registration::Off {
            return Err(ControlError::RegistrationOff);
        }
        self.check_gives(caller, permit.action(), &role).await?;
        let (peppers, now) = (self.authenticator().peppers(), self.now());
        let (what, maker) = ((permit.project().clone(), role), self.maker_of(&caller.principal).await?);
        let (record, token) =
            issue_invitation(what, maker, INVITATION_LIFETIME, peppers, now, self.entropy());
        let mut event =
            self.event(caller, permit.action(), Resource::one("invitation", record.id), "invited");
        event.details.push(("role".to_owned(), record.role.to_string()));
        self.parts.users.insert_invitation(&record, event).await?;
        Ok((record, token))
    }

    /// Lists invitations of the caller's project that were not used yet.
    pub async fn list_invitations(
        &self,
        caller: &Caller,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<InvitationRecord>, ControlError> {
        let permit = self.permit::<operation::ListInvitations>(caller, &Resource::all("invitations")).await?;
        Ok(self.parts.users.invitations(permit.project(), after, limit).await?)
    }

    /// Takes an invitation of the caller's project back.
    pub async fn withdraw_invitation(&self, caller: &Caller, id: InvitationId) -> Result<(), ControlError> {
        let resource = Resource::one("invitation", id);
        let permit = self.permit::<operation::WithdrawInvitation>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "withdrawn");
        let done = self.parts.users.remove_invitation(permit.project(), id, event).await?;
        if done { Ok(()) } else { Err(ControlError::InvitationNotFound(id)) }
    }

    /// Makes the caller a user: by an invitation, or, where that is allowed, without.
    pub async fn register(
        &self,
        caller: &Caller,
        name: UserName,
        password: Password,
        invitation: Option<&SecretString>,
    ) -> Result<UserDetails, ControlError> {
        let resource = user_resource(&name);
        let permit = self.permit::<operation::Register>(caller, &resource).await?;
        let (project, role, invitation) = match self.welcome(invitation).await {
            Ok(welcome) => welcome,
            Err(ControlError::Rejected(rejected)) => {
                self.record_refused(caller, permit.action(), &resource, "invitation not accepted").await?;
                return Err(rejected.into());
            }
            Err(error) => return Err(error),
        };
        let hash = self.hash_password(password).await?;
        let now = self.now();
        let user = UserRecord {
            id: UserId::generate(now, self.entropy()),
            name,
            kind: UserKind::Person,
            password: Some((hash, now)),
            created: now,
            blocked: None,
        };
        let member = Member { project: project.clone(), user: user.id, role, created: now };
        let mut event = self.event(caller, permit.action(), &resource, "registered");
        event.project = project;
        event.details.push(("id".to_owned(), user.id.to_string()));
        event.details.push(("role".to_owned(), member.role.to_string()));
        self.add_user(user, member, invitation, event).await
    }

    /// Where somebody who registers gets which role.
    async fn welcome(
        &self,
        token: Option<&SecretString>,
    ) -> Result<(Project, Role, Option<InvitationId>), ControlError> {
        let Some(token) = token else {
            return match &self.parts.settings.registration {
                Registration::Open(role) => Ok((Project::default_project(), role.clone(), None)),
                Registration::Invited | Registration::Off => Err(ControlError::RegistrationOff),
            };
        };
        if self.parts.settings.registration == Registration::Off {
            return Err(ControlError::RegistrationOff);
        }
        let id = claimed_invitation(token.expose_secret())?;
        let found = self.parts.users.invitation(id).await?.ok_or(Rejected)?;
        opens_invitation(token.expose_secret(), &found, self.authenticator().peppers(), self.now())?;
        self.check_still_invites(&found).await?;
        Ok((found.project, found.role, Some(id)))
    }

    /// Refuses an invitation whose maker could not make it any more.
    async fn check_still_invites(&self, invitation: &InvitationRecord) -> Result<(), ControlError> {
        let InvitationRecord { project, role, maker, .. } = invitation;
        let maker = self.principal_of(*maker, project).await?.ok_or(Rejected)?;
        casemate_policy::authorize::<operation::Invite>(&maker, project, &Resource::all("invitations"))
            .map_err(|_| Rejected)?;
        let scopes = self.scopes_of(project, role).await?.ok_or(Rejected)?;
        if maker.scopes.cover_all(&scopes) { Ok(()) } else { Err(Rejected.into()) }
    }
}
