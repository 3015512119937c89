//! The thread that is told of every change in the cache's directories.

use std::sync::Arc;
use std::thread::JoinHandle;

use casemate_fs::DirWatch;

use crate::CacheError;
use crate::event::CacheEvent;
use crate::store::files::FileStore;
use crate::vault::Vault;

/// Watches for as long as it is held.
pub(crate) struct Monitor {
    watch: DirWatch,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    pub(crate) fn start(
        watch: DirWatch,
        vault: Arc<Vault>,
        files: Arc<FileStore>,
    ) -> Result<Self, CacheError> {
        let watched = watch.clone();
        let thread = std::thread::Builder::new()
            .name("cache-monitor".to_owned())
            .spawn(move || run(&watched, &vault, &files))
            .map_err(CacheError::Monitor)?;
        Ok(Self { watch, thread: Some(thread) })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.watch.stop();
        if let Some(thread) = self.thread.take() {
            // A watcher's panic was its own; the cache is being closed.
            let _ = thread.join();
        }
    }
}

fn run(watch: &DirWatch, vault: &Vault, files: &FileStore) {
    let unwatched = |reason: String| vault.around.watcher.event(&CacheEvent::Unwatched { reason });
    loop {
        match watch.next() {
            Ok(Some(events)) => {
                for event in events {
                    if let Err(error) = vault.happened(&event, files) {
                        unwatched(error.to_string());
                    }
                }
            }
            Ok(None) => return,
            Err(error) => return unwatched(error.to_string()),
        }
    }
}
