use casemate_model::Timestamp;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

/// The longest pattern and the longest name of a zone.
const TEXT_BYTES_MAX: usize = 128;

/// At which times something is done: a pattern as cron has them, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    pattern: String,
    zone: String,
}

/// Text that makes no [`Timetable`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// The pattern is none.
    #[error(
        "`{pattern}` is no pattern of cron ({reason}): use five fields, or six with seconds first, such as `0 3 * * *`"
    )]
    Pattern {
        /// What it is.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such zone.
    #[error("there is no time zone `{0}`: use a name such as Europe/Vienna, or UTC")]
    Zone(String),
    /// No time fits the pattern.
    #[error("no time fits `{0}`")]
    Never(String),
}

impl Timetable {
    /// Takes a pattern of five fields (minute, hour, day of the month, month, day of the week) or six (seconds first), and
    /// the name of a zone from the IANA time zone database.
    pub fn new(pattern: &str, zone: &str) -> Result<Self, TimetableError> {
        let timetable = Self::stored(pattern.to_owned(), zone.to_owned());
        timetable.read()?;
        Ok(timetable)
    }

    /// One that was taken before. Whether this machine knows its zone is seen when it is asked for a time.
    pub const fn stored(pattern: String, zone: String) -> Self {
        Self { pattern, zone }
    }

    fn read(&self) -> Result<(Cron, TimeZone), TimetableError> {
        let shown = |text: &str| text.chars().take(TEXT_BYTES_MAX).collect::<String>();
        let bad_pattern = |reason: &str| TimetableError::Pattern {
            pattern: shown(&self.pattern).escape_debug().to_string(),
            reason: reason.to_owned(),
        };
        if self.pattern.len() > TEXT_BYTES_MAX || self.pattern.chars().any(char::is_control) {
            return Err(bad_pattern("it is too long, or has control characters"));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(&self.pattern);
        let cron = cron.map_err(|error| bad_pattern(&plainly(&error.to_string())))?;
        let known = (self.zone.len() <= TEXT_BYTES_MAX).then(|| TimeZone::get(&self.zone).ok()).flatten();
        Ok((cron, known.ok_or_else(|| TimetableError::Zone(shown(&self.zone)))?))
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The zone.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The first time after `time`; an error if there is none. A time that a zone leaves out when its clocks are put forward
    /// comes when they have been, and one that it has twice comes once, unless the pattern says `*` or `/` of its hour.
    pub fn next_after(&self, time: Timestamp) -> Result<Timestamp, TimetableError> {
        let never = || TimetableError::Never(self.pattern.clone());
        let (cron, zone) = self.read()?;
        let millis = i64::try_from(time.as_millis()).map_err(|_| never())?;
        let now = jiff::Timestamp::from_millisecond(millis).map_err(|_| never())?;
        let next = cron.find_next_occurrence(&now.to_zoned(zone), false);
        let millis = next.map_err(|_| never())?.timestamp().as_millisecond();
        u64::try_from(millis).ok().and_then(|millis| Timestamp::from_millis(millis).ok()).ok_or_else(never)
    }
}

/// The parser's word for what is wrong, without its names for its own parts.
fn plainly(error: &str) -> String {
    let text = error.rsplit(": ").next().unwrap_or(error).trim_end_matches('.');
    let text = text.replace("CronPattern", "it");
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pattern: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let timetable = Timetable::new(pattern, zone).expect("a timetable");
        let mut time: Timestamp = from.parse().expect("a time");
        let mut found = Vec::new();
        for _ in 0..count {
            time = timetable.next_after(time).expect("there is a next time");
            found.push(time.to_string());
        }
        found
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert_eq!(
            times("0 3 * * *", "Europe/Vienna", "2026-11-22T01:00:00Z", 2),
            ["2026-11-22T02:00:00.000Z", "2026-11-23T02:00:00.000Z"]
        );
        assert_eq!(
            times("*/20 * * * * *", "UTC", "2026-11-22T01:00:00.500Z", 3),
            ["2026-11-22T01:00:20.000Z", "2026-11-22T01:00:40.000Z", "2026-11-22T01:01:00.000Z"]
        );
        assert_eq!(times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00.000Z"]);
    }

    #[test]
    fn a_daily_time_comes_once_a_day_when_clocks_change() {
        // 2:30 is left out on 29 March 2026 in Vienna, and is there twice on 25 October.
        let spring = times("30 2 * * *", "Europe/Vienna", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
        let autumn = times("30 2 * * *", "Europe/Vienna", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
    }

    #[test]
    fn what_is_no_timetable_is_said_to_be_none() {
        for bad in ["", "x", "* * * *", "60 * * * *", "* * * * * * *", "* * * * *\n", &"* ".repeat(100)] {
            let refused = Timetable::new(bad, "UTC");
            assert!(matches!(refused, Err(TimetableError::Pattern { .. })), "{bad}: {refused:?}");
        }
        for bad in ["", "Vienna", "../../etc/passwd", "/etc/passwd", &"x".repeat(1_000)] {
            let refused = Timetable::new("0 3 * * *", bad);
            assert!(matches!(refused, Err(TimetableError::Zone(_))), "{bad}: {refused:?}");
        }
        let never =
            Timetable::new("0 0 30 2 *", "UTC").map(|timetable| timetable.next_after(Timestamp::EPOCH));
        assert!(!matches!(never, Ok(Ok(_))), "there is no 30 February: {never:?}");
    }
}
