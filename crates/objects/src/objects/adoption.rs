//! Content from before it belonged to projects, which lies together in `blobs/`.

use casemate_fs::Dir;

use super::{Objects, off_runtime};
use crate::{Inventory, ObjectsError};

/// Rows that are read from the catalog in one go.
const PAGE: u32 = 500;

/// Where it lay.
const SHARED: &str = "blobs";

impl Objects {
    /// Copies what lies together to each project that has it, and removes it there once all is copied; returns how many
    /// blobs came. A node calls it before it serves; after a crash it goes on.
    pub async fn adopt_shared_content(
        &self,
        root: &Dir,
        catalog: &dyn Inventory,
    ) -> Result<u64, ObjectsError> {
        let shared = match root.subdir(SHARED) {
            Ok(shared) => shared,
            Err(error) if error.is_not_found() => return Ok(0),
            Err(error) => return Err(ObjectsError::Files(error)),
        };
        let (mut adopted, mut after) = (0, None);
        loop {
            let page = catalog.blobs(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for row in page {
                let shared = shared.clone();
                let came = self.with_blobs(&row.id, move |blobs, digest| blobs.adopt(&shared, digest));
                adopted += u64::from(came.await?);
            }
        }
        let root = root.clone();
        off_runtime(move || root.remove_subdir(SHARED).map_err(ObjectsError::Files)).await?;
        Ok(adopted)
    }
}
