//! How long answers to requests with an idempotency key are kept, and how many.

use std::time::Duration;

use casemate_control::IdempotencyRules;

use super::bounds::disk_bytes;
use super::json::within;
use super::{ConfigError, Written};

pub(super) fn rules(written: &Written) -> Result<IdempotencyRules, ConfigError> {
    let text = &written.idempotency_bytes_max;
    let bytes = disk_bytes("idempotency_bytes_max", text)?;
    let hours = written.idempotency_hours;
    let hours = within("idempotency_hours", hours, hours, 1..=168, "a number from 1 to 168")?;
    let keys = written.idempotency_keys_max;
    let bounds = (1 << 20)..=(1 << 30);
    Ok(IdempotencyRules {
        kept: Duration::from_secs(hours * 60 * 60),
        keys_max: within(
            "idempotency_keys_max",
            keys,
            keys,
            100..=1_000_000,
            "a number from 100 to 1000000",
        )?,
        bytes_max: within("idempotency_bytes_max", text, bytes, bounds, "a size from 1MiB to 1GiB")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_forget_at_once_or_fill_the_disk_is_refused() {
        let refused = |change: fn(&mut Written)| {
            let mut written = Written::default();
            change(&mut written);
            rules(&written).expect_err("out of bounds").to_string()
        };
        assert_eq!(
            refused(|written| written.idempotency_hours = 0),
            "the configuration key `idempotency_hours` cannot be `0`: use a number from 1 to 168"
        );
        assert_eq!(
            refused(|written| written.idempotency_keys_max = 99),
            "the configuration key `idempotency_keys_max` cannot be `99`: use a number from 100 to 1000000"
        );
        assert_eq!(
            refused(|written| written.idempotency_bytes_max = "2GiB".to_owned()),
            "the configuration key `idempotency_bytes_max` cannot be `2GiB`: use a size from 1MiB to 1GiB"
        );
    }
}
