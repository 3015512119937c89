use casemate_functions::{Access, Route, Settings};
use casemate_model::{Digest, RunLimits, Scopes};

use super::*;

const SHARES: Shares = Shares { function: 2, project: 3 };

fn function(project: &str, name: &str) -> Arc<LiveFunction> {
    let created = Timestamp::from_millis(1_700_000_000_000).expect("a time");
    let function = Function {
        name: name.parse().expect("a name"),
        project: project.parse().expect("a project"),
        newest: 1,
        route: Route::only(1),
        created,
        updated: created,
    };
    Arc::new(LiveFunction::new(identity(&function)))
}

fn version(number: u32) -> Version {
    Version {
        number,
        module: Digest::of(b"module"),
        module_project: None,
        settings: Settings {
            access: Access::Public,
            env: Vec::new(),
            hosts: Default::default(),
            grants: Scopes::NONE,
            limits: RunLimits::DEFAULT,
            concurrency: 8,
            rate: None,
        },
        actor: "uid:0".to_owned(),
        maker: None,
        created: Timestamp::from_millis(1_700_000_000_000).expect("a time"),
    }
}

/// Takes places of a version until there are no more.
async fn fill(live: &Live, function: &LiveFunction, number: u32) -> Vec<Place> {
    let places = function.places(&version(number), live, SHARES);
    let mut taken = Vec::new();
    while let Some(waiting) = places.enter() {
        let mut taking = std::pin::pin!(places.take(waiting));
        match futures_util::poll!(taking.as_mut()) {
            std::task::Poll::Ready(place) => taken.extend(place),
            std::task::Poll::Pending => break,
        }
    }
    taken
}

#[tokio::test]
async fn no_function_and_no_project_has_all_workers() {
    let live = Live::default();
    let (one, two) = (function("one", "first"), function("one", "second"));
    let of_first = fill(&live, &one, 1).await;
    assert_eq!(of_first.len(), SHARES.function);
    assert_eq!(fill(&live, &one, 2).await.len(), 0, "another version is the same function");
    let of_second = fill(&live, &two, 1).await;
    assert_eq!(of_second.len(), SHARES.project - SHARES.function, "and another function the same project");
    let other = function("other", "third");
    assert_eq!(fill(&live, &other, 1).await.len(), SHARES.function, "whatever a neighbour does");
    drop(of_first);
    assert_eq!(fill(&live, &one, 2).await.len(), SHARES.function);
}

#[test]
fn memory_for_bodies_is_taken_as_they_come_and_one_function_leaves_some() {
    let live = Live::default();
    let (one, other) = (function("one", "first"), function("one", "second"));
    let name: FunctionName = "first".parse().expect("a name");
    let mut waiting: Vec<_> = (0..1_000).map(|_| live.body_memory(&one, name.clone())).collect();
    assert_eq!(live.bodies.available_permits(), BODIES_KIB_MAX, "whoever sends nothing has nothing");
    let step = BODY_STEP_KIB << 10;
    for memory in &mut waiting[..2] {
        for _ in 0..step / 1_024 {
            memory.grow(1_024).expect("room");
        }
    }
    assert_eq!(live.bodies.available_permits(), BODIES_KIB_MAX - 128);
    let mut rest = live.body_memory(&one, name.clone());
    let of_one = (BODIES_KIB_OF_ONE as u64) << 10;
    assert!(matches!(rest.grow(of_one - step), Err(FunctionError::Busy(_))));
    drop((waiting, rest));
    assert_eq!(live.bodies.available_permits(), BODIES_KIB_MAX);
    let mut all = live.body_memory(&one, name.clone());
    all.grow(of_one).expect("as much as one function may have");
    assert!(live.body_memory(&one, name.clone()).grow(1).is_err());
    live.body_memory(&other, name).grow(8 << 20).expect("another function has its own");
}
