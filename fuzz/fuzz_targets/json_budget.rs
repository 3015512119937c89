//! JSON that passes the budget of requests is no deeper than the budget says, by the word of a real parser.
#![no_main]

use casemate_limits::JsonBudget;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let passed = JsonBudget::REQUEST.check(bytes).is_ok();
    if let (true, Ok(value)) = (passed, serde_json::from_slice::<Value>(bytes)) {
        assert!(depth(&value) <= JsonBudget::REQUEST.depth_max);
    }
});

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
