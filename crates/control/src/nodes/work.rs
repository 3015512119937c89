use std::time::Duration;

use casemate_identity::{NodeRecord, NodeState};
use casemate_model::{Digest, PrincipalKind, Project, TaskId, WorkerId};
use casemate_objects::{BlobId, VerifiedBlob};
use casemate_policy::{Resource, operation};
use casemate_tasks::{Extended, Held, Lease, Taker, TaskRecord, TaskState};

use super::NodeError;
use crate::tasks::LEASE;
use crate::{Caller, Control, ControlError, RelayOrder, RelayReport};

/// Most tasks that a node takes at once.
const CLAIM_MAX: u32 = 64;

/// Most leases that a node extends at once.
const HELD_MAX: usize = 1_024;

/// What a node learns when it says that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// What became of its leases.
    pub leases: Extended,
    /// Whether it gets tasks.
    pub state: NodeState,
    /// Relay sessions that lead through it.
    pub relays: Vec<RelayOrder>,
}

impl Control {
    /// Gives the calling node at most `slots` tasks, after waiting for one for up to `wait`.
    pub async fn claim_tasks(
        &self,
        caller: &Caller,
        worker: WorkerId,
        slots: u32,
        wait: Duration,
    ) -> Result<Vec<TaskRecord>, ControlError> {
        let node = self.working_node(caller).await?;
        let until = tokio::time::Instant::now() + wait;
        loop {
            // Whoever is told between the look and the wait is told in the wait.
            let woken = self.runs.claimable();
            let mut woken = std::pin::pin!(woken);
            woken.as_mut().enable();
            let taken = self.claim_now(&node, worker, slots).await?;
            if !taken.is_empty() || tokio::time::Instant::now() >= until {
                return Ok(taken);
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Ok(Vec::new()),
                () = tokio::time::sleep_until(until) => {}
                () = woken => {}
            }
        }
    }

    async fn claim_now(
        &self,
        node: &NodeRecord,
        worker: WorkerId,
        slots: u32,
    ) -> Result<Vec<TaskRecord>, ControlError> {
        // Many nodes are woken at once, and there is seldom something for all.
        if !self.parts.queue.is_any_claimable(&node.project, self.now()).await? {
            return Ok(Vec::new());
        }
        // It may have been drained while it waited.
        let node = self.parts.nodes.node(&node.project, node.id).await?.ok_or(NodeError::NotANode)?;
        let idle = node.state != NodeState::Ready || slots == 0 || self.stopping.is_cancelled();
        if idle || !self.still_lets_join(node.owner, &node.project).await? {
            return Ok(Vec::new());
        }
        let now = self.now();
        let lease = Lease { worker, node: Some(node.id), until: now.saturating_add(LEASE) };
        let owner = node.owner.to_string();
        let project = Some(node.project.clone());
        let memory_bytes = node.capabilities.memory_bytes;
        let taker = Taker { lease, project, labels: node.labels, memory_bytes, owner };
        let taken = self.parts.queue.take(taker, now, slots.min(CLAIM_MAX)).await?;
        taken.iter().for_each(|task| self.announce_task(task));
        Ok(taken)
    }

    /// Hears from the calling node: extends the leases that it holds, and tells it which runs to end.
    pub async fn hear_node(
        &self,
        caller: &Caller,
        worker: WorkerId,
        held: &[Held],
        relaying: RelayReport,
    ) -> Result<Beat, ControlError> {
        let node = self.working_node(caller).await?;
        let now = self.now();
        self.parts.nodes.note_node_seen(node.id, now).await?;
        let (mut own, mut lost) = (Vec::new(), Vec::new());
        for held in held.iter().take(HELD_MAX) {
            match self.held_task(&node, *held).await {
                Ok(task) if task.progress.lease.is_some_and(|lease| lease.worker == worker) => {
                    self.note_running(&task).await;
                    own.push(*held);
                }
                Ok(_) | Err(ControlError::Node(NodeError::LeaseLost(_))) => lost.push(*held),
                Err(error) => return Err(error),
            }
        }
        let mut leases = self.parts.queue.extend(&own, now.saturating_add(LEASE), now).await?;
        leases.lost.extend(lost);
        let relays = self.relay_orders(&node, relaying).await?;
        Ok(Beat { leases, state: node.state, relays })
    }

    /// A node says of a task that it runs by extending its lease.
    async fn note_running(&self, task: &TaskRecord) {
        if task.progress.state == TaskState::Leased {
            self.note_start(task).await;
        }
    }

    /// Opens content that a task of the calling node reads.
    pub async fn open_assigned(
        &self,
        caller: &Caller,
        held: Held,
        digest: Digest,
    ) -> Result<VerifiedBlob, ControlError> {
        let node = self.working_node(caller).await?;
        let task = self.held_task(&node, held).await?;
        let spec = &task.spec;
        let own = spec.stdin == Some(digest) || spec.inputs.iter().any(|(_, input)| *input == digest);
        let project = if own {
            &task.project
        } else if spec.module == digest {
            task.module_project()
        } else {
            return Err(NodeError::NotRead(digest).into());
        };
        self.open_content(caller, BlobId::new(project, digest)).await
    }

    /// Takes a task back from the calling node, which stops. The attempt does not count.
    pub async fn return_task(&self, caller: &Caller, held: Held) -> Result<(), ControlError> {
        let node = self.working_node(caller).await?;
        self.held_task(&node, held).await?;
        self.handed_in.forget(held.task);
        self.take_back(held).await
    }

    /// Refuses a caller that is no node.
    pub async fn check_works(&self, caller: &Caller) -> Result<(), ControlError> {
        self.working_node(caller).await.map(drop)
    }

    /// The node that calls, which is allowed to work.
    pub(crate) async fn working_node(&self, caller: &Caller) -> Result<NodeRecord, ControlError> {
        self.permit::<operation::WorkAsNode>(caller, &Resource::all("nodes")).await?;
        self.node_of(caller).await
    }

    /// The node that calls.
    pub(super) async fn node_of(&self, caller: &Caller) -> Result<NodeRecord, ControlError> {
        let PrincipalKind::Key(key) = caller.principal.kind else {
            return Err(NodeError::NotANode.into());
        };
        let found = self.parts.nodes.node_of_key(key).await?;
        let found = found.filter(|node| node.state != NodeState::Removed).ok_or(NodeError::NotANode)?;
        if found.state == NodeState::Distrusted {
            return Err(NodeError::Distrusted.into());
        }
        Ok(found)
    }

    /// The task that a node holds. A fencing token belongs to one lease for ever, so what is found here stays true of it:
    /// whatever happens meanwhile is found by the store, which looks at the token again.
    pub(crate) async fn held_task(&self, node: &NodeRecord, held: Held) -> Result<TaskRecord, ControlError> {
        let task = self.task_of_node(&node.project, held.task).await?;
        let own = task.progress.lease.is_some_and(|lease| lease.node == Some(node.id));
        if own && task.progress.fence == held.fence { Ok(task) } else { Err(lost(held)) }
    }

    pub(super) async fn task_of_node(
        &self,
        project: &Project,
        id: TaskId,
    ) -> Result<TaskRecord, ControlError> {
        Ok(self.parts.queue.task(project, id).await?.ok_or(NodeError::LeaseLost(id))?)
    }
}

pub(super) fn lost(held: Held) -> ControlError {
    NodeError::LeaseLost(held.task).into()
}
