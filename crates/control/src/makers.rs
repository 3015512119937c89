use casemate_identity::{IdentityError, Maker};
use casemate_model::{Principal, PrincipalKind, Project};

use crate::{Control, ControlError};

impl Control {
    /// In whose name `principal` makes something that stays good.
    pub(crate) async fn maker_of(&self, principal: &Principal) -> Result<Maker, ControlError> {
        if let Some(user) = principal.user() {
            return Ok(Maker::User(user));
        }
        Ok(self.key_behind(principal).await?.map_or(Maker::Operator, |key| Maker::Key(key.id)))
    }

    /// What a maker may do in `project` now; `None` if it may do nothing any more.
    pub(crate) async fn principal_of(
        &self,
        maker: Maker,
        project: &Project,
    ) -> Result<Option<Principal>, ControlError> {
        let user = match maker {
            Maker::Operator => return Ok(Some(Principal::node(project.clone()))),
            Maker::Key(key) => {
                return match self.authenticator().by_key_id(key, self.now()).await {
                    Ok(principal) => Ok(Some(principal)),
                    Err(IdentityError::Rejected(_)) => Ok(None),
                    Err(IdentityError::Store(error)) => Err(error.into()),
                };
            }
            Maker::User(user) => user,
        };
        let stored = self.parts.users.user(user).await?;
        if stored.is_none_or(|user| user.blocked.is_some()) {
            return Ok(None);
        }
        let members = self.parts.users.memberships(user).await?;
        let Some(member) = members.into_iter().find(|member| member.project == *project) else {
            return Ok(None);
        };
        let scopes = self.scopes_of(project, &member.role).await?.unwrap_or_default();
        Ok(Some(Principal {
            kind: PrincipalKind::User(user),
            project: member.project,
            role: member.role,
            session: None,
            scopes,
            limit: None,
        }))
    }
}
