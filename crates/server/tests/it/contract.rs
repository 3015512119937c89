use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Operations that are routes but not part of the document: the document itself, and what scrapers read.
const OUTSIDE_THE_DOCUMENT: [&str; 2] = ["node.describe", "node.metrics"];

/// Routes that share the operation of another route.
const SHARED: [(&str, &str); 26] = [
    ("nodes_work_log", "nodes.work"),
    ("functions_roll_back", "functions.route"),
    ("nodes_work_beat", "nodes.work"),
    ("nodes_work_content", "nodes.work"),
    ("nodes_work_store", "nodes.work"),
    ("nodes_work_hand_in", "nodes.work"),
    ("nodes_work_return", "nodes.work"),
    ("node_live", "node.health"),
    ("node_ready", "node.health"),
    ("tasks_output_stdout", "tasks.output"),
    ("tasks_output_stderr", "tasks.output"),
    ("buckets_samples", "buckets.show"),
    ("buckets_project_samples", "buckets.list"),
    ("buckets_usage", "buckets.list"),
    ("objects_folder", "objects.list"),
    ("objects_graph", "objects.list"),
    ("objects_restore", "objects.put"),
    ("objects_versions", "objects.list"),
    ("sessions_log_in", "sessions.sign_in"),
    ("sessions_passkey_options", "sessions.sign_in"),
    ("users_unblock", "users.block"),
    ("uploads_abort", "objects.put"),
    ("uploads_begin", "objects.put"),
    ("uploads_complete", "objects.put"),
    ("uploads_parts", "objects.put"),
    ("uploads_put_part", "objects.put"),
];

fn document() -> Value {
    serde_json::from_str(&casemate_server::openapi_document()).unwrap()
}

fn operation_ids(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_route_has_an_operation() {
    let mut wanted: BTreeSet<String> = casemate_policy::TABLE
        .iter()
        .filter(|row| !OUTSIDE_THE_DOCUMENT.contains(&row.action))
        .map(|row| row.action.replace('.', "_"))
        .collect();
    for (route, action) in SHARED {
        assert!(casemate_policy::TABLE.iter().any(|row| row.action == action), "{action} is in the table");
        wanted.insert(route.to_owned());
    }
    let served = casemate_server::S3_OPERATIONS.iter().flat_map(|(_, actions)| *actions);
    let only_s3: BTreeSet<String> = served.map(|action| action.replace('.', "_")).collect();
    // Requests to functions are no part of the API.
    wanted.remove("functions_call");
    let found = operation_ids(&document());
    let wanted: BTreeSet<String> =
        wanted.into_iter().filter(|action| found.contains(action) || !only_s3.contains(action)).collect();
    assert_eq!(
        found, wanted,
        "each route needs a row in crates/policy/src/operation.rs, and each row a route in crates/server/src/routes"
    );
}

#[test]
fn the_committed_document_is_current() {
    let path = Path::new("../../openapi/casemate.json");
    let current = casemate_server::openapi_document();
    if std::env::var_os("CASEMATE_UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, current,
        "openapi/casemate.json is not what the routes say: run `CASEMATE_UPDATE_OPENAPI=1 cargo nextest run -p \
         casemate-server contract`, and review the difference"
    );
}

#[test]
fn the_document_carries_the_version() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(casemate_api::VERSION, env!("CARGO_PKG_VERSION"));
    assert!(document()["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn every_refusal_is_described() {
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let described = responses.contains_key("default") || responses.contains_key("503");
            assert!(described, "{method} {path} says what a failure looks like");
        }
    }
}
