use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use casemate_fs::{Dir, EntryKind, File, FsError, StagedFile};
use casemate_model::Timestamp;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::bucket::{check_key, clamp_range, cut_page};
use crate::error::chain;
use crate::memory::check;
use crate::{
    Body, Bucket, BucketError, ByteStream, Condition, Download, Head, ListEntry, ListPage, ListQuery,
    Metadata, Stored, Unusable, Upload,
};

/// A bucket in a directory: each object is the file of its key, and what is attached to it is a label of that file.
///
/// No key leads out of the directory, and no symbolic link is followed. A key cannot be the beginning of another one up
/// to a slash. [`Condition::Absent`] holds against everybody; [`Condition::Unchanged`] against users of this value only,
/// because no file system replaces under a condition.
#[derive(Clone)]
pub struct DirectoryBucket {
    dir: Dir,
    /// Held while something is replaced.
    replacing: Arc<Mutex<()>>,
}

/// What is kept beside a file's content.
#[derive(Default, Serialize, Deserialize)]
struct Label {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
}

impl DirectoryBucket {
    /// The bucket in an existing directory.
    pub fn new(dir: Dir) -> Self {
        Self { dir, replacing: Arc::default() }
    }

    fn open(&self, key: &str) -> Result<(File, Head), BucketError> {
        check_key(key)?;
        let file = self.dir.open_file(key).map_err(|error| absent_or(key, error))?;
        let head = head_of(key, &file)?;
        Ok((file, head))
    }

    /// The `etag` of what is there, if something is.
    fn present(&self, key: &str) -> Result<Option<String>, BucketError> {
        match self.open(key) {
            Ok((_, head)) => Ok(head.etag),
            Err(BucketError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stage(&self, upload: Upload) -> Result<StagedFile, BucketError> {
        let Upload { body, content_type, metadata } = upload;
        let mut pieces = match body {
            Body::Whole(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Body::Stream(pieces) => pieces,
        };
        let dir = self.dir.clone();
        let mut staged = blocking(move || {
            let staged = dir.stage()?;
            let label = Label { content_type, metadata };
            if label.content_type.is_some() || !label.metadata.is_empty() {
                let text = serde_json::to_vec(&label).map_err(|error| BucketError::Settings(error.into()))?;
                staged.set_label(LABEL, &text)?;
            }
            Ok(staged)
        })
        .await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            staged = blocking(move || {
                staged.append(&piece)?;
                Ok(staged)
            })
            .await?;
        }
        Ok(staged)
    }

    fn commit(&self, key: &str, staged: StagedFile, condition: &Condition) -> Result<Stored, BucketError> {
        check(key, self.present(key)?.as_deref(), condition)?;
        if let Some((folder, _)) = key.rsplit_once('/') {
            self.dir.make_subdirs(folder)?;
        }
        match condition {
            Condition::Absent => {
                if !staged.commit_new(key)? {
                    return Err(BucketError::Exists { key: key.to_owned() });
                }
            }
            Condition::Always | Condition::Unchanged(_) => staged.commit_replace(key)?,
        }
        Ok(Stored { etag: self.present(key)? })
    }

    /// What is there, by key, and what cannot be read of it.
    fn collect(&self, prefix: &str) -> Result<(Vec<ListEntry>, Vec<Unusable>), BucketError> {
        let folder = prefix.rsplit_once('/').map(|(folder, _)| folder);
        let (mut found, mut unusable) = (Vec::new(), Vec::new());
        let mut open = Vec::new();
        match folder {
            None => open.push((self.dir.clone(), String::new())),
            Some(folder) => {
                check_key(folder)?;
                match self.dir.subdir(folder) {
                    Ok(dir) => open.push((dir, format!("{folder}/"))),
                    Err(error) if is_absent(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        while let Some((dir, path)) = open.pop() {
            let (entries, odd) = dir.entries_and_odd_names()?;
            unusable.extend(odd.iter().map(|file| Unusable {
                key: format!("{path}{}", file.file_name().unwrap_or_default().to_string_lossy()),
                reason: "its name is not UTF-8".to_owned(),
            }));
            for entry in entries {
                let key = format!("{path}{}", entry.name);
                let read = match entry.kind {
                    EntryKind::Directory => dir
                        .subdir(&entry.name)
                        .map(|dir| open.push((dir, format!("{key}/"))))
                        .map_err(Into::into),
                    EntryKind::File if key.starts_with(prefix) && !entry.name.starts_with(HIDDEN) => {
                        list_entry(&dir, &entry.name, key.clone()).map(|entry| found.extend(entry))
                    }
                    EntryKind::File | EntryKind::Symlink | EntryKind::Other => Ok(()),
                };
                // Others are sound.
                unusable.extend(read.err().map(|error: BucketError| Unusable { key, reason: chain(&error) }));
            }
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        unusable.sort_by(|one, other| one.key.cmp(&other.key));
        unusable.retain(|unusable| unusable.key.starts_with(prefix));
        Ok((found, unusable))
    }
}

#[async_trait]
impl Bucket for DirectoryBucket {
    async fn head(&self, key: &str) -> Result<Head, BucketError> {
        let (this, key) = (self.clone(), key.to_owned());
        blocking(move || Ok(this.open(&key)?.1)).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError> {
        let (this, name) = (self.clone(), key.to_owned());
        let (file, head) = blocking(move || this.open(&name)).await?;
        let range = clamp_range(key, range, head.size_bytes)?;
        Ok(Download { head, range: range.clone(), body: read(file, range, key) })
    }

    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError> {
        check_key(key)?;
        let staged = self.stage(upload).await?;
        let _alone = self.replacing.lock().await;
        let (this, key) = (self.clone(), key.to_owned());
        blocking(move || this.commit(&key, staged, &condition)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        let (this, query) = (self.clone(), query.clone());
        blocking(move || {
            let (found, unusable) = this.collect(&query.prefix)?;
            let page = cut_page(found.iter(), &query);
            // Each page is a walk of its own; once is enough.
            let unusable = if query.page.is_none() { unusable } else { Vec::new() };
            Ok(ListPage { unusable, ..page })
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        check_key(key)?;
        let (this, key) = (self.clone(), key.to_owned());
        blocking(move || match this.dir.remove_file(&key) {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error.into()),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BucketError> + Send + 'static,
) -> Result<T, BucketError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BucketError::Unavailable {
        action: "use",
        key: String::new(),
        source: error.into(),
    })?
}

/// The bytes of an open file, a piece at a time.
fn read(file: File, range: Range<u64>, key: &str) -> ByteStream {
    let (file, key) = (Arc::new(file), key.to_owned());
    let pieces = stream::try_unfold(range, move |rest| {
        let (file, key) = (file.clone(), key.clone());
        async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let piece = blocking(move || read_piece(&file, &rest, &key).map(|piece| (piece, rest))).await?;
            let (piece, rest) = piece;
            let next = rest.start + piece.len() as u64..rest.end;
            Ok(Some((piece, next)))
        }
    });
    pieces.boxed()
}

fn read_piece(file: &File, rest: &Range<u64>, key: &str) -> Result<Bytes, BucketError> {
    let wanted = (rest.end - rest.start).min(PIECE_BYTES);
    let mut piece = vec![0; usize::try_from(wanted).expect("a piece fits")];
    let failed = |source: io::Error| BucketError::Unavailable {
        action: "read",
        key: key.to_owned(),
        source: source.into(),
    };
    // A file is replaced and never rewritten here; one that somebody else shortens is an error.
    file.read_exact_at(&mut piece, rest.start).map_err(failed)?;
    Ok(piece.into())
}

fn head_of(key: &str, file: &File) -> Result<Head, BucketError> {
    let failed = |source: io::Error| BucketError::Unavailable {
        action: "look at",
        key: key.to_owned(),
        source: source.into(),
    };
    let metadata = file.metadata().map_err(failed)?;
    let label = match casemate_fs::label(file, LABEL)? {
        None => Label::default(),
        Some(text) => serde_json::from_slice(&text)
            .map_err(|error| BucketError::Unreadable { key: key.to_owned(), source: error.into() })?,
    };
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    let millis = seconds.saturating_mul(1000) + u64::try_from(metadata.mtime_nsec()).unwrap_or(0) / 1_000_000;
    Ok(Head {
        size_bytes: metadata.len(),
        // Of a file that replaces another one, the inode is new as long as the old one is open; the times tell
        // otherwise.
        etag: Some(format!(
            "\"{:x}-{:x}{:08x}-{:x}\"",
            metadata.ino(),
            metadata.ctime(),
            metadata.ctime_nsec(),
            metadata.len()
        )),
        modified: Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH),
        content_type: label.content_type,
        metadata: label.metadata,
    })
}

/// None if the file is gone meanwhile.
fn list_entry(dir: &Dir, name: &str, key: String) -> Result<Option<ListEntry>, BucketError> {
    let file = match dir.open_file(name) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Head { size_bytes, etag, modified, .. } = head_of(&key, &file)?;
    Ok(Some(ListEntry { key, size_bytes, etag, modified }))
}

fn absent_or(key: &str, error: FsError) -> BucketError {
    if is_absent(&error) {
        return BucketError::NotFound { key: key.to_owned() };
    }
    error.into()
}

/// Whether the file system said that there is no such file. A directory is none, either.
fn is_absent(error: &FsError) -> bool {
    if let FsError::Io { source, .. } = error {
        return matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    }
    matches!(error, FsError::NotAFile { found: "directory", .. })
}

/// The label of a file that says what is attached to its object.
const LABEL: &str = "casemate.object";

/// How the names begin of files that are not whole yet.
const HIDDEN: &str = ".casemate-";

const PIECE_BYTES: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_keeps_the_promises_of_a_bucket() {
        let scratch = tempfile::tempdir().unwrap();
        let bucket = DirectoryBucket::new(Dir::open(scratch.path()).unwrap());
        crate::test_support::check_bucket(Arc::new(bucket)).await;
    }

    #[tokio::test]
    async fn links_are_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", scratch.path().join("link")).unwrap();
        let bucket = DirectoryBucket::new(Dir::open(scratch.path()).unwrap());
        let refused = bucket.get("link/passwd", None).await.map(|_| ());
        assert!(matches!(refused, Err(BucketError::Files(FsError::SymlinkRefused { .. }))), "{refused:?}");
        assert_eq!(bucket.list(&ListQuery::all("")).await.unwrap(), ListPage::default());
    }

    #[tokio::test]
    async fn what_cannot_be_read_does_not_take_the_list_along() {
        let scratch = tempfile::tempdir().unwrap();
        let bucket = DirectoryBucket::new(Dir::open(scratch.path()).unwrap());
        for key in ["a/odd", "a/sound"] {
            bucket.put(key, Upload::of(key), Condition::Always).await.unwrap();
        }
        let staged = Dir::open(scratch.path()).unwrap().stage().unwrap();
        staged.set_label(LABEL, b"no JSON").unwrap();
        staged.commit_replace("a/odd").unwrap();
        let name = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9");
        std::fs::write(scratch.path().join::<&std::ffi::OsStr>(name), b"latin").unwrap();
        let page = bucket.list(&ListQuery::all("")).await.unwrap();
        let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["a/sound"]);
        let unusable: Vec<&str> = page.unusable.iter().map(|unusable| unusable.key.as_str()).collect();
        assert_eq!(unusable, ["a/odd", "caf\u{fffd}"]);
        let head = bucket.head("a/odd").await;
        assert!(head.as_ref().is_err_and(BucketError::is_of_one_object), "{head:?}");
    }
}
