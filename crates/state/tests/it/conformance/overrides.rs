use casemate_ledger::AuditLog;
use casemate_limits::Quota;
use casemate_throttle::{OVERRIDES_MAX, Override, Overrides, SetOverride, Subject, Tier};

use crate::context::Context;

impl Context {
    fn an_override(&self, tier: Tier, subject: &str, seconds: u64) -> Override {
        Override {
            tier,
            subject: subject.parse().unwrap(),
            quota: Quota { per_second: 3, burst: 7 },
            expires: self.later(seconds),
            created: self.now(),
        }
    }

    async fn set(&self, set: &Override) -> SetOverride {
        self.store.set_override(set, self.event("limits.set")).await.unwrap()
    }
}

pub(super) async fn overrides_are_set_replaced_and_removed(context: &Context) {
    let first = context.an_override(Tier::Names, "203.0.113.7", 60);
    let other = context.an_override(Tier::S3, "key:key_01kga0j4tv04106081040g2081", 5);
    assert_eq!(context.set(&first).await, SetOverride::Made);
    assert_eq!(context.set(&other).await, SetOverride::Made);
    let changed = Override { quota: Quota { per_second: 1, burst: 9 }, ..first.clone() };
    assert_eq!(context.set(&changed).await, SetOverride::Replaced);
    assert_eq!(context.store.overrides().await.unwrap(), [changed.clone(), other.clone()]);

    context.clock.advance(std::time::Duration::from_secs(5));
    let third = context.an_override(Tier::Auth, "2001:db8::1", 60);
    assert_eq!(context.set(&third).await, SetOverride::Made);
    assert_eq!(context.store.overrides().await.unwrap(), [third, changed], "one was over");

    let remove = async |tier, subject: Subject| {
        context.store.remove_override(tier, subject, context.event("limits.remove")).await.unwrap()
    };
    assert!(!remove(Tier::Tasks, first.subject).await, "another tier");
    assert!(remove(Tier::Names, first.subject).await);
    assert!(!remove(Tier::Names, first.subject).await);
    assert_eq!(context.store.overrides().await.unwrap().len(), 1);
    assert_eq!(context.store.size().await.unwrap(), 5, "four were set, one removed");
}

pub(super) async fn there_are_only_so_many_overrides(context: &Context) {
    for number in 0..OVERRIDES_MAX {
        let subject = format!("10.0.{}.{}", number / 256, number % 256);
        assert_eq!(context.set(&context.an_override(Tier::General, &subject, 60)).await, SetOverride::Made);
    }
    let size = context.store.size().await.unwrap();
    assert_eq!(context.set(&context.an_override(Tier::General, "10.1.0.0", 60)).await, SetOverride::TooMany);
    assert_eq!(context.set(&context.an_override(Tier::General, "10.0.0.0", 60)).await, SetOverride::Replaced);
    assert_eq!(context.store.size().await.unwrap(), size + 1);
}
