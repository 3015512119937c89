use std::time::Duration;

use casemate_identity::{Credentials, KeyRecord, SecretMac, SessionRecord};
use casemate_ledger::AuditLog;
use casemate_model::{KeyId, Project, RequestLimit, Role, Scope, Scopes, SessionId};

use crate::context::Context;

impl Context {
    pub(super) fn key(&self, label: &str) -> KeyRecord {
        KeyRecord {
            id: KeyId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            label: label.to_owned(),
            role: Role::DEVELOPER,
            scopes: Scopes::of(&[Scope::TasksRead, Scope::NamesRead]),
            secret: SecretMac { pepper: 3, mac: [7; 32] },
            created: self.now(),
            expires: Some(self.later(60)),
            revoked: None,
            former: None,
            owner: None,
            networks: "10.0.0.0/8".parse().unwrap(),
            limit: RequestLimit::new(10, 20).ok(),
            used: None,
        }
    }

    pub(super) fn session(&self, key: Option<KeyId>, seconds: u64) -> SessionRecord {
        SessionRecord {
            id: SessionId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            role: Role::ADMIN,
            scopes: Scopes::ALL,
            key,
            secret: SecretMac { pepper: u32::MAX, mac: [9; 32] },
            created: self.now(),
            expires: self.later(seconds),
            user: None,
            client: String::new(),
            two_factors: false,
        }
    }
}

pub(super) async fn keys_are_found_listed_and_revoked_once(context: &Context) {
    let keys = [context.key("first"), context.key("second"), context.key("third")];
    for key in &keys {
        context.store.insert_key(key, context.event("keys.create")).await.unwrap();
    }
    assert_eq!(context.store.key(keys[1].id).await.unwrap().as_ref(), Some(&keys[1]));
    assert_eq!(context.store.key(context.key("none").id).await.unwrap(), None);
    assert_eq!(context.store.keys(&context.project, None, 2).await.unwrap(), keys[..2]);
    assert_eq!(context.store.keys(&context.project, Some(keys[1].id), 2).await.unwrap(), keys[2..]);
    let elsewhere: Project = "elsewhere".parse().unwrap();
    assert_eq!(context.store.keys(&elsewhere, None, 10).await.unwrap(), []);

    let revoke = async |project: &Project, id| {
        context.store.revoke_key(project, id, context.now(), context.event("keys.revoke")).await.unwrap()
    };
    assert!(!revoke(&elsewhere, keys[0].id).await, "another project's key");
    assert!(revoke(&context.project, keys[0].id).await);
    let revoked = context.now();
    context.clock.advance(Duration::from_secs(5));
    assert!(revoke(&context.project, keys[0].id).await);
    let found = context.store.key(keys[0].id).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some(revoked), "the first time counts");
    assert_eq!(context.store.size().await.unwrap(), 4, "three keys and one revocation");

    let (next, until) = (SecretMac { pepper: 4, mac: [8; 32] }, context.later(60));
    let rotate = async |project: &Project, id| {
        let event = context.event("keys.rotate");
        context.store.rotate_key(project, id, (next, until), event).await.unwrap()
    };
    assert!(!rotate(&elsewhere, keys[1].id).await, "another project's key");
    assert!(!rotate(&context.project, keys[0].id).await, "a revoked key stays so");
    assert!(rotate(&context.project, keys[1].id).await);
    context.store.note_used(&[(keys[1].id, context.now())]).await.unwrap();
    context.store.note_used(&[(keys[1].id, keys[1].created)]).await.unwrap();
    let rotated = context.store.key(keys[1].id).await.unwrap().unwrap();
    let former = Some((keys[1].secret, until));
    let expected = KeyRecord { secret: next, former, used: Some(context.now()), ..keys[1].clone() };
    assert_eq!(rotated, expected, "the later use counts");

    // An id that exists is damage, and leaves no entry behind.
    context.store.insert_key(&keys[2], context.event("refused")).await.unwrap_err();
    assert_eq!(context.store.size().await.unwrap(), 5);
}

pub(super) async fn sessions_end_and_expired_ones_are_removed(context: &Context) {
    let key = context.key("opener");
    context.store.insert_key(&key, context.event("keys.create")).await.unwrap();
    let (short, long) = (context.session(None, 1), context.session(Some(key.id), 1000));
    for session in [&short, &long] {
        assert!(
            context
                .store
                .insert_session(session, None, None, context.event("sessions.sign_in"))
                .await
                .unwrap()
        );
        assert_eq!(context.store.session(session.id).await.unwrap().as_ref(), Some(session));
    }
    context.clock.advance(Duration::from_secs(2));
    assert_eq!(context.store.session(short.id).await.unwrap().as_ref(), Some(&short), "expired, but found");
    let third = context.session(None, 10);
    assert!(
        context.store.insert_session(&third, None, None, context.event("sessions.sign_in")).await.unwrap()
    );
    assert_eq!(context.store.session(short.id).await.unwrap(), None);
    assert_eq!(context.store.session(long.id).await.unwrap().as_ref(), Some(&long));

    assert!(context.store.end_session(long.id, context.event("sessions.sign_out")).await.unwrap());
    assert!(!context.store.end_session(long.id, context.event("sessions.sign_out")).await.unwrap());
    assert_eq!(context.store.session(long.id).await.unwrap(), None);
    assert_eq!(context.store.size().await.unwrap(), 5, "the second ending left no entry");
}
