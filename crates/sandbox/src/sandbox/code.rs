use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use casemate_fs::SealedBytes;
use casemate_model::{Digest, Outcome};

use super::Shared;
use crate::cache::{Code, CodeKey, Needs};
use crate::compile::Compilation;
use crate::inspect::{self, ModuleFacts};
use crate::job::Job;

impl Shared {
    /// The compiled code of a job's module: from memory, from disk, or compiled now. An error is the outcome.
    pub(super) async fn code(self: &Arc<Self>, job: &Job) -> Result<(CodeKey, Arc<Code>), Outcome> {
        let key = self.cache.key(&job.project, &job.module_digest, job.profile);
        if let Some(code) = self.cache.remembered(&key) {
            self.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok((key, code));
        }
        // Runs of one module wait for one compilation. Each waits under its own deadline.
        let gate = self.gate(key);
        let _passed = gate.lock().await;
        if let Some(code) = self.cache.remembered(&key) {
            self.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok((key, code));
        }
        let shared = Arc::clone(self);
        if let Some(code) = off_runtime(move || shared.cache.load(&key)).await? {
            self.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok((key, code));
        }
        self.cache_misses.fetch_add(1, Ordering::Relaxed);
        let code = self.compile(job, key).await?;
        Ok((key, code))
    }

    fn gate(&self, key: CodeKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(key, Arc::downgrade(&gate));
        gate
    }

    async fn compile(self: &Arc<Self>, job: &Job, key: CodeKey) -> Result<Arc<Code>, Outcome> {
        let needs = Needs::from(&self.inspect(job.module.clone(), job.module_digest).await?);
        // Not worth compiling for a run that cannot start.
        if let Some(kind) = needs.beyond(&job.limits) {
            return Err(Outcome::LimitReached(kind));
        }
        let _permit = self.compilers.acquire().await.map_err(|_| closing())?;
        let compilation = Compilation {
            spawner: self.nursery.spawner(),
            setup: self.nursery.setup(),
            module: job.module.as_fd().ok_or_else(no_memory_files)?,
            component: needs.component,
            profile: job.profile,
            limits: &job.limits,
        };
        let bytes = compilation.code().await?;
        let sealed = SealedBytes::from_bytes(&bytes)
            .map_err(|error| Outcome::EngineFailed(crate::error::describe(&error)))?;
        let code = self.cache.remember(key, Code { bytes: sealed, needs });
        let shared = Arc::clone(self);
        // Not awaited here: the run need not wait for the disk. `shutdown` does.
        self.tasks.spawn_blocking(move || shared.cache.store(&key, needs, &bytes));
        Ok(code)
    }

    async fn inspect(&self, module: SealedBytes, digest: Digest) -> Result<ModuleFacts, Outcome> {
        let caps = self.caps;
        off_runtime(move || {
            let bytes =
                module.as_slice().map_err(|error| Outcome::EngineFailed(crate::error::describe(&error)))?;
            // Compiled code is kept under the digest for ever, so whose mistake it was would never matter again.
            if Digest::of(bytes) != digest {
                return Err(Outcome::EngineFailed(format!("what came is not {digest}")));
            }
            inspect::inspect(bytes, &caps).map_err(|error| Outcome::Refused(crate::error::describe(&error)))
        })
        .await?
    }
}

async fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Outcome> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Outcome::EngineFailed(crate::error::describe(&error)))
}

pub(super) fn closing() -> Outcome {
    Outcome::EngineFailed("the sandbox is shutting down".to_owned())
}

pub(super) fn no_memory_files() -> Outcome {
    Outcome::EngineFailed(
        "this host offers no sealed memory files (memfd), so nothing can be handed to workers".to_owned(),
    )
}
