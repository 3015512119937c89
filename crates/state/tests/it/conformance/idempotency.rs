use std::time::Duration;

use casemate_identity::{IdempotencyKeys, IdempotencyMark, Reservation, Reserved};
use casemate_model::{Digest, PrincipalKind, RequestId};

use crate::context::Context;

impl Context {
    /// A request of user `uid` with a key, which asks for `what`.
    fn once(&self, uid: u32, key: &str, what: &str) -> Reservation {
        let mark = IdempotencyMark {
            project: self.project.clone(),
            principal: PrincipalKind::LocalUser(uid),
            key: Digest::of(key.as_bytes()),
            request: RequestId::generate(self.now(), &self.entropy),
        };
        Reservation {
            mark,
            fingerprint: Digest::of(what.as_bytes()),
            now: self.now(),
            lease_until: self.later(10),
            expires: self.later(100),
            keys_max: 4,
            bytes_max: 100,
        }
    }

    async fn reserve(&self, wanted: &Reservation) -> Reserved {
        self.store.reserve(wanted).await.unwrap()
    }
}

pub(super) async fn a_request_is_carried_out_once(context: &Context) {
    let first = context.once(1, "k", "a");
    assert_eq!(context.reserve(&first).await, Reserved::Fresh);
    assert_eq!(context.reserve(&context.once(1, "k", "a")).await, Reserved::InFlight);
    assert_eq!(context.reserve(&context.once(1, "k", "b")).await, Reserved::OtherRequest);
    assert_eq!(context.reserve(&context.once(2, "k", "b")).await, Reserved::Fresh, "somebody else's key");
    assert!(context.store.answer(&first.mark, b"sealed".to_vec()).await.unwrap());
    assert!(
        !context.store.answer(&first.mark, b"again".to_vec()).await.unwrap(),
        "an answer does not change"
    );
    let answered = Reserved::Answered(b"sealed".to_vec());
    assert_eq!(context.reserve(&context.once(1, "k", "a")).await, answered);
    assert_eq!(context.reserve(&context.once(1, "k", "b")).await, Reserved::OtherRequest);
    context.store.release(&first.mark).await.unwrap();
    assert_eq!(context.reserve(&context.once(1, "k", "a")).await, answered, "an answer is not released");
    context.clock.advance(Duration::from_secs(100));
    assert_eq!(context.reserve(&context.once(1, "k", "b")).await, Reserved::Fresh, "it has expired");
}

pub(super) async fn of_many_with_one_key_one_is_carried_out(context: &Context) {
    let wanted: Vec<_> = (0..32).map(|_| context.once(1, "k", "a")).collect();
    let all = futures_util::future::join_all(wanted.iter().map(|wanted| context.reserve(wanted))).await;
    let fresh = all.iter().filter(|reserved| **reserved == Reserved::Fresh).count();
    let in_flight = all.iter().filter(|reserved| **reserved == Reserved::InFlight).count();
    assert_eq!((fresh, in_flight), (1, 31));
}

pub(super) async fn a_dead_request_loses_its_key_and_cannot_answer(context: &Context) {
    let dead = context.once(1, "k", "a");
    assert_eq!(context.reserve(&dead).await, Reserved::Fresh);
    context.clock.advance(Duration::from_secs(9));
    assert!(context.store.extend(&dead.mark, context.later(10)).await.unwrap());
    context.clock.advance(Duration::from_secs(9));
    assert_eq!(
        context.reserve(&context.once(1, "k", "a")).await,
        Reserved::InFlight,
        "it showed that it lives"
    );
    context.clock.advance(Duration::from_secs(1));
    assert_eq!(context.reserve(&context.once(1, "k", "b")).await, Reserved::OtherRequest);
    let next = context.once(1, "k", "a");
    assert_eq!(context.reserve(&next).await, Reserved::Fresh);
    assert!(!context.store.extend(&dead.mark, context.later(10)).await.unwrap());
    assert!(!context.store.answer(&dead.mark, b"late".to_vec()).await.unwrap());
    context.store.release(&dead.mark).await.unwrap();
    assert!(context.store.answer(&next.mark, b"good".to_vec()).await.unwrap());
    assert_eq!(context.reserve(&context.once(1, "k", "a")).await, Reserved::Answered(b"good".to_vec()));
}

pub(super) async fn answers_are_bounded_and_forgotten(context: &Context) {
    for key in ["a", "b", "c"] {
        let wanted = context.once(1, key, "x");
        assert_eq!(context.reserve(&wanted).await, Reserved::Fresh);
        assert!(context.store.answer(&wanted.mark, vec![7; 10]).await.unwrap());
        context.clock.advance(Duration::from_secs(1));
    }
    let open: Vec<_> = ["d", "e", "f", "g"].into_iter().map(|key| context.once(1, key, "x")).collect();
    for wanted in &open {
        assert_eq!(context.reserve(wanted).await, Reserved::Fresh, "answers make room");
    }
    assert_eq!(context.reserve(&context.once(1, "h", "x")).await, Reserved::TooMany, "requests do not");
    assert_eq!(context.reserve(&context.once(2, "h", "x")).await, Reserved::Fresh, "of somebody else");
    context.store.release(&open[0].mark).await.unwrap();
    assert!(context.store.answer(&open[1].mark, vec![7; 100]).await.unwrap());
    assert_eq!(context.reserve(&context.once(1, "h", "x")).await, Reserved::Fresh, "bytes make room as well");
    assert_eq!(context.reserve(&context.once(1, "e", "y")).await, Reserved::Fresh, "its answer had to go");

    context.clock.advance(Duration::from_secs(100));
    assert_eq!(context.store.forget_expired(context.now(), 2).await.unwrap(), 2);
    assert_eq!(context.store.forget_expired(context.now(), 100).await.unwrap(), 3);
    assert_eq!(context.store.forget_expired(context.now(), 100).await.unwrap(), 0);
}
