use std::time::Duration;

use casemate_identity::{
    Credentials, InvitationRecord, KeepSessions, Maker, Member, PasswordHash, RefreshRecord, RoleRecord,
    RoleRemoved, Rotated, SecretMac, SessionRecord, UserAdded, UserKind, UserRecord, Users,
};
use casemate_ledger::AuditLog;
use casemate_model::{InvitationId, KeyId, Project, RefreshId, Role, Scopes, SessionId, UserId};

use crate::context::Context;

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const OTHER_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBE";

impl Context {
    fn user(&self, name: &str) -> UserRecord {
        UserRecord {
            id: UserId::generate(self.now(), &self.entropy),
            name: name.parse().unwrap(),
            kind: UserKind::Person,
            password: Some((PasswordHash::parse(HASH).unwrap(), self.now())),
            created: self.now(),
            blocked: None,
        }
    }

    fn member(&self, user: &UserRecord, role: Role) -> Member {
        Member { project: self.project.clone(), user: user.id, role, created: self.now() }
    }

    pub(super) async fn add_user(&self, name: &str) -> UserRecord {
        let user = self.user(name);
        let member = self.member(&user, Role::DEVELOPER);
        let added = self.store.insert_user(&user, Some(&member), None, self.event("users.create")).await;
        assert_eq!(added.unwrap(), UserAdded::Done);
        user
    }

    pub(super) fn user_session(&self, user: &UserRecord) -> SessionRecord {
        SessionRecord {
            id: SessionId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            role: Role::DEVELOPER,
            scopes: Scopes::ALL,
            key: None,
            user: Some(user.id),
            secret: SecretMac { pepper: 1, mac: [3; 32] },
            created: self.now(),
            expires: self.later(1000),
            client: "casemate 0.1".to_owned(),
            two_factors: false,
        }
    }

    fn refresh(&self, session: &SessionRecord, byte: u8) -> RefreshRecord {
        RefreshRecord {
            id: RefreshId::generate(self.now(), &self.entropy),
            session: session.id,
            secret: SecretMac { pepper: 1, mac: [byte; 32] },
            created: self.now(),
            used: None,
        }
    }

    pub(super) async fn add_session(
        &self,
        user: &UserRecord,
        refresh: Option<&RefreshRecord>,
    ) -> SessionRecord {
        let mut session = self.user_session(user);
        if let Some(refresh) = refresh {
            session.id = refresh.session;
        }
        let event = self.event("sessions.sign_in");
        assert!(self.store.insert_session(&session, refresh, None, event).await.unwrap());
        session
    }
}

pub(super) async fn users_are_found_by_id_and_name_and_names_are_unique(context: &Context) {
    assert_eq!(context.store.users(None, 9).await.unwrap(), []);
    let (ada, bob) = (context.add_user("ada").await, context.add_user("bob").await);
    let entries = context.store.size().await.unwrap();
    assert_eq!(context.store.user(ada.id).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(context.store.user_by_name(&bob.name).await.unwrap().as_ref(), Some(&bob));
    assert_eq!(context.store.user_by_name(&"eve".parse().unwrap()).await.unwrap(), None);
    assert_eq!(context.store.users(None, 1).await.unwrap(), std::slice::from_ref(&ada));
    assert_eq!(context.store.users(Some(ada.id), 9).await.unwrap(), [bob]);
    let second = context.user("ada");
    let added = context.store.insert_user(&second, None, None, context.event("refused")).await.unwrap();
    assert_eq!(added, UserAdded::NameTaken);
    assert_eq!(context.store.user(second.id).await.unwrap(), None);
    assert_eq!(context.store.size().await.unwrap(), entries, "a refusal leaves no entry");
}

pub(super) async fn an_invitation_makes_one_user(context: &Context) {
    let invitation = |seconds| InvitationRecord {
        id: InvitationId::generate(context.now(), &context.entropy),
        project: context.project.clone(),
        role: Role::VIEWER,
        maker: Maker::Key(KeyId::generate(context.now(), &context.entropy)),
        secret: SecretMac { pepper: 1, mac: [5; 32] },
        created: context.now(),
        expires: context.later(seconds),
    };
    let (first, short, unwanted) = (invitation(100), invitation(1), invitation(100));
    for invitation in [&first, &short, &unwanted] {
        context.store.insert_invitation(invitation, context.event("users.invite")).await.unwrap();
    }
    assert_eq!(context.store.invitation(first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(
        context.store.invitations(&context.project, Some(first.id), 1).await.unwrap(),
        std::slice::from_ref(&short)
    );
    let (project, elsewhere) = (&context.project, "elsewhere".parse::<Project>().unwrap());
    let remove = async |project, id| {
        context.store.remove_invitation(project, id, context.event("users.invite")).await.unwrap()
    };
    assert!(!remove(&elsewhere, unwanted.id).await);
    assert!(remove(project, unwanted.id).await && !remove(project, unwanted.id).await);

    context.clock.advance(Duration::from_secs(1));
    let use_up = async |name: &str, id| {
        let user = context.user(name);
        let member = context.member(&user, Role::VIEWER);
        context
            .store
            .insert_user(&user, Some(&member), Some(id), context.event("users.create"))
            .await
            .unwrap()
    };
    assert_eq!(use_up("late", short.id).await, UserAdded::InvitationGone);
    assert_eq!(use_up("ada", first.id).await, UserAdded::Done);
    assert_eq!(use_up("eve", first.id).await, UserAdded::InvitationGone);
    assert_eq!(context.store.user_by_name(&"eve".parse().unwrap()).await.unwrap(), None);
}

pub(super) async fn a_password_is_replaced_once_and_ends_sessions(context: &Context) {
    let user = context.add_user("ada").await;
    let (kept, ended) = (context.add_session(&user, None).await, context.add_session(&user, None).await);
    let (former, new) = (PasswordHash::parse(HASH).unwrap(), PasswordHash::parse(OTHER_HASH).unwrap());
    let replace = async |former: Option<&PasswordHash>, keep| {
        let (now, event) = (context.now(), context.event("users.password"));
        context.store.set_password(user.id, (former, &new), now, keep, event).await.unwrap()
    };
    assert!(!replace(None, KeepSessions::All).await, "it is not what it was thought to be");
    assert!(replace(Some(&former), KeepSessions::Only(Some(kept.id))).await);
    assert!(!replace(Some(&former), KeepSessions::Only(None)).await, "somebody else was first");
    assert_eq!(context.store.session(kept.id).await.unwrap().as_ref(), Some(&kept));
    assert_eq!(context.store.session(ended.id).await.unwrap(), None);
    assert!(replace(Some(&new), KeepSessions::All).await);
    assert!(context.store.session(kept.id).await.unwrap().is_some());
    let stored = context.store.user(user.id).await.unwrap().unwrap();
    assert_eq!(stored.password, Some((new.clone(), context.now())));
}

pub(super) async fn a_blocked_user_has_no_standing_and_no_sessions(context: &Context) {
    let user = context.add_user("ada").await;
    let session = context.add_session(&user, None).await;
    let elsewhere: Project = "elsewhere".parse().unwrap();
    let standing = async |project| context.store.standing(user.id, project).await.unwrap();
    assert_eq!(standing(&context.project).await, Some(Role::DEVELOPER));
    assert_eq!(standing(&elsewhere).await, None);
    assert_eq!(
        context.store.sessions_of(user.id, context.now(), None, 9).await.unwrap(),
        std::slice::from_ref(&session)
    );
    assert_eq!(context.store.sessions_of(user.id, session.expires, None, 9).await.unwrap(), [], "expired");
    assert_eq!(context.store.sessions_of(user.id, context.now(), Some(session.id), 9).await.unwrap(), []);

    let block = async |blocked| {
        context.store.block_user(user.id, blocked, context.event("users.block")).await.unwrap()
    };
    assert!(block(Some(context.now())).await && !block(Some(context.now())).await);
    assert_eq!(standing(&context.project).await, None);
    assert_eq!(context.store.session(session.id).await.unwrap(), None);
    assert!(block(None).await && !block(None).await);
    assert_eq!(standing(&context.project).await, Some(Role::DEVELOPER));
}

pub(super) async fn members_and_roles_come_and_go(context: &Context) {
    let user = context.add_user("ada").await;
    let manager: Role = "release-manager".parse().unwrap();
    let scopes: Scopes = "objects:write:releases/* names:write".parse().unwrap();
    let role = RoleRecord {
        project: context.project.clone(),
        role: manager.clone(),
        scopes,
        created: context.now(),
    };
    context.store.put_role(&role, context.event("roles.put")).await.unwrap();
    assert_eq!(context.store.role(&context.project, &manager).await.unwrap(), Some(role.scopes.clone()));
    assert_eq!(context.store.roles(&context.project).await.unwrap(), std::slice::from_ref(&role));
    let narrower = RoleRecord { scopes: "names:write".parse().unwrap(), ..role };
    context.store.put_role(&narrower, context.event("roles.put")).await.unwrap();
    assert_eq!(context.store.roles(&context.project).await.unwrap(), [narrower]);

    let member = context.member(&user, manager.clone());
    assert!(context.store.set_member(&member, context.event("members.set")).await.unwrap());
    let nobody = Member { user: context.user("eve").id, ..member.clone() };
    assert!(!context.store.set_member(&nobody, context.event("refused")).await.unwrap());
    assert_eq!(
        context.store.members(&context.project, None, 9).await.unwrap(),
        std::slice::from_ref(&member)
    );
    assert_eq!(context.store.memberships(user.id).await.unwrap(), [member]);

    let remove_role =
        async || context.store.remove_role(&context.project, &manager, context.event("roles.remove")).await;
    assert_eq!(remove_role().await.unwrap(), RoleRemoved::InUse);
    let session = context.add_session(&user, None).await;
    let remove = async || {
        context.store.remove_member(&context.project, user.id, context.event("members.remove")).await
    };
    assert!(remove().await.unwrap() && !remove().await.unwrap());
    assert_eq!(context.store.session(session.id).await.unwrap(), None);
    assert_eq!(remove_role().await.unwrap(), RoleRemoved::Done);
    assert_eq!(remove_role().await.unwrap(), RoleRemoved::Missing);
}

pub(super) async fn a_refresh_token_is_used_once_with_a_grace(context: &Context) {
    let user = context.add_user("ada").await;
    let first = context.refresh(&context.user_session(&user), 1);
    let session = context.add_session(&user, Some(&first)).await;
    let rotate = async |id, successor: &RefreshRecord, grace_from| {
        context.store.rotate(id, successor, grace_from, context.event("sessions.reused")).await.unwrap()
    };
    let entries = context.store.size().await.unwrap();
    let proposals: Vec<_> = (2..66).map(|byte| context.refresh(&session, byte)).collect();
    let uses = proposals.iter().map(|successor| rotate(first.id, successor, context.now()));
    let answers = futures_util::future::join_all(uses).await;
    let winner = answers.iter().position(|answer| *answer == Rotated::First).expect("one comes first");
    let second = &proposals[winner];
    for (index, answer) in answers.iter().enumerate().filter(|(index, _)| *index != winner) {
        assert_eq!(*answer, Rotated::Again(second.clone()), "{index}");
    }
    let stored = context.store.refresh_token(first.id).await.unwrap().unwrap();
    assert_eq!(stored.used, Some((second.created, second.id)));
    assert_eq!(context.store.size().await.unwrap(), entries);

    let used = context.now();
    context.clock.advance(Duration::from_secs(31));
    let third = context.refresh(&session, 99);
    assert_eq!(rotate(first.id, &third, used).await, Rotated::Again(second.clone()), "still in its grace");
    assert_eq!(rotate(first.id, &third, context.now()).await, Rotated::Reused);
    assert_eq!(context.store.session(session.id).await.unwrap(), None);
    assert_eq!(context.store.refresh_token(second.id).await.unwrap(), None, "the family is gone");
    assert_eq!(rotate(second.id, &third, context.now()).await, Rotated::Gone);
    assert_eq!(context.store.size().await.unwrap(), entries + 1);
}
