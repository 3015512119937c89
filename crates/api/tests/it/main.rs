//! The client against servers that misbehave.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use casemate_api::objects::ObjectRef;
use casemate_api::{BaseUrl, Client, ClientError, Event, PageRequest, ProblemCode, Trust, Upload};
use secrecy::SecretString;

/// A client of a server that answers `answer` to one request, and the request that it got.
fn answering(answer: impl Into<Vec<u8>>) -> (Client, std::sync::mpsc::Receiver<String>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (got, request) = std::sync::mpsc::channel();
    let answer = answer.into();
    std::thread::spawn(move || {
        let mut stream = theirs;
        let mut head = [0; 4096];
        let count = stream.read(&mut head).unwrap();
        got.send(String::from_utf8_lossy(&head[..count]).into_owned()).unwrap();
        // A client that has read enough may be gone.
        let _ = stream.write_all(&answer);
    });
    let ours = Arc::new(std::sync::Mutex::new(Some(ours)));
    let connect =
        move || ours.lock().unwrap().take().ok_or_else(|| std::io::Error::other("one connection only"));
    (Client::unix("the socket", Arc::new(connect)), request)
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn object() -> ObjectRef {
    ObjectRef { bucket: "builds".to_owned(), key: "a b/../c".to_owned() }
}

#[tokio::test]
async fn a_request_says_who_and_what() {
    let (client, request) = answering(json("200 OK", "{\"items\":[],\"next\":null}"));
    let client = client.with_project("lab").with_api_key(SecretString::from("secret"));
    let page = PageRequest { limit: Some(7), after: Some("x/y".to_owned()) };
    let listed = client.objects_list("builds", "a b", &page).await.unwrap();
    assert_eq!((listed.items, listed.next), (Vec::new(), None));
    let request = request.recv().unwrap();
    let line = "GET /api/v1/buckets/builds/objects?prefix=a%20b&limit=7&after=x%2Fy HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    for header in ["x-api-key: secret\r\n", "x-casemate-project: lab\r\n", "host: localhost\r\n"] {
        assert!(request.contains(header), "{request}");
    }
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn a_key_cannot_climb() {
    let (client, request) = answering(json("204 No Content", ""));
    client.objects_delete(&object(), None).await.unwrap();
    let line = "DELETE /api/v1/objects/builds/a%20b/%2E%2E/c HTTP/1.1\r\n";
    assert!(request.recv().unwrap().starts_with(line));
}

#[tokio::test]
async fn problems_are_told_from_other_errors() {
    let problem = "{\"type\":\"about:blank\",\"title\":\"t\",\"status\":409,\"code\":\"name_taken\",\
                   \"detail\":\"the name is taken\",\"request\":\"req_1\",\"later\":true}";
    let (client, _request) = answering(json("409 Conflict", problem));
    match client.names_show("a").await {
        Err(ClientError::Problem(problem)) => assert_eq!(problem.code, ProblemCode::NameTaken),
        other => panic!("{other:?}"),
    }
    let (client, _request) = answering(json("502 Bad Gateway", "<h1>\n\u{1b}[2Jno upstream</h1>"));
    match client.names_show("a").await {
        Err(ClientError::Foreign { status: 502, excerpt }) => assert_eq!(excerpt, "<h1> [2Jno upstream</h1>"),
        other => panic!("{other:?}"),
    }
    let (client, _request) = answering(json("200 OK", "{\"name\":1}"));
    let error = client.names_show("a").await.unwrap_err();
    assert!(matches!(error, ClientError::BadAnswer { operation: "names.show", .. }), "{error:?}");
    assert!(matches!(client.names_show("a").await, Err(ClientError::Unreachable { .. })));
}

/// The key of a request, as it was sent.
fn idempotency_key(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_makes_something_is_sent_again_under_its_key() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let made = "{\"bucket\":\"a\",\"objects\":0,\"size_bytes\":0,\"versions\":0,\"version_bytes\":0,\
                \"versioning\":\"off\",\"lifecycle\":[],\"created\":\"2026-01-01T00:00:00Z\",\"measured\":null}";
    let in_flight = "{\"type\":\"about:blank\",\"title\":\"x\",\"status\":409,\"code\":\"idempotency_in_flight\",\
                     \"detail\":\"x\",\"request\":\"req_1\"}";
    let answers = ["".to_owned(), json("409 Conflict", in_flight), json("201 Created", made)];
    let answers = std::sync::Mutex::new(answers.into_iter());
    let (got, requests) = std::sync::mpsc::channel();
    // The node is a task of the same runtime: time stands still until both sides have done what they can.
    let runtime = tokio::runtime::Handle::current();
    let connect = move || {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        let (answer, got) = (answers.lock().unwrap().next().unwrap(), got.clone());
        runtime.spawn(async move {
            let mut theirs = tokio::net::UnixStream::from_std(theirs).unwrap();
            let mut head = [0; 4096];
            let count = theirs.read(&mut head).await.unwrap();
            got.send(String::from_utf8_lossy(&head[..count]).into_owned()).unwrap();
            theirs.write_all(answer.as_bytes()).await.unwrap();
        });
        Ok(ours)
    };
    let client = Client::unix("the socket", Arc::new(connect));
    let bucket = casemate_api::objects::CreateBucket { bucket: "a".to_owned(), versioning: None };
    assert_eq!(client.buckets_create(&bucket).await.unwrap().bucket, "a");
    let requests: Vec<String> = requests.try_iter().collect();
    let keys: Vec<_> = requests.iter().map(|request| idempotency_key(request)).collect();
    assert_eq!((keys.len(), keys[0].len()), (3, 34));
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn answers_are_bounded_and_whole() {
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 17 << 20]].concat();
    let (client, _request) = answering(endless);
    let error = client.names_show("a").await.unwrap_err();
    assert!(matches!(error, ClientError::AnswerTooLong { .. }), "{error:?}");
    let (client, _request) = answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let mut download = client.objects_get(&object(), None).await.unwrap();
    assert_eq!(download.chunk().await.unwrap().unwrap(), "abc");
    let error = download.chunk().await.unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_failing_node_still_says_how_it_is() {
    let health = "{\"status\":\"failing\",\"version\":\"1\",\"checks\":[]}";
    let (client, _request) = answering(json("503 Service Unavailable", health));
    assert_eq!(client.node_health().await.unwrap().status.as_str(), "failing");
}

#[tokio::test]
async fn an_upload_whose_source_fails_says_so() {
    let (client, _request) = answering("");
    let stream = futures_util::stream::iter([Ok("a".into()), Err(std::io::Error::other("the disk is gone"))]);
    let sent = client.objects_put(&object(), "text/plain", None, Upload::stream(None, stream)).await;
    match sent {
        Err(ClientError::Source { source }) => assert_eq!(source.to_string(), "the disk is gone"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let client = Client::remote(url, Trust::in_authorities([]), None);
    let error = client.tasks_show("tsk_1", Duration::from_secs(30)).await.unwrap_err();
    match error {
        ClientError::TimedOut { after, .. } => assert!(after <= Duration::from_secs(90), "{after:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_come_one_by_one() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
                  : hello\n\nid: 7\nevent: log\ndata: {\"size\":4}\n\nid: 8\nevent: later\ndata: {}\n\n\
                  id: 9\nevent: reset\ndata:\n\n";
    let (client, request) = answering(stream);
    let mut events = client.node_events(Some("6")).await.unwrap();
    assert!(request.recv().unwrap().contains("last-event-id: 6\r\n"));
    assert!(matches!(events.next().await.unwrap(), Some(Event::Log(log)) if log.size == 4));
    assert_eq!(events.last_id(), Some("7"));
    assert_eq!(events.next().await.unwrap(), Some(Event::Reset));
    assert_eq!(events.next().await.unwrap(), None);
}
