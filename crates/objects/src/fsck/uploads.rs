//! Parts of uploads against their rows.

use std::collections::BTreeSet;
use std::io::Read;

use casemate_encryption::ContentKey;
use casemate_fs::{Dir, EntryKind};
use casemate_model::UploadId;
use md5::{Digest as _, Md5};

use super::{Fault, Finding, Fsck, FsckReport, Mending};
use crate::blobs::StoredFile;
use crate::objects::CHUNK_BYTES;
use crate::objects::off_runtime;
use crate::{ETag, ObjectsError, PartRecord};

/// Parts that are read from the catalog in one go.
const PAGE: u32 = 500;

impl Fsck {
    pub(super) async fn check_uploads(
        &self,
        report: &mut FsckReport,
        read: &mut impl FnMut(u64),
    ) -> Result<(), ObjectsError> {
        if let Some(uploads) = &self.uploads {
            self.look_for_leftovers(uploads, report).await?;
        }
        self.check_parts(report, read).await
    }

    /// What lies there and has no row.
    async fn look_for_leftovers(&self, uploads: &Dir, report: &mut FsckReport) -> Result<(), ObjectsError> {
        for entry in uploads.entries().map_err(ObjectsError::Files)? {
            let path = format!("uploads/{}", entry.name);
            let id = entry.name.parse::<UploadId>().ok().filter(|_| entry.kind == EntryKind::Directory);
            match id {
                Some(id) => self.look_at_upload(uploads, id, report).await?,
                None if casemate_fs::is_staged(&entry.name) => {
                    let mending = self.removed_if(|| uploads.sweep_staged().map(drop))?;
                    report.add(Finding { fault: Fault::HalfWritten { path }, mending });
                }
                None => report.add(Fault::Stranger { path }.found()),
            }
        }
        Ok(())
    }

    async fn look_at_upload(
        &self,
        uploads: &Dir,
        id: UploadId,
        report: &mut FsckReport,
    ) -> Result<(), ObjectsError> {
        let name = id.to_string();
        let files = uploads.subdir(&name).and_then(|upload| upload.entries()).map_err(ObjectsError::Files)?;
        if self.catalog.upload(id).await?.is_none() {
            let mending = self.removed_if(|| uploads.remove_subdir(&name).map(drop))?;
            let fault = Fault::EndedUpload { upload: id, files: files.len() as u64 };
            report.add(Finding { fault, mending });
            return Ok(());
        }
        let known = self.files_of(id).await?;
        for file in files.into_iter().map(|entry| entry.name).filter(|file| !known.contains(file)) {
            let mending = self.removed_if(|| uploads.remove_file(&format!("{name}/{file}")).map(drop))?;
            report.add(Finding { fault: Fault::EndedPart { upload: id, file }, mending });
        }
        Ok(())
    }

    /// The files that the parts of an upload have, of which there are at most ten thousand.
    async fn files_of(&self, id: UploadId) -> Result<BTreeSet<String>, ObjectsError> {
        let (mut files, mut after) = (BTreeSet::new(), 0);
        loop {
            let page = self.catalog.parts(id, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(files) };
            after = last.number;
            files.extend(page.into_iter().map(|part| part.file));
        }
    }

    /// What has a row, and what lies there for it.
    async fn check_parts(
        &self,
        report: &mut FsckReport,
        read: &mut impl FnMut(u64),
    ) -> Result<(), ObjectsError> {
        let (mut after, mut key_of) = (None, None);
        loop {
            let page = self.catalog.all_parts(after, PAGE).await?;
            let Some((id, last)) = page.last() else { return Ok(()) };
            after = Some((*id, last.number));
            for (upload, part) in page {
                if key_of.as_ref().is_none_or(|(known, _)| *known != upload) {
                    key_of = Some((upload, self.key_of(upload).await?));
                }
                let key = key_of.as_ref().and_then(|(_, key)| key.clone());
                let (number, uploads) = (part.number, self.uploads.clone());
                report.parts += 1;
                report.bytes += part.size_bytes;
                read(part.size_bytes);
                match off_runtime(move || part_is_sound(uploads.as_ref(), upload, &part, key.as_ref()))
                    .await?
                {
                    Some(true) => {}
                    Some(false) => report.add(Fault::PartDamaged { upload, number }.found()),
                    None => report.add(Fault::PartMissing { upload, number }.found()),
                }
            }
        }
    }

    /// The key that the parts of an upload are encrypted under, if they are.
    async fn key_of(&self, id: UploadId) -> Result<Option<ContentKey>, ObjectsError> {
        let Some(encryption) = &self.encryption else { return Ok(None) };
        let upload = self.catalog.upload(id).await?;
        Ok(upload.map(|upload| encryption.content_key(&upload.place.project)))
    }

    fn removed_if(
        &self,
        remove: impl FnOnce() -> Result<(), casemate_fs::FsError>,
    ) -> Result<Mending, ObjectsError> {
        if !self.repairs() {
            return Ok(Mending::None);
        }
        remove().map_err(ObjectsError::Files)?;
        Ok(Mending::Removed)
    }
}

/// Whether a part's bytes have its tag; `None` if they are not there.
fn part_is_sound(
    uploads: Option<&Dir>,
    id: UploadId,
    part: &PartRecord,
    key: Option<&ContentKey>,
) -> Result<Option<bool>, ObjectsError> {
    let Some(uploads) = uploads else { return Ok(None) };
    let file = match uploads.open_file(&format!("{id}/{}", part.file)) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(_) => return Ok(Some(false)),
    };
    let Ok(file) = StoredFile::open(file, key) else { return Ok(Some(false)) };
    let mut reader = file.reader();
    let (mut hasher, mut chunk, mut size_bytes) = (Md5::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        // What the disk does not give is as bad as what is wrong: the way out is the same.
        let Ok(length) = reader.read(&mut chunk) else { return Ok(Some(false)) };
        if length == 0 {
            break;
        }
        size_bytes += length as u64;
        hasher.update(&chunk[..length]);
    }
    let tag = ETag::of_md5(hasher.finalize().into());
    Ok(Some(size_bytes == part.size_bytes && tag == part.etag))
}
