//! How many at a time open content of one project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use casemate_model::Project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::blobs::UNPACKING_MAX;

/// Places of one project: half of those that there are for unpacking, so that no project has them all.
const PLACES: usize = UNPACKING_MAX / 2;

/// Opening content can take seconds where it has to be unpacked. Each project has its own line for that.
#[derive(Default)]
pub(super) struct Opening(Mutex<HashMap<Project, Arc<Semaphore>>>);

impl Opening {
    /// Waits for a place of the project. To stop waiting is to drop the future.
    pub(super) async fn enter(&self, project: &Project) -> OwnedSemaphorePermit {
        let line = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(project.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(PLACES))),
        );
        line.acquire_owned().await.expect("it is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_project_fills_its_own_places_and_leaves_its_line_when_it_is_dropped() {
        let opening = Opening::default();
        let (busy, other): (Project, Project) = ("busy".parse().unwrap(), "other".parse().unwrap());
        let mut inside = Vec::new();
        for _ in 0..PLACES {
            inside.push(opening.enter(&busy).await);
        }
        let mut gone = Box::pin(opening.enter(&busy));
        assert!(poll!(gone.as_mut()).is_pending());
        let mut waiting = Box::pin(opening.enter(&busy));
        assert!(poll!(waiting.as_mut()).is_pending());
        let _other = opening.enter(&other).await;
        drop(gone);
        inside.pop();
        assert!(poll!(waiting.as_mut()).is_ready(), "who went away is not waited for");
    }
}
