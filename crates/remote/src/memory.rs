use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use casemate_model::Clock;
use futures_util::{StreamExt, stream};

use crate::bucket::{check_key, clamp_range, cut_page};
use crate::{
    Body, Bucket, BucketError, Condition, Download, Head, ListEntry, ListPage, ListQuery, Stored, Upload,
};

/// A bucket in memory. It keeps every rule of the port, and forgets everything when it is dropped.
pub struct MemoryBucket {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Head, Bytes)>,
    puts: u64,
}

impl MemoryBucket {
    /// An empty bucket.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal, so that a panic elsewhere leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(
        &self,
        key: &str,
        (head, bytes): (Head, Bytes),
        condition: &Condition,
    ) -> Result<Stored, BucketError> {
        let mut state = self.state();
        let present = state.objects.get(key).and_then(|(head, _)| head.etag.clone());
        check(key, present.as_deref(), condition)?;
        state.puts += 1;
        let etag = Some(format!("\"{:x}\"", state.puts));
        state.objects.insert(key.to_owned(), (Head { etag: etag.clone(), ..head }, bytes));
        Ok(Stored { etag })
    }
}

/// Whether what is `present` fulfils `condition`.
pub(crate) fn check(key: &str, present: Option<&str>, condition: &Condition) -> Result<(), BucketError> {
    match (condition, present) {
        (Condition::Always, _) | (Condition::Absent, None) => Ok(()),
        (Condition::Absent, Some(_)) => Err(BucketError::Exists { key: key.to_owned() }),
        (Condition::Unchanged(etag), Some(present)) if etag == present => Ok(()),
        (Condition::Unchanged(_), _) => Err(BucketError::Changed { key: key.to_owned() }),
    }
}

#[async_trait]
impl Bucket for MemoryBucket {
    async fn head(&self, key: &str) -> Result<Head, BucketError> {
        let state = self.state();
        let (head, _) =
            state.objects.get(key).ok_or_else(|| BucketError::NotFound { key: key.to_owned() })?;
        Ok(head.clone())
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError> {
        let found = self.state().objects.get(key).cloned();
        let (head, bytes) = found.ok_or_else(|| BucketError::NotFound { key: key.to_owned() })?;
        let range = clamp_range(key, range, head.size_bytes)?;
        let at = |position| usize::try_from(position).expect("the object is in memory");
        let body = stream::iter([Ok(bytes.slice(at(range.start)..at(range.end)))]).boxed();
        Ok(Download { head, range, body })
    }

    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError> {
        check_key(key)?;
        let Upload { body, content_type, metadata } = upload;
        let bytes = match body {
            Body::Whole(bytes) => bytes,
            Body::Stream(mut body) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = body.next().await {
                    bytes.extend_from_slice(&chunk?);
                }
                bytes.into()
            }
        };
        let (size_bytes, modified) = (bytes.len() as u64, self.clock.now());
        let head = Head { size_bytes, etag: None, modified, content_type, metadata };
        self.store(key, (head, bytes), &condition)
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        let state = self.state();
        let entries: Vec<ListEntry> = state
            .objects
            .range(query.prefix.clone()..)
            .take_while(|(key, _)| key.starts_with(&query.prefix))
            .map(|(key, (head, _))| ListEntry {
                key: key.clone(),
                size_bytes: head.size_bytes,
                etag: head.etag.clone(),
                modified: head.modified,
            })
            .collect();
        Ok(cut_page(entries.iter(), query))
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.state().objects.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::ManualClock;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_promises_of_a_bucket() {
        crate::test_support::check_bucket(Arc::new(MemoryBucket::new(Arc::new(ManualClock::new())))).await;
    }
}
