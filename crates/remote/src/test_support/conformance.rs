use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    Body, Bucket, BucketError, ByteStream, Condition, ListPage, ListQuery, Metadata, Upload, list_all,
};

/// Holds a bucket to the promises of the port. It works beneath `conformance/`, where nothing else may be.
///
/// # Panics
///
/// When a promise is broken.
pub async fn check_bucket(bucket: Arc<dyn Bucket>) {
    let bucket = &*bucket;
    absence_is_said(bucket).await;
    what_is_put_comes_back(bucket).await;
    ranges_are_cut(bucket).await;
    conditions_hold(bucket).await;
    one_of_many_creators_wins(bucket).await;
    streams_arrive_whole_or_not(bucket).await;
    lists_are_paged_and_sorted(bucket).await;
    odd_names_come_back(bucket).await;
    keys_that_lead_elsewhere_are_refused(bucket).await;
}

async fn absence_is_said(bucket: &dyn Bucket) {
    let key = "conformance/absent";
    assert!(bucket.head(key).await.is_err_and(|error| error.is_not_found()), "head of nothing");
    assert!(bucket.get(key, None).await.is_err_and(|error| error.is_not_found()), "get of nothing");
    bucket.delete(key).await.expect("deleting nothing is no error");
}

async fn what_is_put_comes_back(bucket: &dyn Bucket) {
    let key = "conformance/one";
    let metadata = Metadata::from([("dg-note".to_owned(), "a b = c".to_owned())]);
    let upload = Upload { content_type: Some("text/plain".to_owned()), ..Upload::of("content") };
    let stored = bucket.put(key, upload.with_metadata(metadata.clone()), Condition::Always).await;
    let etag = stored.expect("it can be put").etag;
    let head = bucket.head(key).await.expect("it is there");
    assert_eq!((head.size_bytes, &head.metadata), (7, &metadata));
    assert_eq!((head.etag, head.content_type.as_deref()), (etag, Some("text/plain")));
    let download = bucket.get(key, None).await.expect("it is there");
    assert_eq!((download.range.clone(), &download.head.metadata), (0..7, &metadata));
    assert_eq!(download.collect(key, 7).await.expect("it can be read"), b"content");
    let again = bucket.get(key, None).await.expect("it is there").collect(key, 6).await;
    assert!(matches!(again, Err(BucketError::TooLarge { .. })), "a bound is kept: {again:?}");
    bucket.delete(key).await.expect("it can be deleted");
    absence_is_said(bucket).await;
    bucket.put(key, Upload::of(""), Condition::Always).await.expect("nothing can be stored, too");
    assert_eq!(read(bucket, key).await, b"");
    bucket.delete(key).await.expect("it can be deleted");
}

async fn ranges_are_cut(bucket: &dyn Bucket) {
    let key = "conformance/ranges";
    bucket.put(key, Upload::of("0123456789"), Condition::Always).await.expect("it can be put");
    for (range, expected) in [(2..5, "234"), (8..100, "89"), (0..10, "0123456789")] {
        let download = bucket.get(key, Some(range.clone())).await.expect("the range is there");
        assert_eq!(download.head.size_bytes, 10, "{range:?}");
        assert_eq!(
            download.collect(key, 10).await.expect("it can be read"),
            expected.as_bytes(),
            "{range:?}"
        );
    }
    assert!(bucket.get(key, Some(10..11)).await.is_err(), "a range behind the end");
    bucket.delete(key).await.expect("it can be deleted");
}

async fn conditions_hold(bucket: &dyn Bucket) {
    let key = "conformance/conditions";
    let put = |text: &'static str, condition| bucket.put(key, Upload::of(text), condition);
    let gone = put("x", Condition::Unchanged("\"none\"".to_owned())).await;
    assert!(matches!(gone, Err(BucketError::Changed { .. })), "replacing nothing: {gone:?}");
    let first = put("first", Condition::Absent).await.expect("the key is free").etag.expect("there is one");
    let taken = put("second", Condition::Absent).await;
    assert!(matches!(taken, Err(BucketError::Exists { .. })), "creating twice: {taken:?}");
    assert_eq!(read(bucket, key).await, b"first");
    put("third, longer", Condition::Unchanged(first.clone())).await.expect("it is unchanged");
    let changed = put("fourth", Condition::Unchanged(first)).await;
    assert!(matches!(changed, Err(BucketError::Changed { .. })), "replacing another one: {changed:?}");
    assert_eq!(read(bucket, key).await, b"third, longer");
    bucket.delete(key).await.expect("it can be deleted");
}

async fn one_of_many_creators_wins(bucket: &dyn Bucket) {
    let key = "conformance/race";
    let puts = (0..8).map(|n| bucket.put(key, Upload::of(format!("writer {n}")), Condition::Absent));
    let results = futures_util::future::join_all(puts).await;
    let winners: Vec<usize> = (0..8).filter(|n| results[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert_eq!(read(bucket, key).await, format!("writer {}", winners[0]).as_bytes());
    bucket.delete(key).await.expect("it can be deleted");
}

async fn streams_arrive_whole_or_not(bucket: &dyn Bucket) {
    let key = "conformance/stream";
    let piece = Bytes::from(vec![7; 1 << 20]);
    let body: ByteStream = stream::iter(vec![piece.clone(); 18]).map(Ok).boxed();
    let upload = Upload { body: Body::Stream(body), ..Upload::of("") };
    bucket.put(key, upload, Condition::Always).await.expect("a stream can be put");
    assert_eq!(read(bucket, key).await, vec![7; 18 << 20]);
    bucket.delete(key).await.expect("it can be deleted");
    let broken = Err(BucketError::Unsupported { what: "go on" });
    let body: ByteStream = stream::iter([Ok(piece), broken]).boxed();
    let upload = Upload { body: Body::Stream(body), ..Upload::of("") };
    let put = bucket.put(key, upload, Condition::Always).await;
    assert!(put.is_err(), "a stream that broke off: {put:?}");
    assert!(bucket.head(key).await.is_err_and(|error| error.is_not_found()), "nothing of it is stored");
}

async fn lists_are_paged_and_sorted(bucket: &dyn Bucket) {
    let keys = ["a", "b/1", "b/2", "b/c/3", "b-", "d"].map(|key| format!("conformance/list/{key}"));
    for key in &keys {
        bucket.put(key, Upload::of(key.clone()), Condition::Always).await.expect("it can be put");
    }
    let mut sorted = keys.to_vec();
    sorted.sort();
    for keys_max in [1, 2, 1000] {
        let query = ListQuery { keys_max, ..ListQuery::all("conformance/list/") };
        let listed = list_all(bucket, query, 100).await.expect("it can be listed");
        assert_eq!(keys_of(&listed), sorted, "pages of {keys_max}");
        let query = ListQuery { keys_max, ..ListQuery::folder("conformance/list/") };
        let listed = list_all(bucket, query, 100).await.expect("it can be listed");
        assert_eq!(keys_of(&listed), ["a", "b-", "d"].map(|key| format!("conformance/list/{key}")));
        assert_eq!(listed.prefixes, ["conformance/list/b/"], "pages of {keys_max}");
    }
    let listed = list_all(bucket, ListQuery::all("conformance/list/b"), 100).await.expect("it can be listed");
    assert_eq!(listed.entries.len(), 4, "a prefix need not end at a slash");
    let query = ListQuery { after: Some(keys[2].clone()), ..ListQuery::all("conformance/list/") };
    let listed = list_all(bucket, query, 100).await.expect("it can be listed");
    assert_eq!(keys_of(&listed), [keys[3].clone(), keys[5].clone()], "only what comes after");
    let entry = &listed.entries[0];
    let head = bucket.head(&entry.key).await.expect("it is there");
    assert_eq!((entry.size_bytes, &entry.etag), (head.size_bytes, &head.etag));
    let many = list_all(bucket, ListQuery::all("conformance/list/"), 3).await;
    assert!(matches!(many, Err(BucketError::TooMany { .. })), "a bound is kept: {many:?}");
    for key in &keys {
        bucket.delete(key).await.expect("it can be deleted");
    }
}

async fn odd_names_come_back(bucket: &dyn Bucket) {
    for name in ["grün & blau.zip", "100%25 #1?.zip", "a+b=c,d;e.zip", "'quoted' \"twice\".zip"] {
        let key = format!("conformance/odd/{name}");
        bucket.put(&key, Upload::of(key.clone()), Condition::Always).await.expect(name);
        assert_eq!(read(bucket, &key).await, key.as_bytes());
        let listed = bucket.list(&ListQuery::all("conformance/odd/")).await.expect(name);
        assert_eq!(keys_of(&listed), [key.as_str()]);
        bucket.delete(&key).await.expect(name);
    }
}

async fn keys_that_lead_elsewhere_are_refused(bucket: &dyn Bucket) {
    for key in ["", "/conformance/x", "conformance/../x", "conformance/./x", "conformance//x"] {
        let put = bucket.put(key, Upload::of("x"), Condition::Always).await;
        assert!(matches!(put, Err(BucketError::BadKey { .. })), "{key:?} gave {put:?}");
    }
}

async fn read(bucket: &dyn Bucket, key: &str) -> Vec<u8> {
    let download = bucket.get(key, None).await.expect("it is there");
    download.collect(key, 64 << 20).await.expect("it can be read")
}

fn keys_of(page: &ListPage) -> Vec<String> {
    page.entries.iter().map(|entry| entry.key.clone()).collect()
}
