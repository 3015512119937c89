//! Nodes: machines that join, take tasks of their project, and hand in what came of them.
//!
//! A task that a node works on is held by a lease of that node. Everything that the node asks for or hands in names task and
//! fencing token, and is refused unless the lease is its own: so it reads what that task reads and nothing else.

mod error;
mod handed_in;
mod join;
mod work;

use std::time::Duration;

use casemate_identity::{
    JoinTokenRecord, Maker, NODES_MAX, NodeOrder, NodeRecord, Ordered, issue_join_token,
};
use casemate_model::{JoinTokenId, NodeId, NodeLabels, Project};
use casemate_policy::{Permit, Resource, operation};
use casemate_tasks::TaskState;
use secrecy::SecretString;

use crate::{Caller, Control, ControlError};

pub use error::NodeError;
pub(crate) use handed_in::HandedIn;
pub use join::{JoinNode, JoinedNode};
pub use work::Beat;

/// How long a join token may be good for.
pub const JOIN_TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Control {
    /// Makes a token by which a machine joins the caller's project once. It is in the answer and nowhere else.
    pub async fn create_join_token(
        &self,
        caller: &Caller,
        labels: NodeLabels,
        lifetime: Duration,
    ) -> Result<(JoinTokenRecord, SecretString), ControlError> {
        let permit = self.permit::<operation::CreateJoinToken>(caller, &Resource::all("nodes")).await?;
        if lifetime.is_zero() || lifetime > JOIN_TOKEN_LIFETIME_MAX {
            return Err(NodeError::TokenLifetime.into());
        }
        if self.parts.settings.mutual_port.is_none() {
            return Err(NodeError::NoMutualListener.into());
        }
        let (what, maker) = ((permit.project().clone(), labels), self.maker_of(&caller.principal).await?);
        let peppers = self.authenticator().peppers();
        let (record, token) = issue_join_token(what, maker, lifetime, peppers, self.now(), self.entropy());
        let resource = Resource::one("join_token", record.id);
        let mut event = self.event(caller, permit.action(), resource, "created");
        event.details.push(("labels".to_owned(), record.labels.to_string()));
        self.parts.nodes.insert_join_token(&record, event).await?;
        Ok((record, token))
    }

    /// Lists join tokens of the caller's project that were not used yet.
    pub async fn list_join_tokens(
        &self,
        caller: &Caller,
        after: Option<JoinTokenId>,
        limit: u32,
    ) -> Result<Vec<JoinTokenRecord>, ControlError> {
        let permit = self.permit::<operation::ListJoinTokens>(caller, &Resource::all("nodes")).await?;
        Ok(self.parts.nodes.join_tokens(permit.project(), after, limit).await?)
    }

    /// Takes a join token back.
    pub async fn withdraw_join_token(&self, caller: &Caller, id: JoinTokenId) -> Result<(), ControlError> {
        let resource = Resource::one("join_token", id);
        let permit = self.permit::<operation::WithdrawJoinToken>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "withdrawn");
        let done = self.parts.nodes.remove_join_token(permit.project(), id, event).await?;
        if done { Ok(()) } else { Err(NodeError::TokenNotFound(id).into()) }
    }

    /// Lists the nodes of the caller's project.
    pub async fn list_nodes(
        &self,
        caller: &Caller,
        after: Option<NodeId>,
        limit: u32,
    ) -> Result<Vec<NodeRecord>, ControlError> {
        let permit = self.permit::<operation::ListNodes>(caller, &Resource::all("nodes")).await?;
        Ok(self.parts.nodes.nodes(permit.project(), after, limit).await?)
    }

    /// The project's nodes, and how many tasks are in each state.
    pub async fn cluster_stats(
        &self,
        caller: &Caller,
    ) -> Result<(Vec<NodeRecord>, Vec<(TaskState, u64)>), ControlError> {
        let permit = self.permit::<operation::ClusterStats>(caller, &Resource::all("nodes")).await?;
        let nodes = self.parts.nodes.nodes(permit.project(), None, NODES_MAX).await?;
        Ok((nodes, self.parts.queue.counts(permit.project()).await?))
    }

    /// Shows a node.
    pub async fn show_node(&self, caller: &Caller, id: NodeId) -> Result<NodeRecord, ControlError> {
        let permit = self.permit::<operation::ShowNode>(caller, &node_resource(id)).await?;
        self.find_node(permit.project(), id).await
    }

    /// Has a node end what it works on and take nothing more.
    pub async fn drain_node(&self, caller: &Caller, id: NodeId) -> Result<NodeRecord, ControlError> {
        let permit = self.permit::<operation::DrainNode>(caller, &node_resource(id)).await?;
        self.order_node(caller, &permit, id, (NodeOrder::Drain, "draining")).await
    }

    /// Has a node take tasks again; one that was caught is believed again.
    pub async fn resume_node(&self, caller: &Caller, id: NodeId) -> Result<NodeRecord, ControlError> {
        let permit = self.permit::<operation::ResumeNode>(caller, &node_resource(id)).await?;
        let node = self.order_node(caller, &permit, id, (NodeOrder::Resume, "resumed")).await?;
        self.runs.wake();
        Ok(node)
    }

    /// Removes a node for good. It is refused from now on, and what it works on goes to others when its leases end.
    pub async fn remove_node(&self, caller: &Caller, id: NodeId) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemoveNode>(caller, &node_resource(id)).await?;
        let node = self.order_node(caller, &permit, id, (NodeOrder::Remove, "removed")).await?;
        self.authenticator().forget_key(node.key);
        Ok(())
    }

    async fn order_node<O: casemate_policy::Operation>(
        &self,
        caller: &Caller,
        permit: &Permit<O>,
        id: NodeId,
        (order, outcome): (NodeOrder, &str),
    ) -> Result<NodeRecord, ControlError> {
        let event = self.event(caller, permit.action(), node_resource(id), outcome);
        match self.parts.nodes.order_node(permit.project(), id, order, event).await? {
            Ordered::Done => self.find_node(permit.project(), id).await,
            Ordered::Missing => Err(NodeError::NotFound(id).into()),
            Ordered::Refused(_) => Err(NodeError::Caught(id).into()),
        }
    }

    async fn find_node(&self, project: &Project, id: NodeId) -> Result<NodeRecord, ControlError> {
        let found = self.parts.nodes.node(project, id).await?;
        Ok(found.ok_or(NodeError::NotFound(id))?)
    }

    /// Whether whoever let a node join could do so today.
    pub(crate) async fn still_lets_join(
        &self,
        maker: Maker,
        project: &Project,
    ) -> Result<bool, ControlError> {
        let Some(maker) = self.principal_of(maker, project).await? else { return Ok(false) };
        let all = Resource::all("nodes");
        Ok(casemate_policy::authorize::<operation::CreateJoinToken>(&maker, project, &all).is_ok())
    }
}

fn node_resource(id: NodeId) -> Resource {
    Resource::one("node", id)
}
