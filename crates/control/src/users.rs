use casemate_identity::{
    KeepSessions, Member, Password, PasswordHash, SessionRecord, UserAdded, UserKind, UserRecord,
};
use casemate_ledger::Event;
use casemate_model::{InvitationId, Project, Role, SessionId, UserId, UserName};
use casemate_policy::{Resource, operation};

use crate::{Caller, Control, ControlError};

/// What a new user is to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What the user signs in as.
    pub name: UserName,
    /// A person, or a program.
    pub kind: UserKind,
    /// The password; none for a program, and for a person who is to sign in by a link first.
    pub password: Option<Password>,
    /// The user's role in the caller's project.
    pub role: Role,
}

/// A user with its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDetails {
    /// The user.
    pub user: UserRecord,
    /// Its role in each project.
    pub members: Vec<Member>,
}

impl Control {
    /// Makes a user with a role in the caller's project.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<UserDetails, ControlError> {
        let resource = user_resource(&new.name);
        let permit = self.permit::<operation::CreateUser>(caller, &resource).await?;
        self.check_gives(caller, permit.action(), &new.role).await?;
        let password = match new.password {
            Some(_) if new.kind == UserKind::Service => return Err(ControlError::ServiceHasPassword),
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let now = self.now();
        let user = UserRecord {
            id: UserId::generate(now, self.entropy()),
            name: new.name,
            kind: new.kind,
            password: password.map(|hash| (hash, now)),
            created: now,
            blocked: None,
        };
        let member =
            Member { project: permit.project().clone(), user: user.id, role: new.role, created: now };
        let mut event = self.event(caller, permit.action(), &resource, "made");
        event.details.push(("id".to_owned(), user.id.to_string()));
        event.details.push(("role".to_owned(), member.role.to_string()));
        self.add_user(user, member, None, event).await
    }

    pub(crate) async fn add_user(
        &self,
        user: UserRecord,
        member: Member,
        invitation: Option<InvitationId>,
        event: Event,
    ) -> Result<UserDetails, ControlError> {
        match self.parts.users.insert_user(&user, Some(&member), invitation, event).await? {
            UserAdded::Done => Ok(UserDetails { user, members: vec![member] }),
            UserAdded::NameTaken => Err(ControlError::UserNameTaken(user.name)),
            UserAdded::InvitationGone => Err(ControlError::InvitationGone),
        }
    }

    /// Lists the node's users.
    pub async fn list_users(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserRecord>, ControlError> {
        self.permit::<operation::ListUsers>(caller, &Resource::all("users")).await?;
        Ok(self.parts.users.users(after, limit).await?)
    }

    /// Shows a user with its roles.
    pub async fn show_user(&self, caller: &Caller, name: &UserName) -> Result<UserDetails, ControlError> {
        self.permit::<operation::ShowUser>(caller, &user_resource(name)).await?;
        let user = self.find_user(name).await?;
        Ok(UserDetails { members: self.parts.users.memberships(user.id).await?, user })
    }

    /// Blocks a user, which ends its sessions at once, or lets it in again.
    pub async fn block_user(
        &self,
        caller: &Caller,
        name: &UserName,
        block: bool,
    ) -> Result<(), ControlError> {
        let resource = user_resource(name);
        let permit = self.permit::<operation::BlockUser>(caller, &resource).await?;
        let user = self.find_user(name).await?;
        self.refuse_oneself(caller, &user).await?;
        self.check_outranks(caller, permit.action(), &user, None).await?;
        let event = self.event(caller, permit.action(), &resource, if block { "blocked" } else { "let in" });
        self.parts.users.block_user(user.id, block.then(|| self.now()), event).await?;
        self.authenticator().forget_all();
        Ok(())
    }

    /// Refuses what nobody is to do to the user that they are, or whose key they use: by mistake it locks the last
    /// administrator out, and by a stolen session it takes the second factor away.
    pub(crate) async fn refuse_oneself(
        &self,
        caller: &Caller,
        user: &UserRecord,
    ) -> Result<(), ControlError> {
        let behind = self.key_behind(&caller.principal).await?.and_then(|key| key.owner);
        let oneself = [caller.principal.user(), behind].contains(&Some(user.id));
        if oneself { Err(ControlError::Oneself) } else { Ok(()) }
    }

    /// Gives a user a new password, which ends all its sessions.
    pub async fn reset_password(
        &self,
        caller: &Caller,
        name: &UserName,
        new: Password,
    ) -> Result<(), ControlError> {
        let resource = user_resource(name);
        let permit = self.permit::<operation::ResetPassword>(caller, &resource).await?;
        let user = self.find_user(name).await?;
        self.check_outranks(caller, permit.action(), &user, None).await?;
        if user.kind == UserKind::Service {
            return Err(ControlError::ServiceHasPassword);
        }
        let event = self.event(caller, permit.action(), &resource, "set");
        self.replace_password(&user, new, KeepSessions::Only(None), event).await
    }

    /// Replaces the caller's own password, which ends its other sessions. The former one must be known, so that nobody
    /// takes over what somebody left open.
    pub async fn change_password(
        &self,
        caller: &Caller,
        former: Password,
        new: Password,
    ) -> Result<(), ControlError> {
        let permit = self.permit::<operation::ChangePassword>(caller, &Resource::all("user")).await?;
        let user = self.own_user(caller).await?;
        let resource = user_resource(&user.name);
        self.check_own_password(caller, permit.action(), &user, former).await?;
        let event = self.event(caller, permit.action(), &resource, "changed");
        self.replace_password(&user, new, KeepSessions::Only(caller.principal.session), event).await
    }

    async fn replace_password(
        &self,
        user: &UserRecord,
        new: Password,
        keep: KeepSessions,
        event: Event,
    ) -> Result<(), ControlError> {
        let new = self.hash_password(new).await?;
        let former = user.password.as_ref().map(|(hash, _)| hash);
        let replaced =
            self.parts.users.set_password(user.id, (former, &new), self.now(), keep, event).await?;
        self.authenticator().forget_sessions();
        if replaced { Ok(()) } else { Err(ControlError::UserChanged(user.name.clone())) }
    }

    /// Lists the caller's own sessions.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, ControlError> {
        self.permit::<operation::ListSessions>(caller, &Resource::all("sessions")).await?;
        let user = self.own_user(caller).await?;
        Ok(self.parts.users.sessions_of(user.id, self.now(), after, limit).await?)
    }

    /// Ends one of the caller's own sessions.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<(), ControlError> {
        let resource = Resource::one("session", id);
        let permit = self.permit::<operation::EndSession>(caller, &resource).await?;
        let user = self.own_user(caller).await?;
        let session = self.parts.credentials.session(id).await?;
        if session.is_none_or(|session| session.user != Some(user.id)) {
            return Err(ControlError::SessionNotFound(id));
        }
        let event = self.event(caller, permit.action(), &resource, "ended");
        self.parts.credentials.end_session(id, event).await?;
        self.authenticator().forget_session(id);
        Ok(())
    }

    pub(crate) async fn find_user(&self, name: &UserName) -> Result<UserRecord, ControlError> {
        let found = self.parts.users.user_by_name(name).await?;
        found.ok_or_else(|| ControlError::UserNotFound(name.clone()))
    }

    /// The user as which the caller has signed in.
    pub(crate) async fn own_user(&self, caller: &Caller) -> Result<UserRecord, ControlError> {
        let id = caller.principal.user().ok_or(ControlError::NoUser)?;
        self.parts.users.user(id).await?.ok_or(ControlError::NoUser)
    }

    pub(crate) async fn hash_password(&self, password: Password) -> Result<PasswordHash, ControlError> {
        self.passwords.hash(password, std::sync::Arc::clone(&self.parts.entropy)).await
    }

    /// Refuses what would act on a user who may do more than the caller, in one project or in all: its password would be a
    /// way to its rights, and nobody takes from those above.
    pub(crate) async fn check_outranks(
        &self,
        caller: &Caller,
        action: &'static str,
        user: &UserRecord,
        project: Option<&Project>,
    ) -> Result<(), ControlError> {
        let members = self.parts.users.memberships(user.id).await?;
        let meant = members.into_iter().filter(|member| project.is_none_or(|one| member.project == *one));
        for member in meant {
            let scopes = self.scopes_of(&member.project, &member.role).await?.unwrap_or_default();
            if !caller.principal.scopes.cover_all(&scopes) {
                let why = "the user may do more than the caller";
                self.record_refused(caller, action, user_resource(&user.name), why).await?;
                return Err(ControlError::UserOutranks);
            }
        }
        Ok(())
    }
}

pub(crate) fn user_resource(name: &UserName) -> Resource {
    Resource::one("user", name)
}
