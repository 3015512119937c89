use std::time::Duration;

use casemate_model::{Entropy, Timestamp};

use crate::{Answer, PauseReason, SendError};

/// How long after each attempt the next one comes: the schedule of the Standard Webhooks specification 1.0.0, "Deliverability
/// and reliability". The last attempt is about 75 hours after the first.
const LADDER: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(14 * 60 * 60),
    Duration::from_secs(20 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// The most by which a wait is longer than its step, as a part of it: what failed together is not tried together again.
const JITTER: f64 = 0.2;

/// The longest that a receiver is left in peace because it asked for it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a webhook may do nothing but fail before it is paused. Shorter than the ladder takes with all its steps, so
/// that a receiver that is gone is noticed by one delivery.
pub const FAILING_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The receiver has it.
    Delivered,
    /// It is tried again, not before this time.
    Again {
        /// When.
        due: Timestamp,
        /// Until when the receiver wants nothing at all, if it said so.
        hold: Option<Timestamp>,
    },
    /// It is not tried again.
    GiveUp,
    /// It is not tried again, and nothing else is sent there either.
    Pause(PauseReason),
}

/// Decides what comes after the attempt number `attempts` at `now`; `failing` is since when the webhook has only failed.
pub fn next(
    outcome: &Result<Answer, SendError>,
    attempts: u32,
    failing: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Next {
    let answer = match outcome {
        Ok(answer) if answer.is_success() => return Next::Delivered,
        Ok(answer) if answer.status == 410 => return Next::Pause(PauseReason::Gone),
        Ok(answer) => Some(answer),
        Err(_) => None,
    };
    if failing.is_some_and(|since| now.saturating_since(since) >= FAILING_MAX) {
        return Next::Pause(PauseReason::Failing);
    }
    let Some(step) = LADDER.get(attempts.saturating_sub(1) as usize) else {
        return Next::GiveUp;
    };
    let hold = answer
        .and_then(|answer| answer.retry_after)
        .map(|wait| now.saturating_add(wait.min(RETRY_AFTER_MAX)));
    let due = now.saturating_add(step.mul_f64(1.0 + JITTER * fraction(entropy)));
    Next::Again { due: hold.map_or(due, |hold| due.max(hold)), hold }
}

/// Reads `Retry-After`: seconds, or a date, of which only the distance from `now` counts. What is neither counts for
/// nothing.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs));
    }
    Some(http_date(text)?.saturating_since(now))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that senders may write (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

/// A number from 0 up to 1.
fn fraction(entropy: &dyn Entropy) -> f64 {
    let mut bytes = [0; 2];
    entropy.fill(&mut bytes);
    f64::from(u16::from_be_bytes(bytes)) / 65_536.0
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).unwrap()
    }

    fn answered(status: u16) -> Result<Answer, SendError> {
        Ok(Answer { status, retry_after: None })
    }

    fn after(
        outcome: &Result<Answer, SendError>,
        attempts: u32,
        failing: Option<Timestamp>,
        now: u64,
    ) -> Next {
        next(outcome, attempts, failing, at(now), &CountingEntropy::default())
    }

    #[test]
    fn attempts_come_later_each_time_until_three_days_are_over() {
        let (mut now, mut attempts) = (at(0), 1);
        while let Next::Again { due, hold: None } =
            next(&answered(500), attempts, None, now, &CountingEntropy::default())
        {
            assert!(due > now);
            (now, attempts) = (due, attempts + 1);
        }
        assert_eq!(attempts, 10, "nine times after the first");
        let hours = now.as_millis() / 3_600_000;
        assert!((75..=91).contains(&hours), "{hours}");
        assert_eq!(after(&answered(200), 3, None, 9), Next::Delivered);
        assert_eq!(after(&answered(410), 1, None, 9), Next::Pause(PauseReason::Gone));
        assert_eq!(after(&Err(SendError::TimedOut), 10, None, 9), Next::GiveUp);
        for status in [100, 199, 300, 302, 307, 404] {
            assert!(matches!(after(&answered(status), 1, None, 9), Next::Again { .. }), "{status}");
        }
    }

    #[test]
    fn days_of_failures_pause_a_webhook_within_the_ladder() {
        let days = FAILING_MAX.as_secs();
        let failing = Some(at(0));
        assert!(matches!(after(&Err(SendError::TimedOut), 1, failing, days - 1), Next::Again { .. }));
        assert_eq!(after(&answered(500), 1, failing, days), Next::Pause(PauseReason::Failing));
        assert!(LADDER.iter().sum::<Duration>() > FAILING_MAX, "one delivery alone shows it");
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_bounds() {
        let busy = |wait| Ok(Answer { status: 429, retry_after: Some(Duration::from_secs(wait)) });
        let held = |next| match next {
            Next::Again { due, hold } => (due, hold.unwrap()),
            other => panic!("{other:?}"),
        };
        assert_eq!(held(after(&busy(100), 1, None, 0)), (at(100), at(100)));
        let (due, hold) = held(after(&busy(1), 1, None, 0));
        assert!(due >= at(5) && hold == at(1), "the ladder's step is longer");
        assert_eq!(held(after(&busy(u64::MAX), 1, None, 0)).1, at(24 * 3_600));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |text| retry_after(text, at(784_111_770)).map(|wait| wait.as_secs());
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(read("99999999999999999999"), Some(24 * 3_600));
        for text in ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_date_of_a_stranger_breaks_the_reader(text in "\\PC{0,40}") {
            retry_after(&text, at(5));
        }
    }
}
