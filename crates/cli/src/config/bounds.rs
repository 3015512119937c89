//! The least and the most of each number. What is outside was not meant: a limit of nothing, or of more than there is
//! anywhere.

use std::ops::RangeInclusive;

use casemate_model::ByteSize;

use super::{ConfigError, Written, bad};

/// A month. What is counted in seconds here is about requests and tasks, not about archives.
const SECONDS_MAX: u64 = 30 * 24 * 3_600;

/// What the largest disks of today hold, some thousand times.
const BYTES_MAX: u64 = 1 << 60;

/// The most that S3 has room for in one object: 50 TiB.
const OBJECT_BYTES_MAX: u64 = 50 << 40;

/// A page of a guest's memory, and what no machine has.
const MEMORY_BYTES: RangeInclusive<u64> = 64 << 10..=1 << 42;

/// Processes; beyond it a machine only changes between them.
const WORKERS_MAX: u64 = 256;

/// Refuses numbers that cannot have been meant.
pub(super) fn check(written: &Written) -> Result<(), ConfigError> {
    let numbers = [
        ("task_seconds_max", written.task_seconds_max, 1..=SECONDS_MAX),
        ("collect_grace_seconds", written.collect_grace_seconds, 1..=SECONDS_MAX),
        ("workers", written.workers as u64, 0..=WORKERS_MAX),
        ("audit_percent", written.audit_percent, 0..=100),
        ("task_keep_days", written.task_keep_days, 0..=36_500),
        ("project_objects_max", written.project_objects_max, 0..=1 << 50),
    ];
    for (key, value, range) in numbers {
        if !range.contains(&value) {
            let expected = format!("a number from {} to {}", range.start(), range.end());
            return Err(bad(key, &value.to_string(), &expected));
        }
    }
    Ok(())
}

/// Reads the size of an object.
pub(super) fn object_bytes(key: &'static str, text: &str) -> Result<u64, ConfigError> {
    within(key, text, 1..=OBJECT_BYTES_MAX)
}

/// Reads a size of what is on a disk.
pub(super) fn disk_bytes(key: &'static str, text: &str) -> Result<u64, ConfigError> {
    within(key, text, 1..=BYTES_MAX)
}

/// Reads a size of memory.
pub(super) fn memory_bytes(key: &'static str, text: &str) -> Result<u64, ConfigError> {
    within(key, text, MEMORY_BYTES)
}

fn within(key: &'static str, text: &str, range: RangeInclusive<u64>) -> Result<u64, ConfigError> {
    let size: ByteSize = text.parse().map_err(|_| bad(key, text, "a size, such as 64MiB"))?;
    if range.contains(&size.as_u64()) {
        return Ok(size.as_u64());
    }
    let [least, most] = [range.start(), range.end()].map(|bytes| ByteSize::bytes(*bytes));
    Err(bad(key, text, &format!("a size from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::resolve;

    #[test]
    fn a_number_at_its_edge_is_taken_and_one_beyond_is_refused_with_what_would_do() {
        let refused = |change: &dyn Fn(&mut Written)| {
            let mut written = Written::default();
            change(&mut written);
            resolve(&written, PathBuf::from("/a")).err().map(|error| error.to_string())
        };
        for (good, bad, said) in [
            (256, 257, "`workers` cannot be `257`: use a number from 0 to 256"),
            (0, usize::MAX, "use a number from 0 to 256"),
        ] {
            assert_eq!(refused(&|written| written.workers = good), None);
            assert!(refused(&|written| written.workers = bad).unwrap().ends_with(said));
        }
        for (good, bad, said) in [
            ("64KiB", "1B", "`task_memory_max` cannot be `1B`: use a size from 64KiB to 4TiB"),
            ("4TiB", "5TiB", "`task_memory_max` cannot be `5TiB`"),
        ] {
            assert_eq!(refused(&|written| written.task_memory_max = good.to_owned()), None);
            let text = refused(&|written| written.task_memory_max = bad.to_owned()).unwrap();
            assert!(text.contains(said), "{text}");
        }
        for change in [
            (&|written: &mut Written| written.object_bytes_max = "51TiB".to_owned()) as &dyn Fn(&mut Written),
            &|written| written.free_bytes_min = "0B".to_owned(),
            &|written| written.project_bytes_max = "2000000TiB".to_owned(),
            &|written| written.task_seconds_max = u64::MAX,
            &|written| written.collect_grace_seconds = 0,
            &|written| written.project_objects_max = u64::MAX,
        ] {
            assert!(refused(change).is_some());
        }
    }
}
