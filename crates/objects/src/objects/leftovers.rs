//! What a crash leaves behind beside whole blobs without a row: second forms, and files of uploads.

use std::collections::BTreeSet;

use casemate_fs::{Dir, EntryKind};
use casemate_model::UploadId;

use super::{Objects, off_runtime};
use crate::blobs::Blobs;
use crate::blobs::inventory::Form;
use crate::{BlobId, ObjectsError};

/// Parts that are read from the catalog in one go.
const PARTS_PAGE: u32 = 1_000;

/// What was a leftover of an upload when somebody looked. It goes when it still is the next time, so that nothing goes that
/// has just come.
#[derive(Debug, Default)]
pub struct UploadLeftovers(BTreeSet<Leftover>);

/// A leftover of an upload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leftover {
    upload: UploadId,
    /// A file of it; `None` is all of an upload that is over.
    file: Option<String>,
}

impl Objects {
    /// Removes the form of each blob that its row does not speak of, where a crash left both; returns how many. Looks at
    /// every file, so it is for now and then.
    pub async fn collect_second_forms(&self) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        let blobs = self.blobs.clone();
        for project in off_runtime(move || blobs.projects()).await?.0 {
            let blobs = self.blobs.clone();
            let blobs = off_runtime(move || blobs.existing(&project)).await?;
            collected += self.collect_second_forms_of(&blobs).await?;
        }
        Ok(collected)
    }

    async fn collect_second_forms_of(&self, blobs: &Blobs) -> Result<u64, ObjectsError> {
        let mut collected = 0;
        let here = blobs.clone();
        for path in off_runtime(move || here.shelves()).await?.0 {
            let here = blobs.clone();
            let shelf = off_runtime(move || here.shelf(&path)).await?;
            for forms in shelf.blobs {
                if forms.whole.is_none() || forms.packed.is_none() {
                    continue;
                }
                // Nobody packs under this lock, so the row and the files are of one time.
                let _nobody_packs = self.referring.write().await;
                let blob = BlobId::new(blobs.project(), forms.digest);
                let size = self.catalog.blob_size(&blob).await?;
                // Until somebody has looked at it for packing, that will settle it.
                let Some(packing) = self.catalog.packing(&blob).await? else { continue };
                let is_packed = size.is_some_and(|size| packing.stored_bytes < size);
                let kept = if is_packed { Form::Packed } else { Form::Whole };
                let here = blobs.clone();
                let removed = off_runtime(move || here.keep_only(&forms.digest, kept)).await?;
                collected += u64::from(removed);
            }
        }
        Ok(collected)
    }

    /// Removes files of uploads that have no row, and had none when this was called before; returns how many uploads and
    /// single parts they were of.
    pub async fn collect_upload_leftovers(&self, seen: &mut UploadLeftovers) -> Result<u64, ObjectsError> {
        let found = self.upload_leftovers().await?;
        let (again, new): (BTreeSet<_>, BTreeSet<_>) =
            found.into_iter().partition(|leftover| seen.0.contains(leftover));
        *seen = UploadLeftovers(new);
        if again.is_empty() {
            return Ok(0);
        }
        // Under this lock no part is without its row because it is just coming.
        let _nothing_comes = self.referring.write().await;
        let mut collected = 0;
        for Leftover { upload, file } in again {
            match file {
                None if self.catalog.upload(upload).await?.is_none() => self.remove_upload(upload).await?,
                Some(file) if !self.part_files(upload).await?.contains(&file) => {
                    self.remove_part(upload, file).await?;
                }
                _ => continue,
            }
            collected += 1;
        }
        Ok(collected)
    }

    async fn upload_leftovers(&self) -> Result<BTreeSet<Leftover>, ObjectsError> {
        let mut found = BTreeSet::new();
        let uploads = self.uploads.clone();
        for upload in off_runtime(move || directories(&uploads)).await? {
            if self.catalog.upload(upload).await?.is_none() {
                found.insert(Leftover { upload, file: None });
                continue;
            }
            let uploads = self.uploads.clone();
            let files = off_runtime(move || files_in(&uploads, upload)).await?;
            let known = self.part_files(upload).await?;
            let unknown = files.into_iter().filter(|file| !known.contains(file));
            found.extend(unknown.map(|file| Leftover { upload, file: Some(file) }));
        }
        Ok(found)
    }

    /// The files that the parts of an upload have, of which there are at most ten thousand.
    async fn part_files(&self, upload: UploadId) -> Result<BTreeSet<String>, ObjectsError> {
        let (mut files, mut after) = (BTreeSet::new(), 0);
        loop {
            let page = self.catalog.parts(upload, after, PARTS_PAGE).await?;
            let Some(last) = page.last() else { return Ok(files) };
            after = last.number;
            files.extend(page.into_iter().map(|part| part.file));
        }
    }
}

fn directories(uploads: &Dir) -> Result<Vec<UploadId>, ObjectsError> {
    let entries = uploads.entries().map_err(ObjectsError::Files)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == EntryKind::Directory);
    Ok(directories.filter_map(|entry| entry.name.parse().ok()).collect())
}

/// The files of an upload; none if it has ended since.
fn files_in(uploads: &Dir, upload: UploadId) -> Result<Vec<String>, ObjectsError> {
    match uploads.subdir(&upload.to_string()).and_then(|upload| upload.entries()) {
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(ObjectsError::Files(error)),
    }
}
