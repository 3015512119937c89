use std::net::SocketAddr;

use casemate_fs::FsError;
use casemate_identity::ServerNameError;
use casemate_ledger::LogError;
use casemate_model::StoreError;
use casemate_objects::{EncryptionError, ObjectsError};
use casemate_sandbox::SandboxError;
use casemate_server::TlsError;
use casemate_state::{RedisAddressError, StateError};
use metrics_exporter_prometheus::BuildError;

use crate::peppers::PepperError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A directory, lock, secret or socket of the data directory.
    #[error("the data directory cannot be used")]
    Directory(#[source] FsError),
    /// A secret's file does not hold what it should.
    #[error(
        "`{path}` does not hold 32 bytes: restore it from a backup; without it nothing that it signed or sealed is valid"
    )]
    Secret {
        /// The file.
        path: String,
    },
    /// A secret's file is gone while what it protects is there.
    #[error(
        "`{path}` is missing beside the node's data: restore it from a backup, or move the data directory away to start anew"
    )]
    SecretMissing {
        /// The file.
        path: String,
    },
    /// What a witness saw is gone while its key is there.
    #[error(
        "`{path}` is missing beside the witness's key, and it would cosign again what it saw: restore it from a backup, or begin under another name in another directory"
    )]
    Forgotten {
        /// The directory.
        path: String,
    },
    /// The database.
    #[error(transparent)]
    State(#[from] StateError),
    /// The peppers.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// The address of Redis.
    #[error(transparent)]
    Redis(#[from] RedisAddressError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The key of the object store.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The object store.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The workers.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Peers.
    #[error(transparent)]
    Peers(casemate_peers::PeersStart),
    /// Certificate or key.
    #[error("the node cannot speak TLS")]
    Tls(#[source] TlsError),
    /// A name of the listener of mutual TLS.
    #[error(transparent)]
    ServerName(#[from] ServerNameError),
    /// The public address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
    /// The zone's key.
    #[error("answers of DNS cannot be signed")]
    Zone(#[source] casemate_dns::SignerError),
    /// The key for transfers of the zone.
    #[error("`{path}` does not hold a transfer key")]
    TransferKey {
        /// The file.
        path: String,
        /// What it holds instead.
        #[source]
        source: casemate_dns::TransferKeyError,
    },
    /// The private socket.
    #[error("cannot serve the private socket")]
    Socket(#[source] std::io::Error),
    /// The audit log.
    #[error("the start cannot be recorded")]
    Recording(#[source] StoreError),
    /// The recorder of metrics.
    #[error("metrics cannot be recorded")]
    Metrics(#[from] BuildError),
}
