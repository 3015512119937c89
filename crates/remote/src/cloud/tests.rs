use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that gives these answers in turn, then the last one forever, and counts what it was asked.
async fn server(answers: &'static [&'static str]) -> (CloudBucket, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint_url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let mut request = vec![0; 16 << 10];
            let _ = connection.read(&mut request).await;
            let answer = answers.get(n).or(answers.last()).unwrap();
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    let settings = S3Settings {
        endpoint_url,
        access_key_id: Some("id".to_owned()),
        secret_access_key: Some("secret".into()),
        retry: RetryBudget { tries_max: 2, time_max: Duration::from_secs(20) },
        ..S3Settings::new("bucket")
    };
    (CloudBucket::s3(&settings).unwrap(), asked)
}

const FOUND: &str = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nLast-Modified: Sat, 31 Jan 2026 12:00:00 GMT\r\n\
                     Content-Length: 4\r\nx-amz-meta-dg-note: reference\r\nConnection: close\r\n\r\n";
const ABSENT: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const DENIED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const GARBLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nno list";

#[tokio::test]
async fn only_the_answer_404_is_absence() {
    let (bucket, _) = server(&[ABSENT]).await;
    assert!(bucket.head("key").await.unwrap_err().is_not_found());
    let (bucket, _) = server(&[DENIED]).await;
    let denied = bucket.head("key").await;
    assert!(matches!(denied, Err(BucketError::Denied { .. })), "{denied:?}");
    let (bucket, asked) = server(&[BROKEN]).await;
    let broken = bucket.head("key").await;
    assert!(matches!(broken, Err(BucketError::Unavailable { .. })), "{broken:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "as often as the budget allows");
    let (bucket, _) = server(&["nonsense"]).await;
    let nonsense = bucket.head("key").await;
    assert!(matches!(nonsense, Err(BucketError::Unavailable { .. })), "{nonsense:?}");
}

#[tokio::test]
async fn what_failed_in_passing_is_tried_again() {
    let (bucket, _) = server(&[BROKEN, FOUND]).await;
    let head = bucket.head("key").await.unwrap();
    assert_eq!((head.size_bytes, head.metadata["dg-note"].as_str()), (4, "reference"));
}

#[tokio::test]
async fn a_list_that_fails_is_no_empty_list() {
    let query = ListQuery::all("prefix/");
    for (answers, tries) in [(&[BROKEN], 3), (&[ABSENT], 1), (&[GARBLED], 1)] {
        let (bucket, asked) = server(answers).await;
        let failed = bucket.list(&query).await;
        assert!(matches!(failed, Err(BucketError::Unavailable { .. })), "{answers:?} gave {failed:?}");
        assert_eq!(asked.load(Ordering::SeqCst), tries, "{answers:?}");
    }
    let (bucket, _) = server(&[DENIED]).await;
    let denied = bucket.list(&query).await;
    assert!(matches!(denied, Err(BucketError::Denied { .. })), "{denied:?}");
}

#[test]
fn settings_do_not_print_their_key() {
    let settings = S3Settings {
        secret_access_key: Some("very secret".into()),
        session_token: Some("very secret".into()),
        ..S3Settings::new("bucket")
    };
    assert!(!format!("{settings:?}").contains("very secret"));
}
