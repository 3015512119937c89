use casemate_sandbox::{Sandbox, SandboxConfig, SandboxError};
use tokio::sync::OnceCell;

use super::live::Shares;

/// The sandbox of functions. It is another than that of tasks, so that neither waits for the other's workers, and it starts
/// with the first request, so that a node without functions has none.
pub struct FunctionSandbox {
    config: Box<dyn Fn() -> SandboxConfig + Send + Sync>,
    shares: Shares,
    started: OnceCell<Sandbox>,
}

impl FunctionSandbox {
    /// A sandbox that `config` describes.
    pub fn new(config: impl Fn() -> SandboxConfig + Send + Sync + 'static) -> Self {
        let workers = config().workers;
        let function = (workers / 2).max(1);
        let shares = Shares { function, project: (workers * 2 / 3).max(function) };
        Self { config: Box::new(config), shares, started: OnceCell::new() }
    }

    /// How many workers one function may have at once, which is half of them, and the functions of one project, two thirds: so
    /// neither ever has them all, unless there is but one.
    pub(super) fn shares(&self) -> Shares {
        self.shares
    }

    /// The sandbox, which is started if it has not been.
    pub(super) async fn get(&self) -> Result<&Sandbox, SandboxError> {
        self.started.get_or_try_init(|| Sandbox::start((self.config)())).await
    }

    /// Ends all that runs.
    pub(crate) async fn shutdown(&self) {
        if let Some(sandbox) = self.started.get() {
            sandbox.shutdown().await;
        }
    }
}
