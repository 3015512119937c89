//! Ways through nodes.

use std::time::Duration;

use casemate_identity::NodeRecord;
use casemate_model::RelayId;
use casemate_relays::{EndedBy, RelayOffer, RelaySession, RelayState, Relays, SESSIONS_MAX, Started};

use crate::context::Context;

impl Context {
    fn relay(&self, node: &NodeRecord) -> RelaySession {
        RelaySession {
            id: RelayId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            task: None,
            node: node.id,
            destinations: "example.org:443 *.example.com:8443".parse().unwrap(),
            bytes_max: 100,
            bytes_out: 0,
            bytes_in: 0,
            state: RelayState::Open,
            pepper: 1,
            actor: "uid:0".to_owned(),
            created: self.now(),
            heard: self.now(),
            expires: self.later(300),
        }
    }

    async fn start_relay(&self, session: &RelaySession) -> Started {
        self.store.start_relay(session, self.event("relays.start")).await.unwrap()
    }

    async fn end_relay(&self, session: &RelaySession, state: RelayState) -> Option<RelaySession> {
        let ended = EndedBy { project: session.project.clone(), id: session.id };
        self.store.end_relay(ended, state, self.event("relays.stop")).await.unwrap()
    }
}

pub(super) async fn a_session_is_open_until_its_end_and_is_bounded(context: &Context) {
    let node = context.joined("box").await;
    assert_eq!(context.store.relay_offer(node.id).await.unwrap(), None);
    let offer = RelayOffer { address: "box.example.org:7074".to_owned(), certificate: "PEM".to_owned() };
    context.store.set_relay_offer(node.id, Some(&offer)).await.unwrap();
    assert_eq!(context.store.relay_offer(node.id).await.unwrap(), Some(offer));
    context.store.set_relay_offer(node.id, None).await.unwrap();
    assert_eq!(context.store.relay_offer(node.id).await.unwrap(), None);

    let session = context.relay(&node);
    assert_eq!(context.start_relay(&session).await, Started::Done);
    let stored = async || context.store.relay(&context.project, session.id).await.unwrap().unwrap();
    assert_eq!(stored().await, session, "all of it is there again");
    assert_eq!(context.store.relays_of_node(node.id).await.unwrap(), std::slice::from_ref(&session));
    assert_eq!(context.store.relays_to_end(context.later(59), 9).await.unwrap(), []);
    assert_eq!(
        context.store.relays_to_end(context.later(60), 9).await.unwrap().len(),
        1,
        "nobody was heard of"
    );
    let elsewhere = "elsewhere".parse().unwrap();
    assert_eq!(context.store.hear_relay(&elsewhere, session.id, context.later(1)).await.unwrap(), None);
    context.clock.advance(Duration::from_secs(50));
    let heard = context.store.hear_relay(&context.project, session.id, context.now()).await.unwrap().unwrap();
    assert_eq!(heard.heard, context.now());
    assert_eq!(context.store.relays_to_end(context.later(59), 9).await.unwrap(), []);

    let count = async |bytes| context.store.count_relayed(node.id, &[(session.id, bytes)]).await.unwrap();
    count((40, 50)).await;
    count((10, 55)).await;
    let counted = stored().await;
    assert_eq!((counted.bytes_out, counted.bytes_in), (40, 55), "it never gets less");
    count((50, 60)).await;
    let late = context.store.hear_relay(&context.project, session.id, context.now()).await.unwrap();
    assert_eq!(late, None, "who is heard of does not make it last");
    let [exhausted] = &context.store.relays_to_end(context.now(), 9).await.unwrap()[..] else {
        panic!("one")
    };
    assert_eq!(exhausted.ends(context.now()), Some(RelayState::Exhausted));
    assert_eq!(
        context.end_relay(&session, RelayState::Exhausted).await.unwrap().state,
        RelayState::Exhausted
    );
    assert_eq!(context.end_relay(&session, RelayState::Stopped).await, None, "it is over");
    assert_eq!(context.store.relays_of_node(node.id).await.unwrap(), []);
    count((51, 61)).await;
    let ended = stored().await;
    assert_eq!((ended.bytes_out, ended.bytes_in, ended.state), (51, 61, RelayState::Exhausted));
    context.store.forget_relays(ended.expires).await.unwrap();
    assert_eq!(stored().await, ended);
    context.store.forget_relays(ended.expires.saturating_add(Duration::from_millis(1))).await.unwrap();
    assert_eq!(context.store.relay(&context.project, session.id).await.unwrap(), None);

    for _ in 0..SESSIONS_MAX {
        assert_eq!(context.start_relay(&context.relay(&node)).await, Started::Done);
    }
    assert_eq!(context.start_relay(&context.relay(&node)).await, Started::TooMany);
}
