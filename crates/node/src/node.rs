use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use casemate_api::nodes::{Assignment, ClaimTasks, Heartbeat, HeldLease};
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_ledger::NodeKey;
use casemate_model::{Clock, Entropy, WorkerId};
use casemate_sandbox::Sandbox;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::content::Modules;
use crate::relay::{Relay, RelayConfig};
use crate::{Membership, NodeError};

/// How often the server hears of the node: four times in the life of a lease.
const BEAT: Duration = Duration::from_millis(2_500);

/// How long the server is to wait for a task before it answers that there is none.
const CLAIM_WAIT: Duration = Duration::from_secs(20);

/// How long to wait before the server is asked again that could not be reached: doubling from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often it is looked whether a certificate is due.
const RENEWAL_CHECK: Duration = Duration::from_secs(60);

/// With what a node works.
pub struct NodeConfig {
    /// Runs at once.
    pub slots: u32,
    /// How it relays, if its operator lets it.
    pub relay: Option<RelayConfig>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A node at work.
pub struct Node(pub(crate) Arc<Shared>);

/// What its runs share.
pub(crate) struct Shared {
    pub(crate) sandbox: Sandbox,
    pub(crate) key: NodeKey,
    pub(crate) worker: WorkerId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) modules: Modules,
    relay: Option<Arc<Relay>>,
    client: Mutex<Client>,
    running: Mutex<HashMap<HeldLease, Arc<Running>>>,
    slots: Arc<Semaphore>,
    slots_max: u32,
    /// Whether runs that are cancelled go back to the server.
    pub(crate) stopping: AtomicBool,
}

/// A run that is under way.
#[derive(Default)]
pub(crate) struct Running {
    /// Cancelled when the guest must end now.
    pub(crate) cancel: CancellationToken,
    /// Whether what it gives does not count any more.
    pub(crate) lost: AtomicBool,
}

impl Node {
    /// Makes a node of a machine that has joined.
    pub async fn new(
        membership: &Membership,
        sandbox: Sandbox,
        config: NodeConfig,
    ) -> Result<Self, NodeError> {
        let NodeConfig { slots, clock, entropy, relay } = config;
        let relay = match relay {
            Some(relay) => Some(Arc::new(Relay::listen(relay).await?)),
            None => None,
        };
        let slots = slots.max(1);
        Ok(Self(Arc::new(Shared {
            sandbox,
            key: membership.key(),
            worker: WorkerId::generate(clock.now(), &*entropy),
            clock,
            entropy,
            modules: Modules::default(),
            relay,
            client: Mutex::new(membership.client()?),
            running: Mutex::default(),
            slots: Arc::new(Semaphore::new(slots as usize)),
            slots_max: slots,
            stopping: AtomicBool::new(false),
        })))
    }

    /// Works until `stop` is cancelled; then gives back what it runs. Fails if the server refuses the node.
    pub async fn work(&self, mut membership: Membership, stop: CancellationToken) -> Result<(), NodeError> {
        let runs = TaskTracker::new();
        let worked = tokio::select! {
            () = stop.cancelled() => Ok(()),
            refused = self.claim(&runs) => Err(refused),
            refused = self.beat() => Err(refused),
            failed = self.renew(&mut membership) => Err(failed),
            never = self.relay() => match never {},
        };
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.running().values().for_each(|running| running.cancel.cancel());
        runs.close();
        runs.wait().await;
        self.0.sandbox.shutdown().await;
        worked
    }

    /// Relays, if the node does.
    async fn relay(&self) -> std::convert::Infallible {
        match &self.0.relay {
            Some(relay) => Arc::clone(relay).serve().await,
            None => std::future::pending().await,
        }
    }

    /// Takes tasks while there are free slots. Ends only when the server refuses the node.
    async fn claim(&self, runs: &TaskTracker) -> NodeError {
        let mut pause = PAUSES.0;
        loop {
            let permit = Arc::clone(&self.0.slots).acquire_owned().await.expect("it is never closed");
            let free = u32::try_from(self.0.slots.available_permits()).unwrap_or(u32::MAX).min(63) + 1;
            let claim = ClaimTasks {
                worker: self.0.worker.to_string(),
                slots: free.min(self.0.slots_max),
                wait_seconds: CLAIM_WAIT.as_secs(),
            };
            match self.0.client().work_claim(&claim).await {
                Ok(claimed) => {
                    pause = PAUSES.0;
                    let mut first = Some(permit);
                    for assignment in claimed.assignments {
                        let permit =
                            first.take().or_else(|| Arc::clone(&self.0.slots).try_acquire_owned().ok());
                        // The server gave no more than was asked for; should it, the lease ends by itself.
                        let Some(permit) = permit else { break };
                        self.start(runs, assignment, permit);
                    }
                }
                Err(error) if is_refusal(&error) => return NodeError::Refused,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no tasks could be taken");
                    drop(permit);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    fn start(&self, runs: &TaskTracker, assignment: Assignment, permit: OwnedSemaphorePermit) {
        let held = HeldLease { task: assignment.task.clone(), fence: assignment.fence };
        let running = Arc::new(Running::default());
        self.0.running().insert(held.clone(), Arc::clone(&running));
        let shared = Arc::clone(&self.0);
        runs.spawn(async move {
            crate::run::run(&shared, &held, &assignment, &running).await;
            shared.running().remove(&held);
            drop(permit);
        });
    }

    /// Tells the server that the node is there. Ends only when the server refuses the node.
    async fn beat(&self) -> NodeError {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let held: Vec<_> = self.0.running().keys().cloned().collect();
            let relay = self.0.relay.as_deref();
            let beat = Heartbeat {
                worker: self.0.worker.to_string(),
                held,
                relaying: relay.map(Relay::offer),
                relayed: relay.map(Relay::relayed).unwrap_or_default(),
            };
            match self.0.client().work_beat(&beat).await {
                Ok(answer) => {
                    if let Some(relay) = relay {
                        relay.order(&answer.relays);
                    }
                    for held in &answer.cancelled {
                        self.0.end_run(held, false);
                    }
                    for held in &answer.lost {
                        self.0.end_run(held, true);
                    }
                }
                Err(error) if is_refusal(&error) => return NodeError::Refused,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the server was not told");
                }
            }
        }
    }

    /// Gets another certificate when it is due. Ends only when what was got cannot be kept.
    async fn renew(&self, membership: &mut Membership) -> NodeError {
        let mut checks = tokio::time::interval(RENEWAL_CHECK);
        loop {
            checks.tick().await;
            match membership.renew_after() {
                Ok(due) if self.0.clock.now() < due => continue,
                Ok(_) => {}
                Err(error) => return error,
            }
            let renewed = membership.renew().await.and_then(|()| membership.client());
            match renewed {
                Ok(client) => *self.0.client.lock().unwrap_or_else(PoisonError::into_inner) = client,
                Err(NodeError::Client(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no certificate yet");
                }
                Err(error) => return error,
            }
        }
    }
}

impl Shared {
    /// The client that has the present certificate.
    pub(crate) fn client(&self) -> Client {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<HeldLease, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_run(&self, held: &HeldLease, lost: bool) {
        if let Some(running) = self.running().get(held) {
            running.lost.store(lost, Ordering::SeqCst);
            running.cancel.cancel();
        }
    }
}

/// Whether the server knows who asks, and lets it do nothing.
fn is_refusal(error: &ClientError) -> bool {
    matches!(error, ClientError::Problem(problem)
        if matches!(problem.code, ProblemCode::Unauthenticated | ProblemCode::Denied))
}
