use casemate_api::{ClientError, TrustError};
use casemate_fs::FsError;
use casemate_sandbox::SandboxError;

/// Why a machine does not work as a node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The directory of the node.
    #[error("the node's directory cannot be used")]
    Directory(#[from] FsError),
    /// The machine has not joined.
    #[error("this machine has not joined a server, or not with this directory")]
    NotJoined,
    /// The machine has joined already.
    #[error("this machine has joined already, as {name}")]
    Joined {
        /// The node's name.
        name: String,
    },
    /// What was kept when the machine joined cannot be read.
    #[error("`{file}` in the node's directory is damaged")]
    Damaged {
        /// The file.
        file: &'static str,
    },
    /// The certificates of the server or of the node.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The proxy of relay sessions.
    #[error("the node cannot relay: {0}")]
    Relay(String),
    /// The machine could not be measured.
    #[error("the machine could not be measured: {0}")]
    Measure(String),
    /// The server knows the node no more.
    #[error("the server refuses this node: it was removed, or its certificate is over")]
    Refused,
}
