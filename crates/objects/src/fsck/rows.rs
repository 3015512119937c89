use std::collections::VecDeque;

use crate::{BlobId, BlobRecord, Inventory, ObjectsError};

/// Rows that are read at a time.
const PAGE: u32 = 500;

/// The rows of all blobs by project and digest.
pub(super) struct Rows<'c> {
    catalog: &'c dyn Inventory,
    page: VecDeque<BlobRecord>,
    last: Option<BlobId>,
    ended: bool,
}

impl<'c> Rows<'c> {
    pub(super) fn new(catalog: &'c dyn Inventory) -> Self {
        Self { catalog, page: VecDeque::new(), last: None, ended: false }
    }

    /// Takes the next row if `fits` says so of its blob.
    pub(super) async fn next_if(
        &mut self,
        fits: impl Fn(&BlobId) -> bool + Send,
    ) -> Result<Option<BlobRecord>, ObjectsError> {
        if self.page.is_empty() && !self.ended {
            self.page = self.catalog.blobs(self.last.as_ref(), PAGE).await?.into();
            self.ended = self.page.is_empty();
        }
        if !self.page.front().is_some_and(|row| fits(&row.id)) {
            return Ok(None);
        }
        let row = self.page.pop_front();
        self.last = row.as_ref().map(|row| row.id.clone());
        Ok(row)
    }
}
