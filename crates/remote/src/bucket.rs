use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use casemate_model::{Digest, Timestamp};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use crate::{BucketError, ServerFault};

/// A place of somebody else's where bytes lie under keys: a bucket of S3, GCS or Azure, a directory, or memory.
///
/// A failure is never taken for absence: [`BucketError::NotFound`] means that the bucket answered and said so.
#[async_trait]
pub trait Bucket: Send + Sync + 'static {
    /// What is known of an object without its bytes.
    async fn head(&self, key: &str) -> Result<Head, BucketError>;

    /// Starts to read an object, or the given bytes of it. The part of a range that lies beyond the end is left
    /// out; a range that begins there is [`BucketError::BadRange`].
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError>;

    /// Stores an object whole or not at all. It is there for every reader when this returns.
    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError>;

    /// One page of keys, in the order of their bytes.
    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError>;

    /// Removes an object. That there is none is no error, because most stores cannot tell.
    async fn delete(&self, key: &str) -> Result<(), BucketError>;

    /// Removes many objects, together where the store can, and says which were not removed.
    async fn delete_many(&self, keys: &[String]) -> Vec<(String, BucketError)> {
        delete_each(self, keys).await
    }
}

/// Removes objects one by one, several at once.
pub(crate) async fn delete_each<B: Bucket + ?Sized>(
    bucket: &B,
    keys: &[String],
) -> Vec<(String, BucketError)> {
    let deletions = keys.iter().cloned().map(|key| async move {
        let deleted = bucket.delete(&key).await;
        (key, deleted)
    });
    let mut deletions = stream::iter(deletions).buffer_unordered(DELETIONS_AT_ONCE);
    let mut failed = Vec::new();
    while let Some((key, deleted)) = deletions.next().await {
        failed.extend(deleted.err().map(|error| (key, error)));
    }
    failed
}

/// The texts that a user attached to an object, by lower-case name.
pub type Metadata = BTreeMap<String, String>;

/// Bytes on their way.
pub type ByteStream = BoxStream<'static, Result<Bytes, BucketError>>;

/// What is known of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its size.
    pub size_bytes: u64,
    /// What changes when the object does, as the store writes it.
    pub etag: Option<String>,
    /// When it was stored; [`Timestamp::EPOCH`] if the store does not say.
    pub modified: Timestamp,
    /// Its media type, if it has one.
    pub content_type: Option<String>,
    /// What its owner attached.
    pub metadata: Metadata,
}

/// An object that is being read.
pub struct Download {
    /// The object whose bytes these are.
    pub head: Head,
    /// Which of its bytes.
    pub range: Range<u64>,
    /// The bytes.
    pub body: ByteStream,
}

impl Download {
    /// Reads all bytes, which must be as many as announced and at most `bytes_max`.
    pub async fn collect(mut self, key: &str, bytes_max: u64) -> Result<Vec<u8>, BucketError> {
        let announced = self.range.end.saturating_sub(self.range.start);
        let too_large = || BucketError::TooLarge { key: key.to_owned(), bytes_max };
        if announced > bytes_max {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(announced).map_err(|_| too_large())?);
        while let Some(chunk) = self.body.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() as u64 > announced {
                break;
            }
        }
        if bytes.len() as u64 == announced {
            return Ok(bytes);
        }
        Err(BucketError::WrongLength { key: key.to_owned(), announced, found: bytes.len() as u64 })
    }
}

/// What is to be stored.
pub struct Upload {
    /// The bytes.
    pub body: Body,
    /// The media type, `application/octet-stream` if none is named.
    pub content_type: Option<String>,
    /// What to attach. Stores take about 2 KB of ASCII.
    pub metadata: Metadata,
}

impl Upload {
    /// Bytes with nothing attached.
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        Self { body: Body::Whole(bytes.into()), content_type: None, metadata: Metadata::new() }
    }

    /// The same with `metadata` attached.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }
}

/// The bytes of an upload.
pub enum Body {
    /// All there; sending them can be tried again.
    Whole(Bytes),
    /// Arriving; sent in parts, and only stored when the stream ends without an error. Not every store can combine
    /// this with a condition ([`BucketError::Unsupported`]).
    Stream(ByteStream),
}

/// Under which condition something is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// None: what is there is replaced.
    Always,
    /// Nothing has the key yet; [`BucketError::Exists`] otherwise.
    Absent,
    /// The key still has the object with this `etag`; [`BucketError::Changed`] otherwise.
    Unchanged(String),
}

/// What storing gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The new object's `etag`, if the store tells.
    pub etag: Option<String>,
}

/// Which keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// How the keys begin.
    pub prefix: String,
    /// Whether keys that share the part up to the next `/` are given as one prefix.
    pub delimited: bool,
    /// Only keys after this one.
    pub after: Option<String>,
    /// Where the page before ended: its [`ListPage::next`].
    pub page: Option<String>,
    /// The most keys and prefixes wanted at once. Stores give 1000 at most.
    pub keys_max: usize,
}

impl ListQuery {
    /// Every key that begins with `prefix`.
    pub fn all(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), delimited: false, after: None, page: None, keys_max: PAGE_KEYS_MAX }
    }

    /// The keys directly in the folder `prefix`, which is empty or ends in `/`, and its folders.
    pub fn folder(prefix: &str) -> Self {
        Self { delimited: true, ..Self::all(prefix) }
    }
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects, by key.
    pub entries: Vec<ListEntry>,
    /// Beginnings that several keys share, each ending in `/`.
    pub prefixes: Vec<String>,
    /// What is there and cannot be used.
    pub unusable: Vec<Unusable>,
    /// For the next page, if there is one.
    pub next: Option<String>,
}

/// Something in a list that cannot be used as an object: its key is none, or what is said of it makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its key, as far as it can be written.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// Its key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// What changes when the object does.
    pub etag: Option<String>,
    /// When it was stored.
    pub modified: Timestamp,
}

/// All pages of a list, at most `keys_max` objects; [`BucketError::TooMany`] if there are more.
///
/// Half a list never passes for a whole one, and no server keeps us here for ever.
pub async fn list_all(
    bucket: &dyn Bucket,
    mut query: ListQuery,
    keys_max: usize,
) -> Result<ListPage, BucketError> {
    let (mut all, mut pages) = (ListPage::default(), Pages::default());
    loop {
        let page = bucket.list(&query).await?;
        let found = page.entries.len() + page.prefixes.len() + page.unusable.len();
        all.entries.extend(page.entries);
        all.prefixes.extend(page.prefixes);
        all.unusable.extend(page.unusable);
        if all.entries.len() + all.prefixes.len() + all.unusable.len() > keys_max {
            return Err(BucketError::TooMany { prefix: query.prefix, keys_max });
        }
        let Some(next) = page.next else { return Ok(all) };
        if let Err(fault) = pages.go_on(found, &next) {
            let source = fault.into();
            return Err(BucketError::Unavailable { action: "list", key: query.prefix, source });
        }
        query.page = Some(next);
    }
}

/// The pages of a list that were read, so that a server cannot lead in circles.
#[derive(Default)]
pub(crate) struct Pages {
    /// The hashes of their tokens, which are as long as the server likes.
    seen: HashSet<Digest>,
    empty: usize,
}

impl Pages {
    /// Whether the page that `next` names may be asked for, after one with so many keys.
    pub(crate) fn go_on(&mut self, found: usize, next: &str) -> Result<(), ServerFault> {
        self.empty += usize::from(found == 0);
        if self.empty > EMPTY_PAGES_MAX {
            return Err(ServerFault::PagesEmpty { pages_max: EMPTY_PAGES_MAX });
        }
        if !self.seen.insert(Digest::of(next.as_bytes())) {
            return Err(ServerFault::PagesRepeat);
        }
        Ok(())
    }
}

/// Cuts sorted objects into the page that `query` asks for. For stores that hold all keys themselves; their page
/// token is the last key or prefix given.
pub(crate) fn cut_page<'a>(entries: impl Iterator<Item = &'a ListEntry>, query: &ListQuery) -> ListPage {
    let after = query.after.as_deref().max(query.page.as_deref());
    let mut page = ListPage::default();
    let mut last = None;
    for entry in entries {
        let Some(rest) = entry.key.strip_prefix(&query.prefix) else { continue };
        let folder = rest.split_once('/').filter(|_| query.delimited).map(|(name, _)| name);
        let shown = folder.map_or_else(|| entry.key.clone(), |name| format!("{}{name}/", query.prefix));
        // A folder that was given, or is where the list begins, is over.
        let seen = page.prefixes.last() == Some(&shown) || after.is_some_and(|after| *shown <= *after);
        if seen {
            continue;
        }
        if page.entries.len() + page.prefixes.len() == query.keys_max {
            page.next = last;
            break;
        }
        last = Some(shown.clone());
        match folder {
            Some(_) => page.prefixes.push(shown),
            None => page.entries.push(entry.clone()),
        }
    }
    page
}

/// The bytes of `range` that an object of `size_bytes` has.
pub(crate) fn clamp_range(
    key: &str,
    range: Option<Range<u64>>,
    size_bytes: u64,
) -> Result<Range<u64>, BucketError> {
    let Some(range) = range else { return Ok(0..size_bytes) };
    if range.start >= range.end || range.start >= size_bytes {
        return Err(BucketError::BadRange { key: key.to_owned(), size_bytes });
    }
    Ok(range.start..range.end.min(size_bytes))
}

/// Refuses keys that not every kind of bucket holds under the same name, or that could lead elsewhere.
pub(crate) fn check_key(key: &str) -> Result<(), BucketError> {
    let reason = if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "it has a part that is empty, `.` or `..`"
    } else if key.chars().any(|c| c.is_ascii_control()) {
        "it has a control character"
    } else {
        return Ok(());
    };
    Err(BucketError::BadKey { key: key.to_owned(), reason: reason.to_owned() })
}

const DELETIONS_AT_ONCE: usize = 16;

/// As many as a store gives at once.
pub(crate) const PAGE_KEYS_MAX: usize = 1000;

/// Stores that split or filter lists give empty pages now and then, and rarely more than a few.
const EMPTY_PAGES_MAX: usize = 1000;
