use std::sync::Arc;
use std::time::Duration;

use casemate_fs::SealedBytes;
use casemate_model::{Digest, LimitKind, Outcome, Project, RunLimits, Usage};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::serving::Serving;

/// How a guest's world behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Real clocks, real randomness.
    #[default]
    Default,
    /// `det-1`: the same module, input, arguments and seed give the same output and the same fuel, on any node
    /// with the same engine build. NaNs are canonical, vector instructions deterministic, clocks virtual and
    /// randomness comes from the seed. Not covered: inode numbers, and the order in which a directory lists.
    Det1,
}

impl Profile {
    /// The text form, as receipts carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Det1 => "det-1",
        }
    }
}

/// One run that is asked for.
pub struct Job {
    /// The module or component, whose hash the caller has checked.
    pub module: SealedBytes,
    /// That hash.
    pub module_digest: Digest,
    /// Whose run it is. A worker process never serves two projects.
    pub project: Project,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment; the guest sees nothing else.
    pub env: Vec<(String, String)>,
    /// Standard input, if any.
    pub stdin: Option<SealedBytes>,
    /// Files of the read-only directory `/in`, which exists only if there are any. Paths are relative.
    pub inputs: Vec<(String, SealedBytes)>,
    /// Whether the guest gets a writable directory `/out`, whose files come back.
    pub output_directory: bool,
    /// What the run may use.
    pub limits: RunLimits,
    /// How the guest's world behaves.
    pub profile: Profile,
    /// Where the randomness of [`Profile::Det1`] comes from; ignored otherwise.
    pub seed: [u8; 32],
    /// When the run must be over, whatever it waits for.
    pub deadline: Instant,
    /// When the run was asked for; usage counts from here.
    pub accepted: Instant,
    /// The request to answer; absent for a command.
    pub serving: Option<Serving>,
    /// Whether it runs at the lowest priority from its first instruction on; otherwise a run that answers a request does once it has
    /// computed for a while.
    pub slow: bool,
    /// Who sees what a command writes while it writes it.
    pub watcher: Option<Arc<dyn Watcher>>,
}

/// Sees what a guest writes while it runs. It is called on the way of the run, so it must not take long.
pub trait Watcher: Send + Sync + 'static {
    /// The guest wrote more to a stream. All that it wrote to it comes here, in its order and within its limit.
    fn wrote(&self, stream: OutputStream, bytes: &[u8]);
}

/// A stream that a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What came of a [`Job`].
#[derive(Debug)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// Standard output up to its limit.
    pub stdout: Vec<u8>,
    /// Standard error up to its limit.
    pub stderr: Vec<u8>,
    /// The regular files of `/out`, if the guest ended by itself: path and content.
    pub outputs: Vec<(String, Vec<u8>)>,
    /// Entries of `/out` that were not handed back because they are no regular files (links, mostly).
    pub outputs_refused: Vec<String>,
    /// The status of the answer to a request; absent if there was none.
    pub status: Option<u16>,
    /// When the guest's first instruction ran; absent if none did.
    pub started: Option<Instant>,
    /// From loaded code to an instance ready to start.
    pub instantiate: Duration,
    /// Whether it ran at the lowest priority, from the beginning or after a while.
    pub slow: bool,
}

impl RunReport {
    /// The report of a run that could not begin.
    pub fn not_begun(outcome: Outcome) -> Self {
        Self {
            outcome,
            usage: Usage::default(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            outputs: Vec::new(),
            outputs_refused: Vec::new(),
            status: None,
            started: None,
            instantiate: Duration::ZERO,
            slow: false,
        }
    }
}

/// Whether the engine ended a run at a point of its own choosing, so that nothing of it goes on and its worker is as good as
/// before. At the deadline a host call may still be under way, and who writes too many files may have left more than can be
/// removed.
pub(crate) fn ended_by_itself(outcome: &Outcome, output_directory: bool) -> bool {
    match outcome {
        Outcome::Exited(_) | Outcome::Trapped(_) => true,
        Outcome::LimitReached(kind) => *kind != LimitKind::Wall && !output_directory,
        Outcome::Cancelled | Outcome::Refused(_) | Outcome::EngineFailed(_) => false,
    }
}
