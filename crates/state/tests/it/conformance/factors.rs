use casemate_identity::{
    ChallengeUse, CredentialId, FactorUse, Factors, PASSKEYS_MAX, PasskeyAdded, PasskeyKey, PasskeyRecord,
    Passkeys, SecretMac, TotpConfirmation, UserRecord, Users,
};
use casemate_identity::{Credentials, SessionRecord};
use casemate_ledger::AuditLog;

use crate::context::Context;

const SEALED: &[u8] = b"sealed";

impl Context {
    async fn confirm(&self, user: &UserRecord, step: u64, session: Option<&SessionRecord>) -> bool {
        let confirmation = TotpConfirmation {
            sealed: SEALED.to_vec(),
            step,
            at: self.now(),
            recovery_codes: vec![mac(1), mac(2)],
            session: session.map(|session| session.id),
        };
        self.store.confirm_totp(user.id, &confirmation, self.event("factors.confirm_totp")).await.unwrap()
    }

    async fn user_with_app(&self) -> UserRecord {
        let user = self.add_user("ada").await;
        assert!(self.store.begin_totp(user.id, SEALED, self.event("factors.begin_totp")).await.unwrap());
        assert!(self.confirm(&user, 5, None).await);
        user
    }

    /// Whether a session is opened by a proof.
    async fn opens(&self, user: &UserRecord, proof: &FactorUse) -> bool {
        let session = SessionRecord { two_factors: true, ..self.user_session(user) };
        let event = self.event("sessions.sign_in");
        let opened = self.store.insert_session(&session, None, Some(proof), event).await.unwrap();
        assert_eq!(self.store.session(session.id).await.unwrap().is_some(), opened);
        opened
    }

    fn passkey(&self, user: &UserRecord, byte: u8) -> PasskeyRecord {
        let mut key = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
        key.extend_from_slice(&[byte; 32]);
        PasskeyRecord {
            id: CredentialId::new(vec![byte; 16]).unwrap(),
            user: user.id,
            label: "phone".to_owned(),
            key: PasskeyKey::parse(&key).unwrap(),
            sign_count: 3,
            created: self.now(),
            used: None,
        }
    }

    fn challenge(&self, nonce: &str) -> ChallengeUse {
        ChallengeUse { nonce: nonce.to_owned(), expires: self.later(300) }
    }

    async fn add_passkey(&self, passkey: &PasskeyRecord, nonce: &str) -> PasskeyAdded {
        let (challenge, event) = (self.challenge(nonce), self.event("passkeys.add"));
        self.store.add_passkey(passkey, &challenge, None, event).await.unwrap()
    }

    fn use_of(&self, passkey: &PasskeyRecord, sign_count: u32, nonce: &str) -> FactorUse {
        let (id, challenge) = (passkey.id.clone(), self.challenge(nonce));
        FactorUse::Passkey { id, sign_count, challenge, at: self.now() }
    }
}

fn mac(byte: u8) -> SecretMac {
    SecretMac { pepper: 1, mac: [byte; 32] }
}

pub(super) async fn a_code_is_taken_once_and_only_forwards(context: &Context) {
    let user = context.add_user("ada").await;
    let session = context.add_session(&user, None).await;
    let begin = async |sealed: &[u8]| {
        context.store.begin_totp(user.id, sealed, context.event("factors.begin_totp")).await.unwrap()
    };
    assert!(begin(b"other").await && begin(SEALED).await, "begun anew");
    assert!(!context.opens(&user, &FactorUse::Totp { step: 9 }).await, "it is not confirmed");
    assert!(context.confirm(&user, 5, Some(&session)).await && !context.confirm(&user, 6, None).await);
    assert!(!begin(b"other").await, "the confirmed one stays");
    let factors = context.store.factors(user.id).await.unwrap();
    assert_eq!((factors.totp.unwrap().confirmed, factors.recovery_codes.len()), (Some(context.now()), 2));
    assert!(context.store.session(session.id).await.unwrap().unwrap().two_factors);

    let entries = context.store.size().await.unwrap();
    assert!(!context.opens(&user, &FactorUse::Totp { step: 5 }).await, "the code that confirmed it");
    assert_eq!(context.store.size().await.unwrap(), entries, "a refusal leaves no entry");
    assert!(context.opens(&user, &FactorUse::Totp { step: 7 }).await);
    assert!(!context.opens(&user, &FactorUse::Totp { step: 7 }).await);
    assert!(!context.opens(&user, &FactorUse::Totp { step: 6 }).await, "an older one");
    let proof = FactorUse::Totp { step: 8 };
    let many = futures_util::future::join_all((0..16).map(|_| context.opens(&user, &proof))).await;
    assert_eq!(many.into_iter().filter(|opened| *opened).count(), 1, "of many at once one wins");
}

pub(super) async fn a_recovery_code_is_taken_once(context: &Context) {
    let user = context.user_with_app().await;
    let proof = FactorUse::RecoveryCode { code: mac(1) };
    let many = futures_util::future::join_all((0..16).map(|_| context.opens(&user, &proof))).await;
    assert_eq!(many.into_iter().filter(|opened| *opened).count(), 1);
    assert_eq!(context.store.factors(user.id).await.unwrap().recovery_codes, [mac(2)]);
    let bob = context.add_user("bob").await;
    assert!(!context.opens(&bob, &FactorUse::RecoveryCode { code: mac(2) }).await, "it is ada's");
}

pub(super) async fn codes_are_removed_only_by_who_shows_one(context: &Context) {
    let user = context.user_with_app().await;
    let (kept, ended) = (context.add_session(&user, None).await, context.add_session(&user, None).await);
    let remove = async |proof: FactorUse| {
        let event = context.event("factors.remove_totp");
        context.store.remove_totp(user.id, &proof, Some(kept.id), event).await.unwrap()
    };
    assert!(!remove(FactorUse::Totp { step: 5 }).await, "a code that was used");
    assert!(!remove(FactorUse::RecoveryCode { code: mac(9) }).await);
    assert!(context.store.factors(user.id).await.unwrap().confirmed_totp().is_some());
    assert!(remove(FactorUse::Totp { step: 6 }).await);
    let factors = context.store.factors(user.id).await.unwrap();
    assert_eq!((factors.totp, factors.recovery_codes), (None, vec![]));
    assert!(context.store.session(kept.id).await.unwrap().is_some());
    assert_eq!(context.store.session(ended.id).await.unwrap(), None);
}

pub(super) async fn a_passkey_and_its_challenge_are_used_forwards(context: &Context) {
    let (ada, bob) = (context.add_user("ada").await, context.add_user("bob").await);
    let passkey = context.passkey(&ada, 1);
    assert_eq!(context.add_passkey(&passkey, "a").await, PasskeyAdded::Done);
    assert_eq!(context.add_passkey(&context.passkey(&bob, 1), "b").await, PasskeyAdded::Taken);
    assert_eq!(context.add_passkey(&context.passkey(&bob, 2), "a").await, PasskeyAdded::ChallengeUsed);
    assert_eq!(context.store.passkey(&passkey.id).await.unwrap().as_ref(), Some(&passkey));

    assert!(!context.opens(&ada, &context.use_of(&passkey, 4, "a")).await, "the challenge was answered");
    assert!(!context.opens(&ada, &context.use_of(&passkey, 3, "c")).await, "the counter stands still");
    assert!(!context.opens(&bob, &context.use_of(&passkey, 4, "c")).await, "another's passkey");
    let proof = context.use_of(&passkey, 4, "c");
    let many = futures_util::future::join_all((0..16).map(|_| context.opens(&ada, &proof))).await;
    assert_eq!(many.into_iter().filter(|opened| *opened).count(), 1);
    let used = context.store.passkey(&passkey.id).await.unwrap().unwrap();
    assert_eq!((used.sign_count, used.used), (4, Some(context.now())));

    let rename = async |user: &UserRecord| {
        let event = context.event("passkeys.rename");
        context.store.rename_passkey(user.id, &passkey.id, "key ring", event).await.unwrap()
    };
    assert!(!rename(&bob).await && rename(&ada).await);
    assert_eq!(context.store.factors(ada.id).await.unwrap().passkeys[0].label, "key ring");
    let remove = async |user: &UserRecord| {
        let event = context.event("passkeys.remove");
        context.store.remove_passkey(user.id, &passkey.id, None, event).await.unwrap()
    };
    assert!(!remove(&bob).await && remove(&ada).await && !remove(&ada).await);
    assert_eq!(context.store.sessions_of(ada.id, context.now(), None, 9).await.unwrap(), []);
}

pub(super) async fn a_user_has_only_so_many_passkeys(context: &Context) {
    let user = context.add_user("ada").await;
    for byte in 1..=u8::try_from(PASSKEYS_MAX).unwrap() {
        let added = context.add_passkey(&context.passkey(&user, byte), &byte.to_string()).await;
        assert_eq!(added, PasskeyAdded::Done);
    }
    let one_more = context.passkey(&user, 99);
    assert_eq!(context.add_passkey(&one_more, "more").await, PasskeyAdded::TooMany);
    assert_eq!(context.store.factors(user.id).await.unwrap().passkeys.len(), PASSKEYS_MAX);
}

pub(super) async fn reset_factors_end_sessions(context: &Context) {
    let user = context.user_with_app().await;
    context.add_passkey(&context.passkey(&user, 1), "a").await;
    let session = context.add_session(&user, None).await;
    context.store.reset_factors(user.id, context.event("users.reset_factors")).await.unwrap();
    assert!(context.store.factors(user.id).await.unwrap().is_empty());
    assert_eq!(context.store.session(session.id).await.unwrap(), None);
}
