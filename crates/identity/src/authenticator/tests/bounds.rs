//! What a credential is bound to beside its secret, and what strangers who make up ids bring about.

use super::*;

#[tokio::test]
async fn a_key_is_good_in_its_networks_and_its_use_is_noted() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    let networks = "192.0.2.0/24".parse().unwrap();
    world.memory.insert_key(&KeyRecord { networks, ..record.clone() }, world.event()).await.unwrap();
    let from = async |address: &str| {
        let found = world.authenticator.by_key(&text, address.parse().unwrap(), world.clock.now()).await;
        found.is_ok()
    };
    assert!(!from("198.51.100.1").await);
    assert_eq!(world.authenticator.take_used(), [], "a refusal is no use");
    assert!(from("192.0.2.9").await && from("::ffff:192.0.2.9").await);
    assert_eq!(world.authenticator.take_used(), [(record.id, world.clock.now())]);
    assert_eq!(world.authenticator.take_used(), []);
}

#[tokio::test]
async fn made_up_ids_ask_the_store_once_and_push_no_real_key_out() {
    let world = World::new();
    let (_, text) = world.key(None).await;
    assert!(world.by_key(&text).await.is_some());
    let questions = || world.memory.questions.load(Ordering::SeqCst);
    let made_up = || {
        let id = KeyId::generate(world.clock.now(), &world.entropy);
        Token::generate(&bare(&id.to_string()), &world.entropy).to_text(TokenKind::Key)
    };
    let one = made_up();
    let before = questions();
    for _ in 0..3 {
        assert_eq!(world.by_key(one.expose_secret()).await, None);
    }
    assert_eq!(questions() - before, 1);
    for _ in 0..ENTRIES_MAX + 10 {
        assert_eq!(world.by_key(made_up().expose_secret()).await, None);
    }
    let before = questions();
    assert!(world.by_key(&text).await.is_some());
    assert_eq!(questions() - before, 0, "the real one is still known");
}

#[tokio::test]
async fn a_keys_limit_goes_with_its_requests_and_its_sessions() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    let limit = casemate_model::RequestLimit::new(2, 5).ok();
    world.memory.insert_key(&KeyRecord { limit, ..record.clone() }, world.event()).await.unwrap();
    let wanted = limit.map(|limit| KeyLimit { key: record.id, limit });
    let found = world.authenticator.by_key(&text, HOME, world.clock.now()).await.unwrap();
    assert_eq!(found.limit, wanted);
    let (_, cookie) = world.session(Some(record.id)).await;
    let found = world.authenticator.by_session(&cookie, HOME, world.clock.now()).await.unwrap();
    assert_eq!(found.limit, wanted, "opening sessions is no way out of the limit");
}

#[tokio::test]
async fn a_session_of_a_key_is_bound_as_the_key_is() {
    let world = World::new();
    let user = world.user(Role::DEVELOPER);
    let (record, _) = world.key(None).await;
    let networks = "192.0.2.0/24".parse().unwrap();
    let key = KeyRecord { owner: Some(user), networks, ..record };
    world.memory.insert_key(&key, world.event()).await.unwrap();
    let (_, cookie) = world.session(Some(key.id)).await;
    let from = async |address: &str| {
        world.clock.advance(LIFETIME);
        world.authenticator.by_session(&cookie, address.parse().unwrap(), world.clock.now()).await.ok()
    };
    assert_eq!(from("198.51.100.1").await, None, "from elsewhere");
    let found = from("192.0.2.1").await.expect("from where the key is good");
    assert!(found.scopes.cover(Scope::ObjectsWrite, &Pattern::all()));
    world.memory.members.lock().unwrap().insert(user, Role::VIEWER);
    let found = from("192.0.2.1").await.expect("the user can still read");
    assert!(!found.scopes.cover(Scope::ObjectsWrite, &Pattern::all()), "the key's owner was demoted");
    world.memory.members.lock().unwrap().remove(&user);
    assert_eq!(from("192.0.2.1").await, None, "the key's owner is gone");
}
