use std::fmt;

use casemate_model::{
    Digest, Hasher, Outcome, Project, RunId, RunLimits, TaskId, Timestamp, Usage, WorkerId,
};

use crate::text::escape;
use crate::{BadSignature, DecodeError, EncodeError, NodeKey, NodePublicKey};

mod codec;

/// What ran, on what, within which limits, and what came of it.
///
/// `docs/formats/receipt.md` lays down the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The task.
    pub task: TaskId,
    /// The run, that is the attempt at the task.
    pub run: RunId,
    /// The project.
    pub project: Project,
    /// The module.
    pub module: Digest,
    /// The arguments and environment, by [`invocation_digest`]. The texts stay out: they may be private.
    pub invocation: Digest,
    /// Standard input; the digest of nothing if there was none.
    pub input: Digest,
    /// Files of the input directory, by path.
    pub input_files: Vec<(String, Digest)>,
    /// Standard output.
    pub output: Digest,
    /// Files left in the output directory, by path.
    pub output_files: Vec<(String, Digest)>,
    /// Standard error.
    pub log: Digest,
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What it might have used.
    pub limits: RunLimits,
    /// The engine's build.
    pub engine: String,
    /// The profile: `default` or `det-1`.
    pub profile: String,
    /// The worker.
    pub worker: WorkerId,
    /// Which attempt at the task this was, from 1.
    pub attempt: u32,
    /// When the worker took it.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How far its claims were checked when it was signed.
    pub level: Level,
}

/// How far the claims of a receipt were checked. There is no bare "verified".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// L0: a worker reported it.
    Reported,
    /// L1: the node that ran it signed it.
    Signed,
    /// L2: it was run again with the same result.
    ReExecuted,
    /// L3: several nodes ran it.
    Replicated {
        /// Nodes with this result.
        agreed: u8,
        /// Nodes that ran it.
        nodes: u8,
    },
    /// L4: a proof of the execution was checked.
    Proved,
}

/// A receipt with the signature of the node that answers for it.
///
/// Decoding does not check the signature: [`SignedReceipt::verify`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    bytes: Vec<u8>,
}

impl Receipt {
    /// Most bytes of a receipt: 4096 output files, the most a guest may leave, each with a path of 4096 bytes,
    /// fit with every character escaped once.
    pub const BYTES_MAX: usize = 40 << 20;
    /// Most input files, and most output files.
    pub const FILES_MAX: usize = 4096;
    /// Most bytes of a path, after escaping.
    pub const PATH_BYTES_MAX: usize = 4096;
    /// Most bytes of the reason of an outcome.
    pub const REASON_BYTES_MAX: usize = 4096;
    /// Most bytes of the engine's build and of the profile.
    pub const BUILD_BYTES_MAX: usize = 256;

    /// Writes the canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// Reads canonical bytes; anything that [`Receipt::encode`] would not write is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// The file name under which `digest` is an output, or `None` if the run did not give it.
    pub fn output_named(&self, digest: &Digest) -> Option<&str> {
        if *digest == self.output {
            return Some("standard output");
        }
        if *digest == self.log {
            return Some("standard error");
        }
        self.output_files.iter().find(|(_, output)| output == digest).map(|(path, _)| path.as_str())
    }

    /// The receipt as it can be encoded: texts that a guest or engine chose are escaped and cut with a mark, and files are in
    /// the order of their paths.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        for files in [&mut self.input_files, &mut self.output_files] {
            for (path, _) in files.iter_mut() {
                *path = escape(path, Self::PATH_BYTES_MAX);
            }
            files.sort();
        }
        if let Outcome::Refused(reason) | Outcome::EngineFailed(reason) = &mut self.outcome {
            *reason = escape(reason, Self::REASON_BYTES_MAX);
        }
        self.engine = escape(&self.engine, Self::BUILD_BYTES_MAX);
        self.profile = escape(&self.profile, Self::BUILD_BYTES_MAX);
        self
    }
}

impl SignedReceipt {
    /// The detail of an audit entry that holds [`SignedReceipt::digest`], which ties the receipt to the log.
    pub const DETAIL: &'static str = "receipt";
    /// The detail that holds the key of the signer, if that is not who signs the log.
    pub const SIGNER: &'static str = "signer";
    /// What an entry calls the task that the run is of too: one that is run by several, or whose result is looked at.
    pub const REPLICA_OF: &'static str = "replica_of";
    /// What an entry calls the number of runs that such a task asked for.
    pub const REPLICAS: &'static str = "replicas";

    /// Signs `receipt` as `key`'s node. Odd texts in it are escaped and long ones cut. Fails for more than
    /// [`Receipt::FILES_MAX`] files and for a path that stands twice.
    pub fn sign(receipt: Receipt, key: &NodeKey) -> Result<Self, EncodeError> {
        let receipt = receipt.normalised();
        let body = receipt.encode()?;
        let signature = key.sign(&body);
        Ok(Self { receipt, bytes: codec::join(&body, &signature) })
    }

    /// Reads the bytes of [`SignedReceipt::as_bytes`]. The signature is not checked yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, _) = codec::split(bytes)?;
        Ok(Self { receipt: Receipt::decode(body)?, bytes: bytes.to_vec() })
    }

    /// Checks the signature.
    pub fn verify(&self, key: &NodePublicKey) -> Result<(), BadSignature> {
        let (body, signature) = codec::split(&self.bytes).expect("decoded or signed, so it splits");
        key.verify(body, &signature)
    }

    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The canonical bytes of receipt and signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of [`SignedReceipt::as_bytes`], as the audit entry names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// Commits to arguments and environment without showing them: SHA-256 over their length-framed texts.
///
/// Each list is its length (u32) and its texts, each a length (u32) and UTF-8; numbers are big-endian.
pub fn invocation_digest(args: &[String], env: &[(String, String)]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(b"casemate invocation v1\n");
    let frame = |hasher: &mut Hasher, text: &str| {
        hasher.update(&length(text.len()));
        hasher.update(text.as_bytes());
    };
    hasher.update(&length(args.len()));
    for arg in args {
        frame(&mut hasher, arg);
    }
    hasher.update(&length(env.len()));
    for (name, value) in env {
        frame(&mut hasher, name);
        frame(&mut hasher, value);
    }
    hasher.finish()
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).expect("a request's texts are far below 4 GiB").to_be_bytes()
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("L0 reported"),
            Self::Signed => f.write_str("L1 signed"),
            Self::ReExecuted => f.write_str("L2 re-executed"),
            Self::Replicated { agreed, nodes } => write!(f, "L3 replicated {agreed} of {nodes}"),
            Self::Proved => f.write_str("L4 proved"),
        }
    }
}

#[cfg(test)]
mod tests;
