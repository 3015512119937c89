//! Peers: other nodes that know names, and what they know.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::names::{NameChange, NameDns, Resolution};

/// The peers of a node, and what it knows of registries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// Who this node is among peers.
    #[schema(example = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")]
    pub id: String,
    /// Where it listens, as others write it into their configuration.
    pub listening: Vec<String>,
    /// Others: those that are configured, and those that are connected.
    pub peers: Vec<Peer>,
    /// The registries whose proofs are kept.
    pub registries: Vec<KnownRegistry>,
    /// How many proofs are kept.
    pub proofs: u64,
    /// Their bytes, and what it takes to keep them.
    pub bytes: u64,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Who it is.
    pub id: String,
    /// Where it is, if that is known.
    #[schema(required = true)]
    pub address: Option<String>,
    /// What it is to this node.
    pub standing: PeerStanding,
    /// Whether it is connected now.
    pub connected: bool,
}

/// What a peer is to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerStanding {
    /// A node of the same people: it is told of every change, and asked for them.
    Own,
    /// One that is configured.
    Known,
    /// Any other.
    Other,
}

impl PeerStanding {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Known => "known",
            Self::Other => "other",
        }
    }
}

/// A registry whose proofs are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownRegistry {
    /// Its id.
    #[schema(example = "00112233445566778899aabbccddeeff")]
    pub id: String,
    /// The keys of its logs.
    pub keys: Vec<String>,
    /// How long ago all was seen that those logs had; null if that never was.
    #[schema(required = true)]
    pub age_ms: Option<u64>,
}

/// What peers know of a name. It proves itself by `proof`, which `casemate verify` checks offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerName {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
    /// The registry that says so.
    pub registry: String,
    /// Who holds it there.
    pub project: String,
    /// Which of its lives.
    pub epoch: u64,
    /// Which of its versions.
    pub sequence: u64,
    /// What that version changed.
    pub change: NameChange,
    /// The content that it means; null if it ended or may not be used.
    #[schema(required = true)]
    pub digest: Option<String>,
    /// What it says in DNS; null if it ended or may not be used.
    #[schema(required = true)]
    pub dns: Option<NameDns>,
    /// When the registry entered this version into its log.
    #[schema(format = DateTime)]
    pub entered: String,
    /// When it ends unless it is renewed.
    #[schema(format = DateTime)]
    pub expires: String,
    /// How this is known, and how old it is.
    pub resolution: Resolution,
    /// How many had a proof that holds.
    pub copies: u64,
    /// How many answered with something that does not hold.
    pub refused: u64,
    /// The proof.
    pub proof: String,
}
