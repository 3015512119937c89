//! Components that answer HTTP requests: `edge.c` among the examples, each path one thing that it does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use casemate_model::{LimitKind, Outcome, RunLimits, TrapKind};
use casemate_sandbox::{Answer, Job, NoOutbound, Outbound, OutboundError, RunReport, Serving};
use http::{Request, Response};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::node::{Node, job, job_of, sealed};

/// What came of one request.
struct Got {
    report: RunReport,
    head: Option<Response<()>>,
    body: Vec<u8>,
}

impl Got {
    fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.status().as_u16())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn edge() -> Vec<u8> {
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_casemate-sandbox-worker")).parent().unwrap();
    std::fs::read(directory.with_file_name("guests").join("edge.wasm"))
        .expect("the guests are built: `cargo xtask guests`")
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("http://edge.localhost{path}")).body(()).unwrap()
}

async fn answer(node: &Node, job: Job, request: Request<()>, outbound: Arc<dyn Outbound>) -> Got {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let serving = Serving { request, answer: sender, outbound };
    let report = node.run(Job { serving: Some(serving), ..job }).await;
    let mut got = Got { report, head: None, body: Vec::new() };
    while let Some(piece) = receiver.recv().await {
        match piece {
            Answer::Head(head) => assert!(got.head.replace(head).is_none()),
            Answer::Body(bytes) => got.body.extend_from_slice(&bytes),
        }
    }
    got
}

async fn get(node: &Node, path: &str) -> Got {
    answer(node, job_of(&edge()), request(path), Arc::new(NoOutbound)).await
}

#[tokio::test]
async fn a_request_is_answered_by_a_new_instance_each_time() {
    let node = Node::start().await;
    for _ in 0..3 {
        let got = get(&node, "/hello").await;
        assert_eq!(
            (&got.report.outcome, got.status(), got.text()),
            (&Outcome::Exited(0), Some(200), "hello\n")
        );
        assert!(got.report.usage.fuel > 0 && got.report.usage.output_bytes == 6, "{:?}", got.report.usage);
    }
    // The other waits for another project.
    assert!(node.sandbox.figures().workers_started <= 2, "one worker answered all three");
}

#[tokio::test]
async fn head_and_body_reach_the_guest_as_they_are() {
    let node = Node::start().await;
    let asked = Request::put("https://edge.example/request?a=b%20c")
        .header("x-bytes", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
        .body(())
        .unwrap();
    let got = answer(&node, job_of(&edge()), asked, Arc::new(NoOutbound)).await;
    assert_eq!(got.body, b"PUT\n/request?a=b%20c\nedge.example\nx-bytes: caf\xe9\n");

    let body: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    let echo = Job { stdin: Some(sealed(&body)), ..job_of(&edge()) };
    let got = answer(&node, echo, request("/echo"), Arc::new(NoOutbound)).await;
    assert!(got.report.outcome == Outcome::Exited(0) && got.body == body, "{:?}", got.report.outcome);

    let greeting = Job { env: vec![("GREETING".to_owned(), "salve".to_owned())], ..job_of(&edge()) };
    let got = answer(&node, greeting, request("/env"), Arc::new(NoOutbound)).await;
    assert_eq!(got.text(), "salve");
}

#[tokio::test]
async fn both_output_streams_are_the_log() {
    let node = Node::start().await;
    let got = get(&node, "/log").await;
    assert_eq!(got.text(), "logged\n");
    assert_eq!(got.report.stderr, b"to standard output\nto standard error\n");
    assert_eq!(got.report.stdout, b"");
}

/// Notes what it is asked for, and answers or fails.
struct Recorder {
    asked: Mutex<Vec<String>>,
    answer: Result<Vec<u8>, OutboundError>,
}

#[async_trait]
impl Outbound for Recorder {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        self.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let body = self.answer.clone()?;
        Ok(Response::builder().status(201).body(body.into()).unwrap())
    }
}

#[tokio::test]
async fn what_a_guest_asks_others_for_is_sent_by_the_node() {
    let node = Node::start().await;
    let body = vec![b'x'; 200_000];
    let recorder = Arc::new(Recorder { asked: Mutex::default(), answer: Ok(body.clone()) });
    for _ in 0..2 {
        let asked = request("/fetch?https://other.example/a?b=c");
        let got = answer(&node, job_of(&edge()), asked, recorder.clone()).await;
        assert_eq!((&got.report.outcome, got.status()), (&Outcome::Exited(0), Some(201)));
        assert!(got.body == body);
    }
    assert_eq!(*recorder.asked.lock().unwrap(), ["GET https://other.example/a?b=c"; 2]);
    assert!(node.sandbox.figures().workers_started <= 2, "a worker that asked others is as good as before");

    let denied = get(&node, "/fetch?http://10.0.0.1/").await;
    assert_eq!(denied.status(), Some(502), "{}", denied.text());
    let refused = Recorder { asked: Mutex::default(), answer: Err(OutboundError::Prohibited) };
    let refused = answer(&node, job_of(&edge()), request("/fetch?http://a/"), Arc::new(refused)).await;
    assert_ne!(refused.text(), denied.text(), "a guest is told which it was");
}

/// Never answers.
struct Silent;

#[async_trait]
impl Outbound for Silent {
    async fn send(&self, _request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn hostile_functions_end_at_their_limits() {
    let node = Node::start().await;
    let soon = || Job { deadline: Instant::now() + Duration::from_millis(300), ..job_of(&edge()) };
    for path in ["/spin", "/sleep", "/fetch?http://a/"] {
        let got = answer(&node, soon(), request(path), Arc::new(Silent)).await;
        assert_eq!(got.report.outcome, Outcome::LimitReached(LimitKind::Wall), "{path}");
        assert_eq!(got.status(), None);
    }
    let grown = get(&node, "/grow").await;
    assert_eq!(grown.report.outcome, Outcome::LimitReached(LimitKind::Memory));
    let limits = RunLimits { output_bytes: 100_000, ..RunLimits::DEFAULT };
    let flood = Job { limits, ..job_of(&edge()) };
    let flooded = answer(&node, flood, request("/flood"), Arc::new(NoOutbound)).await;
    assert_eq!(flooded.report.outcome, Outcome::LimitReached(LimitKind::Output));
    assert_eq!((flooded.status(), flooded.body.len()), (Some(200), 100_000));
    assert_eq!(get(&node, "/trap").await.report.outcome, Outcome::Trapped(TrapKind::Unreachable));

    // What returns without a whole answer has failed.
    let silent = get(&node, "/silent").await;
    assert_eq!((&silent.report.outcome, silent.status()), (&Outcome::Exited(1), None));
    let half = get(&node, "/half").await;
    assert_eq!((&half.report.outcome, half.text()), (&Outcome::Exited(1), "half of"));
    assert_eq!(get(&node, "/hello").await.text(), "hello\n");
}

#[tokio::test]
async fn a_module_of_the_other_kind_is_refused_before_and_after_it_is_compiled() {
    let node = Node::start().await;
    let refusal = |report: &RunReport| match &report.outcome {
        Outcome::Refused(text) => text.clone(),
        other => panic!("{other}"),
    };
    let command = || job("(module (memory (export \"memory\") 1) (func (export \"_start\")))");
    for compiled in [false, true] {
        let report = node.run(job_of(&edge())).await;
        assert!(refusal(&report).contains("it answers HTTP requests"), "{compiled}: {report:?}");
        let got = answer(&node, command(), request("/"), Arc::new(NoOutbound)).await;
        assert!(refusal(&got.report).contains("exports no wasi:http/incoming-handler"), "{compiled}");
        if !compiled {
            get(&node, "/hello").await;
            node.run(command()).await;
        }
    }
}
