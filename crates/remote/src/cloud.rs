mod answers;
mod profile;
mod s3_account;
mod s3_call;
mod s3_list;
mod settings;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use casemate_model::Timestamp;
use futures_util::StreamExt;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};

use crate::{
    Body, Bucket, BucketError, Condition, Download, Head, ListEntry, ListPage, ListQuery, Metadata, Stored,
    Upload,
};

pub use profile::{AwsFlags, AwsSources, AwsSourcesError};
pub use s3_account::{ListedBucket, S3Account};
pub use settings::{RetryBudget, S3Settings};

/// A bucket of S3 and what speaks like it, of Google Cloud Storage, or of Azure Blob Storage.
///
/// Requests that may be repeated are repeated, with growing and jittered pauses, within the budget of the settings:
/// reads, lists, deletions, parts, and puts, which are whole or not at all.
///
/// Large bodies go in parts, four on their way at once, unless they are put under a condition: the library cannot
/// complete parts under one, so these go in one request, of which S3 takes 5 GiB.
pub struct CloudBucket {
    store: Arc<dyn ObjectStore>,
    lister: Lister,
}

/// Who is asked for keys.
enum Lister {
    S3(s3_list::S3Lister),
    Library(Arc<dyn PaginatedListStore>),
}

impl CloudBucket {
    /// A bucket of S3.
    pub fn s3(settings: &S3Settings) -> Result<Self, BucketError> {
        let store = settings.build()?;
        let lister = Lister::S3(settings.lister(&store)?);
        Ok(Self { store: Arc::new(store), lister })
    }

    /// A bucket of Google Cloud Storage, by what the environment of its own tools says (`GOOGLE_…`), as pairs.
    pub fn gcs(
        bucket: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BucketError> {
        let mut builder = object_store::gcp::GoogleCloudStorageBuilder::new()
            .with_bucket_name(bucket)
            .with_http_connector(answers::WaryConnector);
        for (name, value) in options {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let store = Arc::new(builder.build().map_err(|error| BucketError::Settings(error.into()))?);
        Ok(Self { store: store.clone(), lister: Lister::Library(store) })
    }

    /// A container of Azure Blob Storage, by what the environment of its own tools says (`AZURE_…`), as pairs.
    pub fn azure(
        container: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BucketError> {
        let mut builder = object_store::azure::MicrosoftAzureBuilder::new()
            .with_container_name(container)
            .with_http_connector(answers::WaryConnector);
        for (name, value) in options {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let store = Arc::new(builder.build().map_err(|error| BucketError::Settings(error.into()))?);
        Ok(Self { store: store.clone(), lister: Lister::Library(store) })
    }

    /// Every object has an `etag`, and the page of a proxy that wants a login rarely has one.
    fn check_answer(&self, action: &'static str, key: &str, meta: &ObjectMeta) -> Result<(), BucketError> {
        if meta.e_tag.is_some() {
            return Ok(());
        }
        let what = "without an ETag".to_owned();
        let source = crate::ServerFault::NotS3 { what }.into();
        Err(BucketError::Unavailable { action, key: key.to_owned(), source })
    }

    async fn put_whole(&self, key: &str, upload: Whole, condition: Condition) -> Result<Stored, BucketError> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(etag) => PutMode::Update(UpdateVersion { e_tag: Some(etag), version: None }),
        };
        let replaces = matches!(mode, PutMode::Update(_));
        let options = PutOptions { mode, attributes: upload.attributes, ..PutOptions::default() };
        let result = self.store.put_opts(&upload.path, upload.payload, options).await;
        match result {
            Ok(result) => Ok(Stored { etag: result.e_tag }),
            // What was to be replaced is gone.
            Err(Error::NotFound { .. }) if replaces => Err(BucketError::Changed { key: key.to_owned() }),
            Err(error) => Err(translate("store", key, error)),
        }
    }

    async fn put_parts(
        &self,
        key: &str,
        path: &Path,
        mut body: crate::ByteStream,
        attributes: Attributes,
    ) -> Result<Stored, BucketError> {
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let failed = |error| translate("store", key, error);
        let mut upload = self.store.put_multipart_opts(path, options).await.map_err(failed)?;
        match send_parts(key, &mut *upload, &mut body).await {
            Ok(()) => {}
            Err(error) => {
                // The store throws the parts away by itself where its owner set that up; the first error counts.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
        let result = upload.complete().await.map_err(failed)?;
        Ok(Stored { etag: result.e_tag })
    }
}

struct Whole {
    path: Path,
    payload: PutPayload,
    attributes: Attributes,
}

/// Sends a stream as parts, some of them at once.
async fn send_parts(
    key: &str,
    upload: &mut dyn MultipartUpload,
    body: &mut crate::ByteStream,
) -> Result<(), BucketError> {
    let mut under_way = futures_util::stream::FuturesUnordered::new();
    let mut part = Vec::with_capacity(PART_BYTES);
    loop {
        let chunk = body.next().await.transpose()?;
        let ended = chunk.is_none();
        part.extend_from_slice(&chunk.unwrap_or_default());
        while part.len() >= PART_BYTES || (ended && !part.is_empty()) {
            let rest = part.split_off(part.len().min(PART_BYTES));
            let full = std::mem::replace(&mut part, rest);
            under_way.push(upload.put_part(PutPayload::from(full)));
            if under_way.len() >= PARTS_AT_ONCE_MAX {
                wait_for_part(key, &mut under_way).await?;
            }
        }
        if ended {
            break;
        }
    }
    while !under_way.is_empty() {
        wait_for_part(key, &mut under_way).await?;
    }
    Ok(())
}

async fn wait_for_part(
    key: &str,
    under_way: &mut futures_util::stream::FuturesUnordered<object_store::UploadPart>,
) -> Result<(), BucketError> {
    match under_way.next().await {
        Some(Err(error)) => Err(translate("store", key, error)),
        Some(Ok(())) | None => Ok(()),
    }
}

#[async_trait]
impl Bucket for CloudBucket {
    async fn head(&self, key: &str) -> Result<Head, BucketError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = self.store.get_opts(&path_of(key)?, options).await;
        let found = found.map_err(|error| translate("look at", key, error))?;
        self.check_answer("look at", key, &found.meta)?;
        Ok(head_of(&found.meta, &found.attributes))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError> {
        if let Some(range) = &range
            && range.start >= range.end
        {
            return Err(BucketError::BadRange { key: key.to_owned(), size_bytes: 0 });
        }
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&path_of(key)?, options).await;
        let found = found.map_err(|error| translate("read", key, error))?;
        self.check_answer("read", key, &found.meta)?;
        let (head, range) = (head_of(&found.meta, &found.attributes), found.range.clone());
        let key = key.to_owned();
        let body =
            found.into_stream().map(move |chunk| chunk.map_err(|error| translate("read", &key, error)));
        Ok(Download { head, range, body: body.boxed() })
    }

    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError> {
        let path = path_of(key)?;
        let attributes = attributes_of(upload.content_type, upload.metadata);
        match (upload.body, condition) {
            (Body::Whole(bytes), Condition::Always) if bytes.len() > SINGLE_BYTES_MAX => {
                let parts = futures_util::stream::iter(cut(&bytes, PART_BYTES).map(Ok)).boxed();
                self.put_parts(key, &path, parts, attributes).await
            }
            (Body::Whole(bytes), condition) => {
                self.put_whole(key, Whole { path, payload: bytes.into(), attributes }, condition).await
            }
            (Body::Stream(body), Condition::Always) => self.put_parts(key, &path, body, attributes).await,
            (Body::Stream(_), Condition::Absent | Condition::Unchanged(_)) => {
                Err(BucketError::Unsupported { what: "store a stream under a condition" })
            }
        }
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        match &self.lister {
            Lister::S3(lister) => lister.list(query).await,
            Lister::Library(lister) => list_by_library(&**lister, query).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        match self.store.delete(&path_of(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(translate("delete", key, error)),
        }
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<(String, BucketError)> {
        let (mut paths, mut failed) = (Vec::new(), Vec::new());
        for key in keys {
            match path_of(key) {
                Ok(path) => paths.push(path),
                Err(error) => failed.push((key.clone(), error)),
            }
        }
        // On S3 a thousand in one request; each is answered for, in order.
        let asked = futures_util::stream::iter(paths.clone()).map(Ok).boxed();
        let answers: Vec<_> = self.store.delete_stream(asked).collect().await;
        let answered = answers.iter().all(Result::is_ok) && answers.len() == paths.len();
        if answered {
            return failed;
        }
        // Whoever has no such request, or failed in part, is asked for each: what is gone already is gone.
        let keys: Vec<String> = paths.iter().map(ToString::to_string).collect();
        failed.extend(crate::bucket::delete_each(self, &keys).await);
        failed
    }
}

async fn list_by_library(
    lister: &dyn PaginatedListStore,
    query: &ListQuery,
) -> Result<ListPage, BucketError> {
    let options = PaginatedListOptions {
        offset: query.after.clone(),
        delimiter: query.delimited.then_some("/".into()),
        max_keys: Some(query.keys_max),
        page_token: query.page.clone(),
        ..PaginatedListOptions::default()
    };
    let prefix = Some(query.prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let found = lister.list_paginated(prefix, options).await;
    let found = found.map_err(|error| translate("list", &query.prefix, error))?;
    let entries = found.result.objects.iter().map(entry_of).collect();
    let prefixes = found.result.common_prefixes.iter().map(|prefix| format!("{prefix}/")).collect();
    Ok(ListPage { entries, prefixes, next: found.page_token, ..ListPage::default() })
}

/// The pieces of `bytes`, without copying.
fn cut(bytes: &bytes::Bytes, piece_bytes: usize) -> impl Iterator<Item = bytes::Bytes> + Send + use<> {
    let bytes = bytes.clone();
    (0..bytes.len())
        .step_by(piece_bytes)
        .map(move |start| bytes.slice(start..bytes.len().min(start + piece_bytes)))
}

fn path_of(key: &str) -> Result<Path, BucketError> {
    crate::bucket::check_key(key)?;
    let bad = |reason: String| BucketError::BadKey { key: key.to_owned(), reason };
    let path = Path::parse(key).map_err(|error| bad(error.to_string()))?;
    // Whatever the library changes would be another key.
    if path.as_ref() != key {
        return Err(bad("the library cannot hold it".to_owned()));
    }
    Ok(path)
}

fn attributes_of(content_type: Option<String>, metadata: Metadata) -> Attributes {
    let content_type = content_type.unwrap_or_else(|| CONTENT_TYPE_DEFAULT.to_owned());
    let mut attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
    for (name, value) in metadata {
        attributes.insert(Attribute::Metadata(name.into()), value.into());
    }
    attributes
}

fn head_of(meta: &ObjectMeta, attributes: &Attributes) -> Head {
    let mut head = Head {
        size_bytes: meta.size,
        etag: meta.e_tag.clone(),
        modified: timestamp_of(meta),
        content_type: None,
        metadata: Metadata::new(),
    };
    for (name, value) in attributes {
        match name {
            Attribute::ContentType => head.content_type = Some(value.to_string()),
            Attribute::Metadata(name) => {
                head.metadata.insert(name.to_ascii_lowercase(), value.to_string());
            }
            // The enum grows; what is new there is nothing that we set or read.
            _ => {}
        }
    }
    head
}

fn entry_of(meta: &ObjectMeta) -> ListEntry {
    ListEntry {
        key: meta.location.to_string(),
        size_bytes: meta.size,
        etag: meta.e_tag.clone(),
        modified: timestamp_of(meta),
    }
}

fn timestamp_of(meta: &ObjectMeta) -> Timestamp {
    let millis = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH)
}

fn translate(action: &'static str, key: &str, error: Error) -> BucketError {
    let key = key.to_owned();
    match error {
        Error::NotFound { .. } => BucketError::NotFound { key },
        Error::AlreadyExists { .. } => BucketError::Exists { key },
        Error::Precondition { .. } => BucketError::Changed { key },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            BucketError::Denied { key, source: answers::cause_of(&error) }
        }
        Error::InvalidPath { source } => BucketError::BadKey { key, reason: source.to_string() },
        // The rest tells nothing about the object.
        error => BucketError::Unavailable { action, key, source: answers::cause_of(&error) },
    }
}

/// How much of an upload is sent at a time. S3 takes 10 000 parts of at least 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// How many parts are on their way at once, and so, times [`PART_BYTES`], what an upload needs of memory.
const PARTS_AT_ONCE_MAX: usize = 4;

/// What is sent in one request rather than in parts.
const SINGLE_BYTES_MAX: usize = 2 * PART_BYTES;

const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";

#[cfg(test)]
mod tests;
