use casemate_identity::{Member, RoleRecord, RoleRemoved, UserRecord};
use casemate_model::{Project, Role, Scopes, UserId, UserName};
use casemate_policy::{Resource, operation, roles};

use crate::users::user_resource;
use crate::{Caller, Control, ControlError};

/// A role, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDetails {
    /// Its name.
    pub role: Role,
    /// What it stands for.
    pub scopes: Scopes,
    /// Whether it is built in, and so the same in every project.
    pub built_in: bool,
}

impl Control {
    /// Lists who has a role in the caller's project.
    pub async fn list_members(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserRecord, Member)>, ControlError> {
        let permit = self.permit::<operation::ListMembers>(caller, &Resource::all("members")).await?;
        let mut found = Vec::new();
        for member in self.parts.users.members(permit.project(), after, limit).await? {
            if let Some(user) = self.parts.users.user(member.user).await? {
                found.push((user, member));
            }
        }
        Ok(found)
    }

    /// Gives a user a role in the caller's project, in place of any other.
    pub async fn set_member(
        &self,
        caller: &Caller,
        name: &UserName,
        role: Role,
    ) -> Result<Member, ControlError> {
        let resource = user_resource(name);
        let permit = self.permit::<operation::SetMember>(caller, &resource).await?;
        self.check_gives(caller, permit.action(), &role).await?;
        let user = self.find_user(name).await?;
        let project = permit.project().clone();
        self.refuse_oneself(caller, &user).await?;
        self.check_outranks(caller, permit.action(), &user, Some(&project)).await?;
        let member = Member { project, user: user.id, role, created: self.now() };
        let mut event = self.event(caller, permit.action(), &resource, "role given");
        event.details.push(("role".to_owned(), member.role.to_string()));
        let done = self.parts.users.set_member(&member, event).await?;
        self.authenticator().forget_all();
        if done { Ok(member) } else { Err(ControlError::UserNotFound(name.clone())) }
    }

    /// Takes a user's role in the caller's project away, which ends its sessions there.
    pub async fn remove_member(&self, caller: &Caller, name: &UserName) -> Result<(), ControlError> {
        let resource = user_resource(name);
        let permit = self.permit::<operation::RemoveMember>(caller, &resource).await?;
        let user = self.find_user(name).await?;
        self.refuse_oneself(caller, &user).await?;
        self.check_outranks(caller, permit.action(), &user, Some(permit.project())).await?;
        let event = self.event(caller, permit.action(), &resource, "role taken away");
        let done = self.parts.users.remove_member(permit.project(), user.id, event).await?;
        self.authenticator().forget_all();
        if done { Ok(()) } else { Err(ControlError::UserNotFound(name.clone())) }
    }

    /// Lists the roles that there are in the caller's project.
    pub async fn list_roles(&self, caller: &Caller) -> Result<Vec<RoleDetails>, ControlError> {
        let permit = self.permit::<operation::ListRoles>(caller, &Resource::all("roles")).await?;
        let built_in = Role::BUILT_IN.into_iter().filter_map(|role| {
            roles::built_in(&role).map(|scopes| RoleDetails { role, scopes, built_in: true })
        });
        let made = self.parts.users.roles(permit.project()).await?.into_iter();
        let made =
            made.map(|record| RoleDetails { role: record.role, scopes: record.scopes, built_in: false });
        Ok(built_in.chain(made).collect())
    }

    /// Makes a role in the caller's project, or changes what it stands for.
    pub async fn put_role(&self, caller: &Caller, role: &Role, scopes: Scopes) -> Result<(), ControlError> {
        let resource = Resource::one("role", role);
        let permit = self.permit::<operation::PutRole>(caller, &resource).await?;
        if roles::built_in(role).is_some() {
            return Err(ControlError::RoleBuiltIn(role.clone()));
        }
        if !caller.principal.scopes.cover_all(&scopes) {
            return Err(self.refuse_giving(caller, permit.action(), &resource).await?);
        }
        let mut event = self.event(caller, permit.action(), &resource, "set");
        event.details.push(("scopes".to_owned(), scopes.to_string()));
        let project = permit.project().clone();
        let record = RoleRecord { project, role: role.clone(), scopes, created: self.now() };
        self.parts.users.put_role(&record, event).await?;
        self.authenticator().forget_all();
        Ok(())
    }

    /// Removes a role of the caller's project that nobody has.
    pub async fn remove_role(&self, caller: &Caller, role: &Role) -> Result<(), ControlError> {
        let resource = Resource::one("role", role);
        let permit = self.permit::<operation::RemoveRole>(caller, &resource).await?;
        if roles::built_in(role).is_some() {
            return Err(ControlError::RoleBuiltIn(role.clone()));
        }
        let event = self.event(caller, permit.action(), &resource, "removed");
        match self.parts.users.remove_role(permit.project(), role, event).await? {
            RoleRemoved::Done => Ok(()),
            RoleRemoved::Missing => Err(ControlError::RoleNotFound(role.clone())),
            RoleRemoved::InUse => Err(ControlError::RoleInUse(role.clone())),
        }
    }

    /// What a role stands for in a project; `None` if there is no such role.
    pub(crate) async fn scopes_of(
        &self,
        project: &Project,
        role: &Role,
    ) -> Result<Option<Scopes>, ControlError> {
        match roles::built_in(role) {
            Some(scopes) => Ok(Some(scopes)),
            None => Ok(self.parts.credentials.role(project, role).await?),
        }
    }

    /// Refuses to give a role that may do more than the caller, who would soon have it too.
    pub(crate) async fn check_gives(
        &self,
        caller: &Caller,
        action: &'static str,
        role: &Role,
    ) -> Result<(), ControlError> {
        let scopes = self.scopes_of(&caller.principal.project, role).await?;
        let scopes = scopes.ok_or_else(|| ControlError::RoleNotFound(role.clone()))?;
        if caller.principal.scopes.cover_all(&scopes) {
            return Ok(());
        }
        Err(self.refuse_giving(caller, action, &Resource::one("role", role)).await?)
    }

    async fn refuse_giving(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: &Resource,
    ) -> Result<ControlError, ControlError> {
        self.record_refused(caller, action, resource, "the role may do more than the caller").await?;
        Ok(ControlError::RoleExceedsGiver)
    }
}
