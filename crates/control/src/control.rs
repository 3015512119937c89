use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casemate_egress::Dialer;
use casemate_functions::{FunctionValues, Functions};
use casemate_identity::{
    Authenticator, Credentials, Factors, IdempotencyKeys, LoginLinks, Nodes, Passkeys, RelyingParty, Users,
};
use casemate_ledger::{AuditLog, Decision, Event, NodeKey};
use casemate_model::{Clock, Entropy, PrincipalKind, Project, RunLimits, Timestamp, WorkerId};
use casemate_names::Names;
use casemate_objects::Objects;
use casemate_peers::Peers;
use casemate_policy::{Denied, DeniedReason, Operation, Permit, Resource, authorize};
use casemate_proofs::Proofs;
use casemate_relays::Relays;
use casemate_sandbox::Sandbox;
use casemate_tasks::{AuditPolicy, Queue, Schedules};
use casemate_throttle::{Overrides, Throttle};
use casemate_webhooks::{Outbox, Sender, Webhooks};
use casemate_witness::Asked;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::denials::Denials;
use crate::functions::{FunctionError, FunctionSandbox, Live};
use crate::invitations::Registration;
use crate::log_keeper::LogKeeper;
use crate::nodes::HandedIn;
use crate::passwords::Passwords;
use crate::proofs::Checker;
use crate::sessions::Attempts;
use crate::status::Health;
use crate::tasks::{LiveLogs, Runs};
use crate::webhooks::Teller;
use crate::{Caller, ControlError, FactorError, Feed, IdempotencyRules};

/// The parts that use cases are made of. The composition root fills it in.
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Stored credentials.
    pub credentials: Arc<dyn Credentials>,
    /// Stored users.
    pub users: Arc<dyn Users>,
    /// Requests that must not be carried out twice.
    pub idempotency: Arc<dyn IdempotencyKeys>,
    /// Stored second factors of users.
    pub factors: Arc<dyn Factors>,
    /// Stored passkeys of users.
    pub passkeys: Arc<dyn Passkeys>,
    /// Recognises callers.
    pub authenticator: Authenticator,
    /// Objects.
    pub objects: Objects,
    /// Names.
    pub names: Names,
    /// Other nodes that know names, if this one works with any.
    pub peers: Option<Peers>,
    /// Witnesses that cosign the log.
    pub witnesses: Vec<Arc<dyn Asked>>,
    /// The queue of tasks.
    pub queue: Arc<dyn Queue>,
    /// Stored schedules of tasks.
    pub schedules: Arc<dyn Schedules>,
    /// Stored keys of proofs, and what came of proofs.
    pub proofs: Arc<dyn Proofs>,
    /// Stored relay sessions.
    pub relays: Arc<dyn Relays>,
    /// Stored nodes that have joined.
    pub nodes: Arc<dyn Nodes>,
    /// Where guests run.
    pub sandbox: Sandbox,
    /// Stored functions.
    pub functions: Arc<dyn Functions>,
    /// What functions keep.
    pub function_values: Arc<dyn FunctionValues>,
    /// Where functions run.
    pub function_sandbox: FunctionSandbox,
    /// Connects to whom functions ask.
    pub function_dialer: Dialer,
    /// Stored webhooks.
    pub webhooks: Arc<dyn Webhooks>,
    /// What webhooks are to be told of, and what is on its way.
    pub outbox: Arc<dyn Outbox>,
    /// Sends to webhooks.
    pub sender: Sender,
    /// The audit log before it reaches the tiles.
    pub audit: Arc<dyn AuditLog>,
    /// The tiles and checkpoints of the log.
    pub log: LogKeeper,
    /// Counts requests.
    pub throttle: Throttle,
    /// Stored exceptions from what everybody may send.
    pub overrides: Arc<dyn Overrides>,
    /// The key that signs receipts.
    pub node_key: Arc<NodeKey>,
    /// What the node allows.
    pub settings: Settings,
}

/// What an operator decides about use cases.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most that a task may ask for.
    pub limits_ceiling: RunLimits,
    /// Tasks that run at once.
    pub runs_max: usize,
    /// Who may become a user.
    pub registration: Registration,
    /// How long answers of requests that must not be carried out twice are kept, and how many.
    pub idempotency: IdempotencyRules,
    /// The site that passkeys are for, if the node has an address that browsers have passkeys for.
    pub relying_party: Option<RelyingParty>,
    /// How often results of nodes are run again.
    pub audits: AuditPolicy,
    /// How long tasks are kept after their end; for ever if absent.
    pub task_retention: Option<Duration>,
    /// The port of the listener of mutual TLS, where nodes come in.
    pub mutual_port: Option<u16>,
    /// How long content stays after nothing refers to it, for transfers that are under way.
    pub collect_grace: Duration,
}

/// All use cases of a node. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub(crate) parts: Arc<Parts>,
    pub(crate) feed: Feed,
    pub(crate) login_links: Arc<LoginLinks>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) attempts: Arc<Attempts>,
    denials: Arc<Denials>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) handed_in: Arc<HandedIn>,
    pub(crate) logs: Arc<LiveLogs>,
    pub(crate) checker: Arc<Checker>,
    pub(crate) live: Arc<Live>,
    pub(crate) health: Arc<Health>,
    pub(crate) teller: Arc<Teller>,
    /// This run of this node, as the holder of leases.
    pub(crate) worker: WorkerId,
    pub(crate) started: Timestamp,
    /// Told when something was packed, and what buckets take has changed.
    pub(crate) packed: Arc<tokio::sync::Notify>,
    /// Cancelled when the node stops accepting work.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when nothing is recorded any more.
    pub(crate) closing: CancellationToken,
    /// Cancelled when something that must run for ever has ended.
    failed: CancellationToken,
    /// Everything that runs beside requests.
    pub(crate) background: TaskTracker,
}

impl Control {
    /// Joins the parts. Nothing runs until [`Control::start`].
    pub fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            worker: WorkerId::generate(now, &*parts.entropy),
            started: now,
            feed: Feed::new(now.as_millis()),
            login_links: Arc::default(),
            passwords: Arc::new(Passwords::start()),
            attempts: Arc::default(),
            denials: Arc::default(),
            runs: Arc::new(Runs::new(parts.settings.runs_max)),
            handed_in: Arc::default(),
            logs: Arc::default(),
            checker: Arc::default(),
            live: Arc::default(),
            health: Arc::default(),
            teller: Arc::default(),
            packed: Arc::default(),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            failed: CancellationToken::new(),
            background: TaskTracker::new(),
            parts: Arc::new(parts),
        }
    }

    /// Starts what runs beside requests: the dispatcher of tasks, the log's builder and the sweeps.
    pub fn start(&self) {
        self.run_beside("the dispatcher", crate::tasks::dispatch(self.clone()));
        self.run_beside("the keeper of leases", crate::tasks::keep_leases(self.clone()));
        self.run_beside("the keeper of the log", crate::log_keeper::keep(self.clone()));
        self.run_beside("the asker of witnesses", crate::witnesses::witness(self.clone()));
        self.run_beside("the scheduler", crate::schedules::keep(self.clone()));
        self.run_beside("the sweep", crate::sweep::sweep(self.clone()));
        self.run_beside("the keeper of names", crate::sweep::tend(self.clone()));
        self.run_beside("the hearer of names", crate::sweep::hear(self.clone()));
        self.run_beside("the keeper of uses", crate::sweep::keep_uses(self.clone()));
        self.run_beside("the remover of old tasks", crate::sweep::expire(self.clone()));
        self.run_beside("the collector", crate::sweep::collect(self.clone()));
        self.run_beside("the packer", crate::sweep::pack(self.clone()));
        self.run_beside("the caretaker", crate::lifecycle::care(self.clone()));
        self.run_beside("the measurer", crate::figures::measure(self.clone()));
        self.run_beside("the keeper of limits", crate::limits::keep(self.clone()));
        self.run_beside("the teller of webhooks", crate::webhooks::tell(self.clone()));
        self.run_beside("the watch over health", crate::status::watch(self.clone()));
    }

    /// Runs something until the node stops. A node without it must not go on as if all were well.
    fn run_beside(&self, what: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let (failed, running) = (self.failed.clone(), tokio::spawn(work));
        self.background.spawn(async move {
            if let Err(error) = running.await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "{what} has failed; the node must stop"
                );
                failed.cancel();
            }
        });
    }

    /// Resolves when the node cannot go on, which the log says more about.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Stops accepting work and hands running tasks back to the queue. Requests under way may still be answered.
    pub fn stop(&self) -> Stopped {
        self.stopping.cancel();
        Stopped { handed_back: self.runs.stop_all() }
    }

    /// Runs something to its end, though whoever asked for it goes away; the node waits for it before it ends.
    pub fn run_to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.background.spawn(work)
    }

    /// Waits until everything that runs beside requests has ended, and everything recorded is in the signed log. Call
    /// it when there are no more requests.
    pub async fn close(&self) {
        self.closing.cancel();
        self.background.close();
        self.background.wait().await;
        self.parts.sandbox.shutdown().await;
        self.parts.function_sandbox.shutdown().await;
    }

    /// What happens on this node.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Recognises callers.
    pub fn authenticator(&self) -> &Authenticator {
        &self.parts.authenticator
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.parts.entropy
    }

    /// Decides whether `caller` may do `O` in its project. A refusal is recorded before it is answered.
    pub(crate) async fn permit<O: Operation>(
        &self,
        caller: &Caller,
        resource: &Resource,
    ) -> Result<Permit<O>, ControlError> {
        match authorize(&caller.principal, &caller.principal.project, resource) {
            Ok(permit) => Ok(permit),
            Err(denied) => Err(self.record_denial(caller, resource, denied).await?),
        }
    }

    async fn record_denial(
        &self,
        caller: &Caller,
        resource: &Resource,
        denied: Denied,
    ) -> Result<ControlError, ControlError> {
        self.record_refused(caller, denied.action, resource, &denied.reason.to_string()).await?;
        if let (Some(name), DeniedReason::ScopeMissing { scope, .. }) = (&caller.function, &denied.reason) {
            return Ok(FunctionError::NotGranted { name: name.clone(), scope: *scope }.into());
        }
        if caller.principal.scopes.is_empty() && self.must_show_two_factors(caller).await? {
            return Ok(FactorError::NotSetUp.into());
        }
        Ok(denied.into())
    }

    /// Records that something was refused, and why.
    pub(crate) async fn record_refused(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: impl fmt::Display,
        why: &str,
    ) -> Result<(), ControlError> {
        metrics::counter!("casemate_denials_total", "action" => action).increment(1);
        let Some(unrecorded) = self.denials.record(caller, self.now()) else {
            return Ok(());
        };
        let mut event = self.event(caller, action, resource, why);
        // What does not exist, or is not the caller's, may be a credential that was put in the wrong place.
        event.resource = casemate_identity::redacted(&event.resource).into_owned();
        event.decision = Decision::Denied;
        caller.add_address(&mut event);
        if unrecorded > 0 {
            event.details.push(("unrecorded".to_owned(), unrecorded.to_string()));
        }
        self.parts.audit.append(event).await?;
        Ok(())
    }

    /// An audit event of something that `caller` was allowed.
    pub(crate) fn event(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: impl fmt::Display,
        outcome: impl Into<String>,
    ) -> Event {
        let function = caller.function.as_ref().map(|function| ("function".to_owned(), function.to_string()));
        Event {
            time: self.now(),
            request: caller.request,
            actor: caller.principal.kind,
            project: caller.principal.project.clone(),
            action: action.into(),
            resource: resource.to_string(),
            decision: Decision::Allowed,
            outcome: outcome.into(),
            details: function.into_iter().collect(),
        }
    }

    /// The node itself, acting for `project`.
    pub(crate) fn node_caller(&self, project: &Project) -> Caller {
        let principal = casemate_model::Principal::node(project.clone());
        debug_assert_eq!(principal.kind, PrincipalKind::Node);
        let request = casemate_model::RequestId::generate(self.now(), self.entropy());
        Caller::new(principal, request, None)
    }
}

/// What stopping came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Running tasks that went back to the queue.
    pub handed_back: usize,
}
