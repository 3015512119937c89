use std::time::Duration;

use casemate_identity::{Credentials, RefreshRecord, SecretMac};
use casemate_model::RefreshId;
use casemate_state::Leaning;

use crate::context::Context;

pub(super) async fn a_pepper_is_noted_once_and_retired_once(context: &Context) {
    let store = &context.store;
    let note = async |version, check| {
        store.note_pepper(version, check, context.event("node.pepper_added")).await.unwrap()
    };
    let first = note(1, [1; 32]).await;
    assert_eq!((first.version, first.check, first.retired), (1, [1; 32], None));
    assert_eq!(note(1, [2; 32]).await, first, "who comes with another one learns of the first");
    context.clock.advance(Duration::from_secs(1));
    let second = note(2, [2; 32]).await;
    assert_eq!(store.peppers().await.unwrap(), [first, second]);
    let retire =
        async |version| store.retire_pepper(version, context.event("node.pepper_retired")).await.unwrap();
    assert!(retire(1).await && !retire(1).await && !retire(3).await);
    assert_eq!(note(1, [1; 32]).await.retired, Some(context.now()));
    let actions = ["node.pepper_added", "node.pepper_added", "node.pepper_retired"];
    assert_eq!(context.actions().await, actions, "what changes nothing has no entry");
}

pub(super) async fn what_leans_on_a_pepper_is_counted_while_it_lives(context: &Context) {
    let sealed = |pepper| SecretMac { pepper, mac: [7; 32] };
    let store = &context.store;
    let on = async |pepper| store.leaning_on_pepper(pepper, context.now()).await.unwrap();
    let (mut live, mut expired, mut turned) =
        (context.key("live"), context.key("expired"), context.key("turned"));
    (live.secret, expired.secret, turned.secret) = (sealed(1), sealed(1), sealed(1));
    expired.expires = Some(context.later(1));
    for key in [&live, &expired, &turned] {
        store.insert_key(key, context.event("keys.create")).await.unwrap();
    }
    let (project, event) = (&context.project, context.event("keys.rotate"));
    assert!(store.rotate_key(project, turned.id, (sealed(2), context.later(9)), event).await.unwrap());
    let (mut session, mut console) = (context.session(None, 100), context.session(None, 100));
    (session.secret, console.secret) = (sealed(1), sealed(1));
    store.insert_session(&console, None, None, context.event("sessions.sign_in")).await.unwrap();
    let refresh = RefreshRecord {
        id: RefreshId::generate(context.now(), &context.entropy),
        session: session.id,
        secret: sealed(1),
        created: context.now(),
        used: None,
    };
    store.insert_session(&session, Some(&refresh), None, context.event("sessions.sign_in")).await.unwrap();
    assert_eq!(on(1).await, Leaning { keys: 3, sessions: 1, refresh_tokens: 1, ..Leaning::default() });
    assert_eq!(on(2).await, Leaning { keys: 1, ..Leaning::default() });

    let next = RefreshRecord {
        id: RefreshId::generate(context.now(), &context.entropy),
        secret: sealed(2),
        ..refresh.clone()
    };
    let ended = context.event("sessions.refresh");
    store.rotate(refresh.id, &next, context.now(), ended).await.unwrap();
    context.clock.advance(Duration::from_secs(10));
    assert_eq!(on(1).await, Leaning { keys: 1, sessions: 1, ..Leaning::default() });
    assert_eq!(on(2).await, Leaning { keys: 1, refresh_tokens: 1, ..Leaning::default() });
    let revoked = context.event("keys.revoke");
    store.revoke_key(project, live.id, context.now(), revoked).await.unwrap();
    context.clock.advance(Duration::from_secs(100));
    assert_eq!(
        (on(1).await.total(), on(2).await.total()),
        (0, 0),
        "the session has ended, and what it was refreshed by"
    );
}
