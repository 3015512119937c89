//! A worker that was taken over talks to the node.

use casemate_model::Outcome;

use crate::commands::CAT;
use crate::node::{Node, job};

/// Runs one honest job with a worker that misbehaves in `manner`, twice. Returns what came of it.
async fn run_with(manner: &str) -> [Outcome; 2] {
    // Compilers start through the same link and are honest.
    let node = Node::start_through_link(&format!("hostile-{manner}")).await;
    let first = node.run(job(CAT)).await;
    assert_eq!(first.stdout, b"", "{manner}");
    let second = node.run(job(CAT)).await;
    [first.outcome, second.outcome]
}

#[tokio::test]
async fn what_a_hostile_worker_sends_is_an_engine_failure() {
    let cases = [
        ("garbage", "unknown frame kind 170"),
        ("oversize", "frame of 4294967295 bytes"),
        ("ungranted", "sent File out of turn"),
        ("liar", "report makes no sense"),
        ("gone", "the worker ended during the run"),
    ];
    for (manner, expected) in cases {
        for outcome in run_with(manner).await {
            match outcome {
                Outcome::EngineFailed(text) => assert!(text.contains(expected), "{manner}: {text}"),
                other => panic!("{manner}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn a_flood_ends_at_the_limit() {
    let node = Node::start_through_link("hostile-flood").await;
    let limits = job(CAT).limits;
    let report = node.run(job(CAT)).await;
    let expected = "the worker sent more than the output limit".to_owned();
    assert_eq!(report.outcome, Outcome::EngineFailed(expected));
    assert!(report.stdout.len() as u64 <= limits.output_bytes);
}
