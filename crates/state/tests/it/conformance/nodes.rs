use casemate_identity::{
    Capabilities, Credentials, JoinTokenRecord, Joined, KeyLabel, KeyRecord, Maker, NewKey, NodeOrder,
    NodeRecord, NodeState, Nodes, Ordered, Pepper, Peppers, WorkRecord, issue_join_token, issue_key,
};
use casemate_ledger::NodeKey;
use casemate_model::{
    Digest, LimitKind, Networks, NodeId, NodeLabels, Outcome, Project, Role, Scope, Scopes, TaskId,
};
use casemate_tasks::{
    Agreement, Completed, Lease, Queue, Quorum, RanOn, Review, Settled, Submitted, Taker, TaskRecord,
    TaskState,
};
use secrecy::zeroize::Zeroizing;

use super::queue::ended;
use crate::context::Context;

impl Context {
    fn peppers(&self) -> Peppers {
        Peppers::new(Pepper::new(Zeroizing::new([1; 32])))
    }

    async fn join_token(&self) -> JoinTokenRecord {
        let what = (self.project.clone(), "zone=a".parse().unwrap());
        let lifetime = std::time::Duration::from_secs(60);
        let (token, _) =
            issue_join_token(what, Maker::Operator, lifetime, &self.peppers(), self.now(), &self.entropy);
        self.store.insert_join_token(&token, self.event("nodes.create_token")).await.unwrap();
        token
    }

    fn new_node(&self, name: &str) -> (NodeRecord, KeyRecord) {
        let label: KeyLabel = name.parse().unwrap();
        let new = NewKey {
            project: self.project.clone(),
            label,
            role: Role::NODE,
            scopes: Scopes::of(&[Scope::TasksWork]),
            expires: None,
            owner: None,
            networks: Networks::default(),
            limit: None,
        };
        let (key, _) = issue_key(new, &self.peppers(), self.now(), &self.entropy);
        let node = NodeRecord {
            id: NodeId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            name: name.parse().unwrap(),
            key: key.id,
            public_key: NodeKey::from_seed(&[7; 32]).public_key().clone(),
            owner: Maker::Operator,
            labels: "zone=a".parse().unwrap(),
            capabilities: Capabilities { cores: 2, memory_bytes: 3, kvm: true, fuel_per_second: 4 },
            state: NodeState::Ready,
            created: self.now(),
            seen: self.now(),
            work: WorkRecord::default(),
        };
        (node, key)
    }

    pub(super) async fn joined(&self, name: &str) -> NodeRecord {
        let (node, key) = self.new_node(name);
        let token = self.join_token().await.id;
        let joined = self.store.join(token, &node, &key, self.event("nodes.join")).await.unwrap();
        assert_eq!(joined, Joined::Done);
        node
    }

    async fn order(&self, node: &NodeRecord, order: NodeOrder) -> Ordered {
        self.store.order_node(&self.project, node.id, order, self.event("nodes.order")).await.unwrap()
    }

    async fn found(&self, node: &NodeRecord) -> NodeRecord {
        self.store.node(&self.project, node.id).await.unwrap().expect("the node is there")
    }

    fn taker(&self, node: &NodeRecord) -> Taker {
        let lease = Lease { node: Some(node.id), ..self.lease(10) };
        Taker {
            lease,
            project: Some(node.project.clone()),
            labels: node.labels.clone(),
            memory_bytes: node.capabilities.memory_bytes,
            owner: node.name.to_string(),
        }
    }
}

pub(super) async fn a_join_token_makes_one_node(context: &Context) {
    let token = context.join_token().await;
    assert_eq!(context.store.join_token(token.id).await.unwrap(), Some(token.clone()));
    assert_eq!(
        context.store.join_tokens(&context.project, None, 9).await.unwrap(),
        std::slice::from_ref(&token)
    );
    let (node, key) = context.new_node("box");
    let join = async |token, node: &NodeRecord, key: &KeyRecord| {
        context.store.join(token, node, key, context.event("nodes.join")).await.unwrap()
    };
    assert_eq!(join(token.id, &node, &key).await, Joined::Done);
    assert_eq!(context.found(&node).await, node);
    assert_eq!(context.store.node_of_key(key.id).await.unwrap(), Some(node.clone()));
    let elsewhere: Project = "elsewhere".parse().unwrap();
    assert_eq!(context.store.node(&elsewhere, node.id).await.unwrap(), None);

    let (second, second_key) = context.new_node("other");
    assert_eq!(join(token.id, &second, &second_key).await, Joined::TokenGone);
    assert_eq!(context.store.key(second_key.id).await.unwrap(), None, "a refusal leaves no key");
    let token = context.join_token().await.id;
    let (same, same_key) = context.new_node("box");
    assert_eq!(join(token, &same, &same_key).await, Joined::NameTaken);
    assert!(context.store.join_token(token).await.unwrap().is_some(), "it was not used");

    // One that is removed loses its key, and its name is free.
    let order = async |order| context.order(&node, order).await;
    assert_eq!(order(NodeOrder::Drain).await, Ordered::Done);
    assert_eq!(context.found(&node).await.state, NodeState::Draining);
    assert_eq!(order(NodeOrder::Remove).await, Ordered::Done);
    assert_eq!(order(NodeOrder::Resume).await, Ordered::Missing, "it is gone for good");
    assert_eq!(context.store.key(key.id).await.unwrap().unwrap().revoked, Some(context.now()));
    assert_eq!(join(token, &same, &same_key).await, Joined::Done);
    assert_eq!(context.store.nodes(&context.project, None, 9).await.unwrap(), std::slice::from_ref(&same));
    assert_eq!(context.store.nodes(&context.project, Some(same.id), 9).await.unwrap(), []);

    let taken_back = context.join_token().await.id;
    let withdraw = async |project: &Project| {
        let event = context.event("nodes.withdraw_token");
        context.store.remove_join_token(project, taken_back, event).await.unwrap()
    };
    assert!(!withdraw(&elsewhere).await);
    assert!(withdraw(&context.project).await);
    assert!(!withdraw(&context.project).await);
    assert_eq!(join(taken_back, &second, &second_key).await, Joined::TokenGone);
}

pub(super) async fn a_node_takes_tasks_of_its_project_that_want_its_labels(context: &Context) {
    let node = context.joined("box").await;
    let module = context.put("app.wasm", b"module").await;
    let submit = async |labels: &str| {
        let mut task = context.task(module);
        task.spec.plan.labels = labels.parse().unwrap();
        let submitted = context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
        assert_eq!(submitted, Submitted::Accepted);
        task.id
    };
    let other = submit("zone=b").await;
    let here = submit("zone=a").await;
    let any = submit("").await;
    let take = async |taker: Taker, limit| -> Vec<TaskRecord> {
        context.store.take(taker, context.now(), limit).await.unwrap()
    };
    let elsewhere = Taker { project: Some("elsewhere".parse().unwrap()), ..context.taker(&node) };
    assert_eq!(take(elsewhere, 9).await, []);
    let taken = take(context.taker(&node), 1).await;
    assert_eq!(taken.iter().map(|task| task.id).collect::<Vec<_>>(), [here], "in the order of their turns");
    assert_eq!(taken[0].progress.lease.and_then(|lease| lease.node), Some(node.id));
    assert_eq!(context.stored(here).await.progress, taken[0].progress);
    let ids = |tasks: Vec<TaskRecord>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
    assert_eq!(ids(take(Taker::of_any(context.lease(10)), 9).await), [any], "which wants nothing");
    assert_eq!(take(context.taker(&node), 9).await, []);
    let in_zone_b = Taker { labels: "zone=b,disk=fast".parse().unwrap(), ..context.taker(&node) };
    assert_eq!(ids(take(in_zone_b, 9).await), [other]);

    // Nor does it get what may use more memory than it has.
    let is_any = async || context.store.is_any_claimable(&context.project, context.now()).await.unwrap();
    assert!(!is_any().await);
    let mut large = context.task(module);
    large.spec.limits.memory_bytes = 1 << 30;
    context.store.submit(&large, context.event("tasks.submit")).await.unwrap();
    assert!(is_any().await);
    assert_eq!(take(context.taker(&node), 9).await, []);
    let roomy = Taker { memory_bytes: 1 << 30, ..context.taker(&node) };
    assert_eq!(ids(take(roomy, 9).await), [large.id]);
}

pub(super) async fn what_nodes_do_is_counted(context: &Context) {
    let node = context.joined("box").await;
    let module = context.put("app.wasm", b"module").await;
    let leased = async || {
        let task = context.task(module);
        context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
        context.store.take(context.taker(&node), context.now(), 1).await.unwrap().remove(0)
    };
    for outcome in [Outcome::Exited(0), Outcome::Exited(1), Outcome::EngineFailed("out".to_owned())] {
        let task = leased().await;
        let completion = context.completion(&task, outcome, b"out");
        assert!(matches!(context.complete(&completion).await, Completed::Accepted(_)));
    }
    leased().await;
    context.clock.advance(std::time::Duration::from_secs(10));
    context.store.note_node_seen(node.id, context.now()).await.unwrap();
    assert_eq!(context.store.tick(context.now(), ended, 9).await.unwrap().len(), 1);
    let found = context.found(&node).await;
    let expected = WorkRecord { completed: 2, failed: 1, lost: 1, fuel: 14, ..WorkRecord::default() };
    assert_eq!((found.work, found.seen), (expected, context.now()));

    // A sum does not grow out of its column, whatever a node says.
    let task = leased().await;
    let mut completion = context.completion(&task, Outcome::Exited(0), b"out");
    completion.result.usage.fuel = u64::MAX >> 1;
    for _ in 0..2 {
        context.complete(&completion).await;
    }
    assert!(context.found(&node).await.work.fuel >= 1 << 61);
    let other = NodeKey::from_seed(&[9; 32]);
    context.store.set_node_key(node.id, other.public_key(), context.event("nodes.rotate")).await.unwrap();
    assert_eq!(context.found(&node).await.public_key, *other.public_key());
    assert_eq!(NodeLabels::default(), "".parse().unwrap());
}

impl Context {
    /// A task that three are to run, of whom two must agree, and its replicas.
    async fn replicated(&self) -> TaskRecord {
        let module = self.put("app.wasm", b"module").await;
        let mut task = self.task(module);
        let replicas = (0..3).map(|_| TaskId::generate(self.now(), &self.entropy)).collect();
        task.spec.quorum = Some(Quorum::new(2, replicas).unwrap());
        let submitted = self.store.submit(&task, self.event("tasks.submit")).await.unwrap();
        assert_eq!(submitted, Submitted::Accepted);
        task
    }

    async fn settle(&self) -> Settled {
        self.store.settle(self.now(), ended, 9).await.unwrap()
    }

    /// Hands in what a node says of a replica.
    async fn say(&self, node: &NodeRecord, task: &TaskRecord, output: &[u8]) {
        let mut completion = self.completion(task, Outcome::Exited(0), output);
        completion.result.ran_on = Some(RanOn { node: node.id, key: node.public_key.clone() });
        assert!(matches!(self.complete(&completion).await, Completed::Accepted(_)));
    }
}

pub(super) async fn replicas_go_to_distinct_owners_and_a_lie_is_outvoted(context: &Context) {
    let liar = context.joined("liar").await;
    let (one, two) = (context.joined("one").await, context.joined("two").await);
    let task = context.replicated().await;
    let take =
        async |node: &NodeRecord| context.store.take(context.taker(node), context.now(), 9).await.unwrap();
    let of_liar = take(&liar).await;
    assert_eq!(of_liar.iter().map(|replica| replica.spec.replica_of).collect::<Vec<_>>(), [Some(task.id)]);
    assert_eq!(take(&liar).await, [], "nobody gets two");
    context.say(&liar, &of_liar[0], b"a lie").await;
    assert_eq!(take(&liar).await, [], "nor after the first is over");
    assert_eq!(context.settle().await.changed, [], "one does not decide");
    let of_one = take(&one).await.remove(0);
    context.say(&one, &of_one, b"the truth").await;
    assert_eq!(context.settle().await.changed, [], "they do not agree");
    assert_eq!(context.stored(task.id).await.progress.state, TaskState::Queued);
    let of_two = take(&two).await.remove(0);
    context.say(&two, &of_two, b"the truth").await;
    let settled = context.settle().await;
    assert_eq!(settled.refuted, [liar.id]);
    let done = context.stored(task.id).await;
    assert_eq!(
        (settled.changed.as_slice(), done.progress.state),
        (&[done.clone()][..], TaskState::Succeeded)
    );
    let result = done.result.clone().unwrap();
    assert_eq!(result.stdout, Some(Digest::of(b"the truth")));
    assert_eq!(result.agreement, Some(Agreement { agreed: 2, nodes: 3 }));
    let found = context.found(&liar).await;
    assert_eq!((found.state, found.work.refuted, found.health(context.now())), (NodeState::Distrusted, 1, 0));
    assert_eq!(context.found(&one).await.work.confirmed, 1);
    assert!(context.actions().await.contains(&"nodes.refute".to_owned()));
    assert_eq!(context.counts().await, [(TaskState::Succeeded, 4)]);
}

pub(super) async fn replicas_end_with_their_task(context: &Context) {
    let node = context.joined("box").await;
    let task = context.replicated().await;
    let taken = context.store.take(context.taker(&node), context.now(), 9).await.unwrap().remove(0);
    let cancelled =
        context.store.cancel(&context.project, task.id, context.now(), context.event("tasks.cancel"));
    assert!(matches!(cancelled.await.unwrap(), casemate_tasks::Cancelled::Done(_)));
    assert!(context.stored(taken.id).await.progress.cancel_requested);
    assert_eq!(context.counts().await, [(TaskState::Cancelled, 3), (TaskState::Leased, 1)]);
    // Two of three that fail by themselves leave no two that could agree.
    let task = context.replicated().await;
    for _ in 0..2 {
        let taker = Taker { owner: context.version_id().to_string(), ..context.taker(&node) };
        let replica = context.store.take(taker, context.now(), 1).await.unwrap().remove(0);
        context.complete(&context.completion(&replica, Outcome::LimitReached(LimitKind::Wall), b"")).await;
    }
    let settled = context.settle().await;
    assert_eq!(settled.changed.len(), 2, "the third replica, and the task");
    assert_eq!(context.stored(task.id).await.progress.state, TaskState::Dead);
}

impl Context {
    /// A deterministic task that `node` has run and says `output` of; it is audited if so wanted.
    async fn said_by(&self, node: &NodeRecord, output: &[u8], audit: bool) -> TaskRecord {
        let module = self.put("app.wasm", b"module").await;
        let mut task = self.task(module);
        task.spec.deterministic = true;
        task.spec.plan.labels = "zone=a".parse().unwrap();
        self.store.submit(&task, self.event("tasks.submit")).await.unwrap();
        let taken = self.store.take(self.taker(node), self.now(), 1).await.unwrap().remove(0);
        assert_eq!(taken.id, task.id);
        let mut completion = self.completion(&taken, Outcome::Exited(0), output);
        completion.result.ran_on = Some(RanOn { node: node.id, key: node.public_key.clone() });
        completion.audit = audit;
        assert!(matches!(self.complete(&completion).await, Completed::Accepted(_)));
        self.stored(task.id).await
    }

    async fn review_of(&self, task: &TaskRecord) -> Option<Review> {
        self.stored(task.id).await.result.unwrap().review
    }

    async fn void(&self) -> Vec<TaskRecord> {
        self.store.void_results(self.now(), ended, 9).await.unwrap().changed
    }
}

pub(super) async fn an_audit_confirms_the_honest_and_catches_the_liar_with_all_that_nobody_looked_at(
    context: &Context,
) {
    let (liar, honest) = (context.joined("liar").await, context.joined("honest").await);
    let unseen = context.said_by(&liar, b"who knows", false).await;
    let sampled = context.said_by(&liar, b"the truth", true).await;
    let take = async |taker: Taker| context.store.take(taker, context.now(), 9).await.unwrap();
    assert_eq!(take(context.taker(&liar)).await, [], "nobody looks at their own");
    let audit = take(context.taker(&honest)).await.remove(0);
    assert_eq!((audit.spec.replica_of, audit.spec.module), (Some(sampled.id), sampled.spec.module));
    context.say(&honest, &audit, b"the truth").await;
    assert_eq!(context.settle().await.refuted, []);
    assert_eq!(context.review_of(&sampled).await, Some(Review::Confirmed));
    let audits = context.store.audits(&context.project, sampled.id).await.unwrap();
    assert_eq!(audits.iter().map(|task| task.id).collect::<Vec<_>>(), [audit.id]);
    assert_eq!(context.stored(sampled.id).await.result.unwrap().level().to_string(), "L2 re-executed");
    assert_eq!(context.found(&liar).await.work.confirmed, 1);
    assert_eq!(context.void().await, []);

    // The server's own run decides at once.
    let lied = context.said_by(&liar, b"a lie", true).await;
    let audit = take(Taker::of_any(context.lease(10))).await.remove(0);
    let completion = context.completion(&audit, Outcome::Exited(0), b"the truth");
    context.complete(&completion).await;
    let settled = context.settle().await;
    assert_eq!(settled.refuted, [liar.id]);
    assert_eq!(context.review_of(&lied).await, Some(Review::Refuted));
    assert_eq!(settled.changed.iter().map(|task| task.spec.repeats).collect::<Vec<_>>(), [Some(lied.id)]);
    assert_eq!(context.found(&liar).await.state, NodeState::Distrusted);
    let drained = context.order(&liar, NodeOrder::Drain).await;
    assert_eq!(drained, Ordered::Refused(NodeState::Distrusted), "or it would be forgotten that it lied");
    let again: Vec<_> = context.void().await.iter().map(|task| task.spec.repeats).collect();
    assert_eq!(again, [Some(unseen.id)], "and not what was confirmed");
    assert_eq!(context.review_of(&unseen).await, Some(Review::Void));
    assert_eq!(
        context.stored(unseen.id).await.progress.state,
        TaskState::Succeeded,
        "what is over stays over"
    );
    assert_eq!(context.void().await, []);
    let actions = context.actions().await;
    assert!(
        ["nodes.refute", "tasks.void", "tasks.review"]
            .iter()
            .all(|action| actions.iter().any(|found| found == action))
    );
    assert_eq!(context.counts().await, [(TaskState::Queued, 2), (TaskState::Succeeded, 5)]);
}

pub(super) async fn a_liar_who_audits_frames_nobody(context: &Context) {
    let (honest, liar) = (context.joined("honest").await, context.joined("liar").await);
    let third = context.joined("third").await;
    let task = context.said_by(&honest, b"the truth", true).await;
    let take =
        async |node: &NodeRecord| context.store.take(context.taker(node), context.now(), 9).await.unwrap();
    let audit = take(&liar).await.remove(0);
    context.say(&liar, &audit, b"a lie").await;
    let settled = context.settle().await;
    assert_eq!((settled.refuted, context.review_of(&task).await), (vec![], None), "one word against another");
    assert_eq!((take(&liar).await, take(&honest).await), (vec![], vec![]));
    let second = take(&third).await.remove(0);
    context.say(&third, &second, b"the truth").await;
    assert_eq!(context.settle().await.refuted, [liar.id]);
    assert_eq!(context.review_of(&task).await, Some(Review::Confirmed));
    assert_eq!(context.found(&honest).await.work.confirmed, 1);
}
