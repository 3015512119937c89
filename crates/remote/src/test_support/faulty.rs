use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{Bucket, BucketError, Condition, Download, Head, ListPage, ListQuery, Metadata, Stored, Upload};

/// What is asked of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Metadata.
    Head,
    /// Bytes.
    Get,
    /// To store.
    Put,
    /// Keys.
    List,
    /// To remove.
    Delete,
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What goes wrong, at the next request of that kind for that key.
enum Fault {
    /// The bucket is out of order.
    Refuse,
    /// It does what was asked, and the answer gets lost.
    LoseAnswer,
    /// Something else happens first.
    Before(Hook),
}

/// A bucket that fails on command.
pub struct FaultyBucket {
    inner: Arc<dyn Bucket>,
    faults: Mutex<Vec<(Asked, String, Fault)>>,
    counts: Mutex<BTreeMap<(Asked, String), u64>>,
}

impl FaultyBucket {
    /// A bucket in front of `inner` that does not fail yet.
    pub fn new(inner: Arc<dyn Bucket>) -> Self {
        Self { inner, faults: Mutex::default(), counts: Mutex::default() }
    }

    /// How often it was asked so for that key.
    pub fn asked(&self, asked: Asked, key: &str) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&(asked, key.to_owned())).copied().unwrap_or(0)
    }

    /// Refuses the next request of that kind for that key.
    pub fn refuse(&self, asked: Asked, key: &str) {
        self.add(asked, key, Fault::Refuse);
    }

    /// Does what the next request of that kind for that key wants, and answers that it is out of order.
    pub fn lose_answer(&self, asked: Asked, key: &str) {
        self.add(asked, key, Fault::LoseAnswer);
    }

    /// Does something else right before the next request of that kind for that key.
    pub fn before(
        &self,
        asked: Asked,
        key: &str,
        hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        self.add(asked, key, Fault::Before(Box::new(hook)));
    }

    fn add(&self, asked: Asked, key: &str, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push((asked, key.to_owned(), fault));
    }

    /// Whether the answer shall get lost.
    async fn meet(&self, asked: Asked, key: &str) -> Result<bool, BucketError> {
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry((asked, key.to_owned())).or_default() += 1;
        }
        let fault = {
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            let at = faults.iter().position(|(kind, name, _)| *kind == asked && name == key);
            at.map(|at| faults.remove(at).2)
        };
        match fault {
            None => Ok(false),
            Some(Fault::Refuse) => Err(out_of_order(key)),
            Some(Fault::LoseAnswer) => Ok(true),
            Some(Fault::Before(hook)) => {
                hook().await;
                Ok(false)
            }
        }
    }
}

fn out_of_order(key: &str) -> BucketError {
    BucketError::Unavailable { action: "ask for", key: key.to_owned(), source: "out of order".into() }
}

fn answer<T>(result: Result<T, BucketError>, is_lost: bool, key: &str) -> Result<T, BucketError> {
    if is_lost { Err(out_of_order(key)) } else { result }
}

#[async_trait]
impl Bucket for FaultyBucket {
    async fn head(&self, key: &str) -> Result<Head, BucketError> {
        let is_lost = self.meet(Asked::Head, key).await?;
        answer(self.inner.head(key).await, is_lost, key)
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError> {
        let is_lost = self.meet(Asked::Get, key).await?;
        answer(self.inner.get(key, range).await, is_lost, key)
    }

    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError> {
        let is_lost = self.meet(Asked::Put, key).await?;
        // As a client does whose answer got lost: it tries again, under the same condition.
        if let (true, crate::Body::Whole(bytes)) = (is_lost, &upload.body) {
            let metadata: Metadata = upload.metadata.clone();
            let first = Upload { content_type: upload.content_type.clone(), ..Upload::of(bytes.clone()) };
            let _ = self.inner.put(key, first.with_metadata(metadata), condition.clone()).await;
        }
        self.inner.put(key, upload, condition).await
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        let is_lost = self.meet(Asked::List, &query.prefix).await?;
        answer(self.inner.list(query).await, is_lost, &query.prefix)
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let is_lost = self.meet(Asked::Delete, key).await?;
        answer(self.inner.delete(key).await, is_lost, key)
    }
}
