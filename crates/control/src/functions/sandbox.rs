use casemate_sandbox::{Sandbox, SandboxConfig, SandboxError};
use tokio::sync::OnceCell;

/// The sandbox of functions. It is another than that of tasks, so that neither waits for the other's workers, and it starts
/// with the first request, so that a node without functions has none.
pub struct FunctionSandbox {
    config: Box<dyn Fn() -> SandboxConfig + Send + Sync>,
    share: usize,
    started: OnceCell<Sandbox>,
}

impl FunctionSandbox {
    /// A sandbox that `config` describes.
    pub fn new(config: impl Fn() -> SandboxConfig + Send + Sync + 'static) -> Self {
        let share = (config().workers / 2).max(1);
        Self { config: Box::new(config), share, started: OnceCell::new() }
    }

    /// How many workers one version may have at once: half of them, so that one function never has them all.
    pub(super) fn share(&self) -> usize {
        self.share
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
