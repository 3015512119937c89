//! The walk over JSON agrees with a real parser about what it counts, whole and in pieces, and says each member once.
#![no_main]

use casemate_limits::{JsonBudget, JsonFault, JsonScanner};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const BUDGET: JsonBudget = JsonBudget {
    bytes_max: 4 << 10,
    depth_max: 6,
    nodes_max: 40,
    keys_max: 6,
    key_bytes_max: 40,
    string_bytes_max: 60,
    number_bytes_max: 20,
};

fuzz_target!(|bytes: &[u8]| {
    let walked = BUDGET.check(bytes);
    let mut scanner = JsonScanner::new(BUDGET);
    let in_pieces = bytes.chunks(3).try_for_each(|piece| scanner.feed(piece));
    assert_eq!(walked, in_pieces);
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    match walked {
        Ok(()) => {
            assert!(depth(&value) <= BUDGET.depth_max && nodes(&value) <= BUDGET.nodes_max);
            assert!(members(&value) <= BUDGET.keys_max);
        }
        Err(refused) if refused.fault == JsonFault::KeyTwice => {
            assert!(value.pointer(&refused.pointer).is_some(), "{}", refused.pointer);
        }
        Err(_) => {}
    }
});

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn depth(value: &Value) -> usize {
    let inside = children(value).into_iter().map(depth).max().unwrap_or(0);
    inside + usize::from(value.is_array() || value.is_object())
}

fn nodes(value: &Value) -> usize {
    1 + children(value).into_iter().map(nodes).sum::<usize>()
}

fn members(value: &Value) -> usize {
    let own = value.as_object().map_or(0, |members| members.len());
    children(value).into_iter().map(members).max().unwrap_or(0).max(own)
}
