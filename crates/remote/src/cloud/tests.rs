use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{ServerFault, list_all};

/// A server that gives these answers in turn, then the last one forever, and counts what it was asked.
async fn server(answers: &'static [&'static str]) -> (CloudBucket, Arc<AtomicUsize>) {
    let answer = |n: usize| (*answers.get(n).or(answers.last()).unwrap()).to_owned();
    serve(move |n, mut connection| async move {
        let _ = connection.write_all(answer(n).as_bytes()).await;
    })
    .await
}

/// A server that does this with each connection, of which the request was read.
async fn serve<F: Future<Output = ()> + Send>(
    act: impl Fn(usize, TcpStream) -> F + Send + 'static,
) -> (CloudBucket, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint_url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let mut request = vec![0; 16 << 10];
            let _ = connection.read(&mut request).await;
            act(n, connection).await;
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

/// The fault of the server that ends the list of a bucket.
async fn fault_of(bucket: &CloudBucket) -> ServerFault {
    let failed = list_all(bucket, ListQuery::all(""), 100_000).await.unwrap_err();
    failed.server_fault().unwrap_or_else(|| panic!("{failed:?}")).clone()
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_answer_that_never_ends_is_not_read_on() {
    for (status, expected) in [
        ("200 OK", ServerFault::AnswerTooLong { bytes_max: 16 << 20 }),
        ("403 Forbidden", ServerFault::Refused { reason: format!("403 Forbidden: {}", "x".repeat(500)) }),
    ] {
        let (bucket, asked) = serve(move |_, mut connection| async move {
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            let _ = connection.write_all(head.as_bytes()).await;
            let piece = vec![b'x'; 1 << 20];
            while connection.write_all(&piece).await.is_ok() {}
        })
        .await;
        assert_eq!(fault_of(&bucket).await, expected);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status}");
    }
}

#[tokio::test]
async fn lists_that_go_in_circles_or_on_without_end_are_given_up() {
    let page = |token: usize| {
        let body = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>"
        );
        answer("200 OK", &body)
    };
    let (circle, asked) = serve(move |n, mut connection| async move {
        let _ = connection.write_all(page(n % 3).as_bytes()).await;
    })
    .await;
    assert_eq!(fault_of(&circle).await, ServerFault::PagesRepeat);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let (endless, asked) = serve(move |n, mut connection| async move {
        let _ = connection.write_all(page(n).as_bytes()).await;
    })
    .await;
    assert_eq!(fault_of(&endless).await, ServerFault::PagesEmpty { pages_max: 1000 });
    assert_eq!(asked.load(Ordering::SeqCst), 1001);
}

#[tokio::test]
async fn what_a_server_did_is_said() {
    let error = "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>";
    for (answered, says) in [
        (
            answer("404 Not Found", error),
            "the server says that there is no such bucket (404 Not Found: NoSuchBucket: none)",
        ),
        (
            answer("200 OK", "<!DOCTYPE html><html>Sign in</html>"),
            "the server answered with a web page, not as S3 does",
        ),
        (answer("400 Bad Request", "<html>no</html>"), "the server answered 400 Bad Request: a web page"),
        (
            answer("301 Moved Permanently", error),
            "the server wants to be asked elsewhere (301 Moved Permanently: NoSuchBucket: none)",
        ),
    ] {
        let (bucket, _) = serve(move |_, mut connection| {
            let answered = answered.clone();
            async move {
                let _ = connection.write_all(answered.as_bytes()).await;
            }
        })
        .await;
        assert_eq!(fault_of(&bucket).await.to_string(), says);
    }
}

#[tokio::test]
async fn metadata_that_is_no_text_is_that_of_one_object() {
    let (bucket, _) = serve(|_, mut connection| async move {
        let mut found = FOUND.as_bytes().to_vec();
        let end = found.len() - 2;
        found.splice(end..end, b"x-amz-meta-other: gr\xfcn\r\n".iter().copied());
        let _ = connection.write_all(&found).await;
    })
    .await;
    let head = bucket.head("key").await.unwrap();
    assert_eq!((head.metadata["dg-note"].as_str(), head.metadata["other"].as_str()), ("reference", "gr?n"));
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_object() {
    let (bucket, _) = serve(|_, mut connection| async move {
        let _ =
            connection.write_all(answer("200 OK", "<!DOCTYPE html><html>Sign in</html>").as_bytes()).await;
    })
    .await;
    for failed in [bucket.get("key", None).await.err().unwrap(), bucket.head("key").await.unwrap_err()] {
        let fault = failed.server_fault().unwrap_or_else(|| panic!("{failed:?}"));
        assert_eq!(*fault, ServerFault::NotS3 { what: "without an ETag".to_owned() });
    }
}

#[tokio::test]
async fn causes_are_said_once() {
    let (bucket, _) = serve(|_, mut connection| async move {
        let said = "<Error><Code>InvalidRequest</Code><Message>No</Message></Error>";
        let _ = connection.write_all(answer("400 Bad Request", said).as_bytes()).await;
    })
    .await;
    let failed = bucket.put("key", Upload::of("x"), Condition::Always).await.unwrap_err();
    assert_eq!(
        crate::error::chain(&failed),
        "cannot store `key`: the bucket did not answer as it should: \
         the server answered 400 Bad Request: InvalidRequest: No"
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let settings = S3Settings {
        endpoint_url: Some(format!("http://{nobody}")),
        anonymous: true,
        retry: RetryBudget { tries_max: 1, time_max: Duration::from_secs(20) },
        ..S3Settings::new("bucket")
    };
    let gone = CloudBucket::s3(&settings).unwrap();
    for failed in [gone.head("key").await.unwrap_err(), gone.list(&ListQuery::all("")).await.unwrap_err()] {
        let fault = failed.server_fault().unwrap_or_else(|| panic!("{failed:?}"));
        assert!(
            matches!(fault, ServerFault::Unreachable { reason } if reason.contains("refused")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_server_does_not_send_requests_elsewhere() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/latest/meta-data/iam", target.local_addr().unwrap());
    let (bucket, _) = serve(move |_, mut connection| {
        let moved = format!(
            "HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        async move {
            let _ = connection.write_all(moved.as_bytes()).await;
        }
    })
    .await;
    bucket.head("key").await.unwrap_err();
    bucket.list(&ListQuery::all("")).await.unwrap_err();
    let came = tokio::time::timeout(Duration::from_millis(1), target.accept()).await;
    assert!(came.is_err(), "nothing was asked where the server pointed");
}
