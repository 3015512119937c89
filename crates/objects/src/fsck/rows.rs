use std::collections::VecDeque;

use casemate_model::Digest;

use crate::{BlobRecord, Inventory, ObjectsError};

/// Rows that are read at a time.
const PAGE: u32 = 500;

/// The rows of all blobs in the order of their digests.
pub(super) struct Rows<'c> {
    catalog: &'c dyn Inventory,
    page: VecDeque<BlobRecord>,
    last: Option<Digest>,
    ended: bool,
}

impl<'c> Rows<'c> {
    pub(super) fn new(catalog: &'c dyn Inventory) -> Self {
        Self { catalog, page: VecDeque::new(), last: None, ended: false }
    }

    /// Takes the next row if `fits` says so of its digest.
    pub(super) async fn next_if(
        &mut self,
        fits: impl Fn(&Digest) -> bool + Send,
    ) -> Result<Option<BlobRecord>, ObjectsError> {
        if self.page.is_empty() && !self.ended {
            self.page = self.catalog.blobs(self.last.as_ref(), PAGE).await?.into();
            self.ended = self.page.is_empty();
        }
        if !self.page.front().is_some_and(|row| fits(&row.digest)) {
            return Ok(None);
        }
        let row = self.page.pop_front();
        self.last = row.map(|row| row.digest);
        Ok(row)
    }
}
