use casemate_identity::NODES_MAX;
use casemate_model::{Digest, JoinTokenId, NodeId, NodeName, TaskId};

use crate::RelayError;

/// Why something about nodes was not done.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// There is no such node in the project.
    #[error("there is no node {0}")]
    NotFound(NodeId),
    /// There is no such join token in the project.
    #[error("there is no join token {0}")]
    TokenNotFound(JoinTokenId),
    /// A join token would be good for too long, or not at all.
    #[error("a join token is good for at most 7 days")]
    TokenLifetime,
    /// Nodes have nowhere to come in.
    #[error("nodes come in over mutual TLS, and this server does not listen for it")]
    NoMutualListener,
    /// Another node of the project has the name.
    #[error("there is a node {0} already")]
    NameTaken(NodeName),
    /// The project has as many nodes as it may have.
    #[error("the project has {NODES_MAX} nodes already")]
    TooMany,
    /// Relay sessions.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The caller is not a node that has joined.
    #[error("this is for nodes that have joined, over mutual TLS; the caller is none")]
    NotANode,
    /// The node was caught.
    #[error("this node was caught with a result that it cannot have got, and is not believed any more")]
    Distrusted,
    /// A node that was caught is told to do what it does already.
    #[error("the node {0} was caught with a result that it cannot have got, and gets no tasks")]
    Caught(NodeId),
    /// What the node holds on to is not its own, or not any more.
    #[error("the task {0} is not held by this node, or not any more")]
    LeaseLost(TaskId),
    /// A node asked for content that its task does not read.
    #[error("{0} is nothing that the task reads")]
    NotRead(Digest),
    /// A node stored more than its task may give.
    #[error("that is more than the task may give")]
    TooMuch,
    /// A result names content that was not stored before, or not since the server started.
    #[error("{0} was not stored for this task; store what the run gave, and hand it in again")]
    NotStored(Digest),
    /// A receipt is not one of the run that was asked for.
    #[error("the receipt is not what this node can sign of this task: {0}")]
    Receipt(&'static str),
}
