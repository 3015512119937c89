//! What a JSON body of a request may hold, within bounds in which the node works and stays safe.

use std::fmt::Display;
use std::ops::RangeInclusive;

use casemate_limits::JsonBudget;

use super::bounds::disk_bytes;
use super::{ConfigError, Written, bad};

pub(super) fn budget(written: &Written) -> Result<JsonBudget, ConfigError> {
    let text = &written.json_bytes_max;
    let expected = "a size from 4KiB to 16MiB";
    let bytes = disk_bytes("json_bytes_max", text)?;
    let bytes_max = within("json_bytes_max", text, bytes, (4 << 10)..=(16 << 20), expected)?;
    let text = &written.json_string_bytes_max;
    let expected = "a size from 1KiB to that of json_bytes_max";
    let bytes = disk_bytes("json_string_bytes_max", text)?;
    let string_bytes_max = within("json_string_bytes_max", text, bytes, (1 << 10)..=bytes_max, expected)?;
    // No body of the API is deeper than 8 levels or has an object of more than 100 members that are not the client's.
    let count = |key, value: u64, bounds: RangeInclusive<u64>| {
        let expected = format!("a number from {} to {}", bounds.start(), bounds.end());
        within(key, value, value, bounds, &expected)
    };
    Ok(JsonBudget {
        bytes_max: in_memory(bytes_max),
        string_bytes_max: in_memory(string_bytes_max),
        depth_max: in_memory(count("json_depth_max", written.json_depth_max, 8..=64)?),
        nodes_max: in_memory(count("json_values_max", written.json_values_max, 1_000..=500_000)?),
        keys_max: in_memory(count("json_members_max", written.json_members_max, 100..=50_000)?),
        ..JsonBudget::REQUEST
    })
}

fn in_memory(number: u64) -> usize {
    usize::try_from(number).expect("the bounds above are far below what a memory holds")
}

/// Takes a value that is within its bounds.
pub(super) fn within(
    key: &'static str,
    text: impl Display,
    value: u64,
    bounds: RangeInclusive<u64>,
    expected: &str,
) -> Result<u64, ConfigError> {
    bounds.contains(&value).then_some(value).ok_or_else(|| bad(key, &text.to_string(), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_budget_of_requests() {
        assert_eq!(budget(&Written::default()).expect("defaults are good"), JsonBudget::REQUEST);
    }

    #[test]
    fn what_no_node_could_work_with_is_refused() {
        let refused = |change: fn(&mut Written)| {
            let mut written = Written::default();
            change(&mut written);
            budget(&written).expect_err("out of bounds").to_string()
        };
        assert_eq!(
            refused(|written| written.json_bytes_max = "1GiB".to_owned()),
            "the configuration key `json_bytes_max` cannot be `1GiB`: use a size from 4KiB to 16MiB"
        );
        assert_eq!(
            refused(|written| written.json_depth_max = 65),
            "the configuration key `json_depth_max` cannot be `65`: use a number from 8 to 64"
        );
        assert_eq!(
            refused(|written| written.json_values_max = 0),
            "the configuration key `json_values_max` cannot be `0`: use a number from 1000 to 500000"
        );
        assert_eq!(
            refused(|written| written.json_members_max = 99),
            "the configuration key `json_members_max` cannot be `99`: use a number from 100 to 50000"
        );
        assert_eq!(
            refused(|written| written.json_string_bytes_max = "1MiB".to_owned()),
            "the configuration key `json_string_bytes_max` cannot be `1MiB`: use a size from 1KiB to that of json_bytes_max"
        );
    }
}
