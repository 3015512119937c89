use casemate_functions::{
    Access, Deployed, Function, FunctionName, FunctionValues, Functions, HostRules, Route, Routed, Settings,
    VALUE_BYTES_MAX, VALUES_BYTES_MAX, VERSIONS_MAX, ValueBefore, ValueChanged, ValueInfo, ValueKey,
    ValuePage, Version,
};
use casemate_model::{Digest, Project, RunLimits};

use crate::context::Context;

fn name(text: &str) -> FunctionName {
    text.parse().unwrap()
}

fn other() -> Project {
    "other".parse().unwrap()
}

impl Context {
    fn version(&self, number: u32, module: Digest) -> Version {
        Version {
            number,
            module,
            module_project: None,
            settings: Settings {
                access: Access::Project,
                env: vec![("B".to_owned(), "2".to_owned()), ("A".to_owned(), "1".to_owned())],
                hosts: HostRules::new(vec!["*.example.org".parse().unwrap()]).unwrap(),
                grants: "objects:read:models/* functions:values:edge".parse().unwrap(),
                limits: RunLimits::DEFAULT,
                concurrency: 3,
                rate: Some(7),
            },
            actor: "uid:0".to_owned(),
            maker: Some("-".to_owned()),
            created: self.now(),
        }
    }

    async fn deploy(&self, project: &Project, text: &str, version: &Version, route: &str) -> Deployed {
        let seen = self.store.function(&name(text)).await.unwrap().map(|function| function.route);
        self.deploy_over(seen.as_ref(), project, text, (version, route)).await
    }

    async fn deploy_over(
        &self,
        seen: Option<&Route>,
        project: &Project,
        text: &str,
        (version, route): (&Version, &str),
    ) -> Deployed {
        let (event, route) = (self.event("functions.deploy"), route.parse().unwrap());
        self.store.deploy(project, &name(text), version, (seen, &route), event).await.unwrap()
    }

    async fn route(&self, project: &Project, text: &str, route: &str) -> Routed {
        let (event, route) = (self.event("functions.route"), route.parse().unwrap());
        self.store.set_route(project, &name(text), &route, self.later(1), event).await.unwrap()
    }
}

fn value_key(text: &str) -> ValueKey {
    text.parse().unwrap()
}

impl Context {
    async fn try_to_set(&self, key: &str, bytes: &[u8], before: ValueBefore) -> ValueChanged {
        let (function, key, event) = (name("edge"), value_key(key), self.event("functions.set_value"));
        self.store.set_value(&self.project, (&function, &key), bytes, before, event).await.unwrap()
    }

    async fn set_anyway(&self, key: &str, bytes: &[u8]) -> u64 {
        match self.try_to_set(key, bytes, ValueBefore::Anything).await {
            ValueChanged::Set(value) => value.revision,
            other => panic!("{key} is not set: {other:?}"),
        }
    }

    async fn unset(&self, key: &str, before: ValueBefore) -> ValueChanged {
        let (function, key, event) = (name("edge"), value_key(key), self.event("functions.remove_value"));
        self.store.remove_value(&self.project, (&function, &key), before, event).await.unwrap()
    }

    async fn value_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let page = ValuePage { prefix: prefix.to_owned(), after: after.map(value_key), limit };
        let listed = self.store.values(&self.project, &name("edge"), &page).await.unwrap();
        listed.into_iter().map(|value| value.key.to_string()).collect()
    }
}

pub(super) async fn a_value_is_replaced_only_by_who_has_seen_it(context: &Context) {
    assert_eq!(context.try_to_set("a", b"1", ValueBefore::Anything).await, ValueChanged::NoFunction);
    let module = context.put("edge.wasm", b"module").await;
    context.deploy(&context.project, "edge", &context.version(1, module), "1=100").await;
    let first = ValueInfo { key: value_key("a"), size_bytes: 1, revision: 1, updated: context.now() };
    assert_eq!(context.try_to_set("a", b"1", ValueBefore::Nothing).await, ValueChanged::Set(first.clone()));
    assert_eq!(context.try_to_set("a", b"2", ValueBefore::Nothing).await, ValueChanged::Other(Some(1)));
    assert_eq!(context.try_to_set("b", b"2", ValueBefore::Revision(1)).await, ValueChanged::Other(None));
    let found = context.store.value(&context.project, &name("edge"), &value_key("a")).await.unwrap();
    assert_eq!(found, Some((first, b"1".to_vec())));
    assert_eq!(context.set_anyway("a", b"").await, 2);
    assert_eq!(context.try_to_set("a", b"3", ValueBefore::Revision(1)).await, ValueChanged::Other(Some(2)));
    assert_eq!(context.unset("a", ValueBefore::Revision(1)).await, ValueChanged::Other(Some(2)));
    assert_eq!(context.unset("a", ValueBefore::Revision(2)).await, ValueChanged::Removed);
    assert_eq!(context.unset("a", ValueBefore::Anything).await, ValueChanged::NoValue);
    // What was there before does not come back with its revision.
    assert_eq!(context.set_anyway("a", b"1").await, 4);
    assert_eq!(context.store.value(&other(), &name("edge"), &value_key("a")).await.unwrap(), None);
    let changes =
        context.actions().await.into_iter().filter(|action| action.starts_with("functions.set_value"));
    assert_eq!(changes.count(), 3, "what was refused is no change");
}

pub(super) async fn values_are_listed_by_prefix_and_go_with_their_function(context: &Context) {
    let module = context.put("edge.wasm", b"module").await;
    context.deploy(&context.project, "edge", &context.version(1, module), "1=100").await;
    for key in ["b/2", "a", "b/1", "c", "b/\u{e4}"] {
        context.set_anyway(key, key.as_bytes()).await;
    }
    assert_eq!(context.value_keys("", None, 10).await, ["a", "b/1", "b/2", "b/\u{e4}", "c"]);
    assert_eq!(context.value_keys("b/", None, 2).await, ["b/1", "b/2"]);
    assert_eq!(context.value_keys("b/", Some("b/2"), 10).await, ["b/\u{e4}"]);
    assert_eq!(context.value_keys("x", None, 10).await, [""; 0]);
    let event = context.event("functions.remove");
    assert!(context.store.remove_function(&context.project, &name("edge"), event).await.unwrap());
    context.deploy(&context.project, "edge", &context.version(1, module), "1=100").await;
    assert_eq!(context.value_keys("", None, 10).await, [""; 0]);
}

pub(super) async fn a_function_keeps_only_so_many_bytes(context: &Context) {
    let module = context.put("edge.wasm", b"module").await;
    context.deploy(&context.project, "edge", &context.version(1, module), "1=100").await;
    let large = vec![7; VALUE_BYTES_MAX];
    let most = VALUES_BYTES_MAX / VALUE_BYTES_MAX as u64;
    for number in 0..most {
        context.set_anyway(&format!("{number}"), &large).await;
    }
    assert_eq!(context.try_to_set("more", b"1", ValueBefore::Anything).await, ValueChanged::Full);
    // What is replaced makes room for what replaces it.
    context.set_anyway("0", &large).await;
    context.set_anyway("0", &large[1..]).await;
    context.set_anyway("more", b"1").await;
    assert_eq!(context.try_to_set("again", b"1", ValueBefore::Anything).await, ValueChanged::Full);
    assert_eq!(context.unset("more", ValueBefore::Anything).await, ValueChanged::Removed);
    context.set_anyway("again", b"1").await;
}

pub(super) async fn versions_are_added_in_order_and_never_change(context: &Context) {
    let module = context.put("edge.wasm", b"module").await;
    let first = context.version(1, module);
    let made = Function {
        name: name("edge"),
        project: context.project.clone(),
        route: Route::only(1),
        newest: 1,
        created: context.now(),
        updated: context.now(),
    };
    let ahead = context.version(2, module);
    assert_eq!(context.deploy(&context.project, "edge", &ahead, "2=100").await, Deployed::Overtaken);
    let missing = context.version(1, Digest::of(b"nowhere"));
    assert_eq!(context.deploy(&context.project, "edge", &missing, "1=100").await, Deployed::ModuleMissing);
    assert_eq!(context.deploy(&context.project, "edge", &first, "1=100").await, Deployed::Done(made.clone()));
    assert_eq!(context.deploy(&context.project, "edge", &first, "1=100").await, Deployed::Overtaken);
    assert_eq!(context.store.function(&name("edge")).await.unwrap(), Some(made));
    assert_eq!(context.store.version(&name("edge"), 1).await.unwrap(), Some(first.clone()));

    let second = Version { settings: Settings { rate: None, ..first.settings.clone() }, ..ahead };
    let Deployed::Done(after) = context.deploy(&context.project, "edge", &second, "1=90 2=10").await else {
        panic!("it is deployed");
    };
    assert_eq!((after.newest, after.route.to_string()), (2, "1=90 2=10".to_owned()));
    let versions = context.store.versions(&name("edge"), None, 10).await.unwrap();
    assert_eq!(versions, [second, first.clone()]);
    assert_eq!(context.store.versions(&name("edge"), Some(2), 10).await.unwrap(), [first]);

    // Who has not seen that somebody rolled back does not undo it.
    let seen: Route = "1=90 2=10".parse().unwrap();
    context.route(&context.project, "edge", "1=100").await;
    let third = context.version(3, module);
    let stale = context.deploy_over(Some(&seen), &context.project, "edge", (&third, "3=100")).await;
    assert_eq!(stale, Deployed::Overtaken);
    assert_eq!(context.store.function(&name("edge")).await.unwrap().unwrap().route, Route::only(1));
}

pub(super) async fn a_name_is_one_projects_until_its_function_is_removed(context: &Context) {
    let module = context.put("edge.wasm", b"module").await;
    let version = context.version(1, module);
    assert!(matches!(context.deploy(&context.project, "edge", &version, "1=100").await, Deployed::Done(_)));
    let theirs = Version { module_project: Some(context.project.clone()), ..version.clone() };
    assert_eq!(context.deploy(&other(), "edge", &theirs, "1=100").await, Deployed::NameTaken);
    assert_eq!(context.route(&other(), "edge", "1=100").await, Routed::NotFound);
    let event = || context.event("functions.remove");
    assert!(!context.store.remove_function(&other(), &name("edge"), event()).await.unwrap());
    assert!(context.store.remove_function(&context.project, &name("edge"), event()).await.unwrap());
    assert!(!context.store.remove_function(&context.project, &name("edge"), event()).await.unwrap());
    assert_eq!(context.store.versions(&name("edge"), None, 10).await.unwrap(), []);
    // The module of a name of another project stays that project's.
    assert!(matches!(context.deploy(&other(), "edge", &theirs, "1=100").await, Deployed::Done(_)));
    let listed = context.store.functions(&other(), None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["edge"]);
    assert_eq!(context.store.functions(&context.project, None, 10).await.unwrap(), []);
}

pub(super) async fn only_versions_that_there_are_can_be_routed_to(context: &Context) {
    let module = context.put("edge.wasm", b"module").await;
    context.deploy(&context.project, "edge", &context.version(1, module), "1=100").await;
    context.deploy(&context.project, "edge", &context.version(2, module), "2=100").await;
    assert_eq!(context.route(&context.project, "edge", "1=50 3=50").await, Routed::NoVersion(3));
    assert_eq!(context.route(&context.project, "none", "1=100").await, Routed::NotFound);
    let Routed::Done(routed) = context.route(&context.project, "edge", "1=50 2=50").await else {
        panic!("both are there");
    };
    assert_eq!((routed.route.to_string(), routed.updated), ("1=50 2=50".to_owned(), context.later(1)));
    assert_eq!(context.store.function(&name("edge")).await.unwrap(), Some(routed));
}

pub(super) async fn modules_are_held_by_versions_and_old_ones_go(context: &Context) {
    let (old, new) = (context.put("old", b"old").await, context.put("new", b"new").await);
    context.deploy(&context.project, "edge", &context.version(1, old), "1=100").await;
    context.deploy(&context.project, "edge", &context.version(2, new), "1=100").await;
    context.delete("old").await;
    context.delete("new").await;
    for number in 3..=VERSIONS_MAX + 1 {
        // The first version goes on answering, so that it outlives the most that there may be.
        let done = context.deploy(&context.project, "edge", &context.version(number, new), "1=100").await;
        assert!(matches!(done, Deployed::Done(_)), "{number}");
    }
    assert!(!context.is_unreferenced(old).await);
    assert!(!context.is_unreferenced(new).await);
    let next = context.version(VERSIONS_MAX + 2, new);
    context.deploy(&context.project, "edge", &next, &format!("{}=100", VERSIONS_MAX + 2)).await;
    assert!(context.is_unreferenced(old).await, "nothing routes to the oldest any more");
    let left = context.store.versions(&name("edge"), None, 1_000).await.unwrap();
    assert_eq!(left.len(), usize::try_from(VERSIONS_MAX).unwrap());
    let event = context.event("functions.remove");
    context.store.remove_function(&context.project, &name("edge"), event).await.unwrap();
    assert!(context.is_unreferenced(new).await);
}
