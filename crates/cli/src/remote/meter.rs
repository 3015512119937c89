use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use casemate_remote::{
    Body, Bucket, BucketError, Condition, Download, Head, ListPage, ListQuery, Stored, Upload,
};
use futures_util::StreamExt;
use indicatif::ProgressBar;

use crate::output::Output;

/// How far a copy of many files is, in bytes of the files.
///
/// What travels is often less than the file, when it is a delta, so that bytes under way count as progress of the files
/// under way, and never as more than they have.
pub(crate) struct Meter {
    bar: ProgressBar,
    /// Of files that are copied.
    done: AtomicU64,
    /// Of files under way, and how much was seen of them.
    under_way: Mutex<(u64, u64)>,
}

impl Meter {
    /// Shows on `bar`, which may be hidden.
    pub(crate) fn new(bar: ProgressBar) -> Arc<Self> {
        Arc::new(Self { bar, done: AtomicU64::new(0), under_way: Mutex::default() })
    }

    /// So many bytes are to be copied.
    pub(crate) fn expect(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    /// Says something without tearing the bar.
    pub(crate) fn note(&self, output: Output, text: &str) {
        self.bar.suspend(|| output.note(text));
    }

    /// A file is under way.
    pub(crate) fn begin(&self, label: &str, size_bytes: u64) {
        self.bar.set_message(crate::escape::escaped_line(label));
        self.change(|(size, _)| *size += size_bytes);
    }

    /// It is copied, or has failed.
    pub(crate) fn end(&self, size_bytes: u64) {
        self.done.fetch_add(size_bytes, Ordering::Relaxed);
        self.change(|(size, seen)| {
            *size = size.saturating_sub(size_bytes);
            *seen = seen.saturating_sub(size_bytes);
        });
    }

    /// So many bytes have travelled.
    pub(crate) fn seen(&self, bytes: u64) {
        self.change(|(_, seen)| *seen += bytes);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn change(&self, act: impl FnOnce(&mut (u64, u64))) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut under_way);
        let (size, seen) = *under_way;
        self.bar.set_position(self.done.load(Ordering::Relaxed) + seen.min(size));
    }
}

/// A bucket whose bytes are counted as they arrive and leave.
pub(super) struct MeteredBucket {
    pub(super) inner: Arc<dyn Bucket>,
    pub(super) meter: Arc<Meter>,
}

#[async_trait]
impl Bucket for MeteredBucket {
    async fn head(&self, key: &str) -> Result<Head, BucketError> {
        self.inner.head(key).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Download, BucketError> {
        let Download { head, range, body } = self.inner.get(key, range).await?;
        let meter = Arc::clone(&self.meter);
        let body = body.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                meter.seen(chunk.len() as u64);
            }
        });
        Ok(Download { head, range, body: body.boxed() })
    }

    async fn put(&self, key: &str, upload: Upload, condition: Condition) -> Result<Stored, BucketError> {
        let meter = Arc::clone(&self.meter);
        let (body, whole_bytes) = match upload.body {
            // Sent in one request, and again if that fails, so that it counts when it is stored.
            Body::Whole(bytes) => {
                let length = bytes.len() as u64;
                (Body::Whole(bytes), length)
            }
            Body::Stream(pieces) => {
                let pieces = pieces.inspect(move |piece| {
                    if let Ok(piece) = piece {
                        meter.seen(piece.len() as u64);
                    }
                });
                (Body::Stream(pieces.boxed()), 0)
            }
        };
        let stored = self.inner.put(key, Upload { body, ..upload }, condition).await?;
        self.meter.seen(whole_bytes);
        Ok(stored)
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        self.inner.list(query).await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.inner.delete(key).await
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<(String, BucketError)> {
        self.inner.delete_many(keys).await
    }
}

#[cfg(test)]
mod tests {
    use casemate_remote::MemoryBucket;

    use super::*;
    use crate::world::SystemClock;

    #[tokio::test]
    async fn what_is_stored_counts_like_what_is_read() {
        let bar = ProgressBar::hidden();
        let meter = Meter::new(bar.clone());
        let bucket = MeteredBucket {
            inner: Arc::new(MemoryBucket::new(Arc::new(SystemClock))),
            meter: Arc::clone(&meter),
        };
        meter.begin("a", 9);
        bucket.put("a", Upload::of(b"four".as_slice()), Condition::Always).await.unwrap();
        assert_eq!(bar.position(), 4);
        let pieces = futures_util::stream::iter([Ok("fi".into()), Ok("ve!".into())]).boxed();
        let upload = Upload {
            body: Body::Stream(pieces),
            content_type: None,
            metadata: casemate_remote::Metadata::new(),
        };
        bucket.put("b", upload, Condition::Always).await.unwrap();
        assert_eq!(bar.position(), 9);
    }

    #[test]
    fn progress_never_goes_back_or_beyond() {
        let bar = ProgressBar::hidden();
        let meter = Meter::new(bar.clone());
        let mut last = 0;
        let mut check = |expected: u64| {
            assert_eq!(bar.position(), expected);
            assert!(bar.position() >= last);
            last = expected;
        };
        meter.begin("a", 100);
        meter.seen(40);
        check(40);
        // More than the file has is of no file that is known.
        meter.seen(100);
        check(100);
        meter.begin("b", 10);
        check(110);
        meter.end(100);
        check(110);
        meter.end(10);
        check(110);
    }
}
