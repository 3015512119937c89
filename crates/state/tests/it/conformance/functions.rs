use casemate_functions::{
    Access, Deployed, Function, FunctionName, Functions, HostRules, Route, Routed, Settings, VERSIONS_MAX,
    Version,
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
                limits: RunLimits::DEFAULT,
                concurrency: 3,
                rate: Some(7),
            },
            actor: "uid:0".to_owned(),
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
