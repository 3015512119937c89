use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Where the time comes from. Faces own a real clock; everything below is handed one.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current wall-clock time.
    fn now(&self) -> Timestamp;
}

/// A moment in UTC, in whole milliseconds from 1970 to [`Timestamp::MAX`] in the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Text or a number that is no [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time between 1970 and 9999, such as 2026-01-31T12:00:00Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-30T22:00:00Z, the last moment that has an RFC 3339 text in every time zone.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// Makes a time from milliseconds since 1970.
    pub fn from_millis(millis: u64) -> Result<Self, TimestampError> {
        if millis > Self::MAX.0 {
            return Err(TimestampError(millis.to_string()));
        }
        Ok(Self(millis))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time `duration` later, or [`Timestamp::MAX`] if that is past it.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// The time `duration` earlier, or the epoch if that is before it.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 with milliseconds, in UTC: `2026-01-31T12:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).expect("at most MAX, which fits");
        let time = jiff::Timestamp::from_millisecond(millis).expect("within the years 1970 to 9999");
        write!(f, "{time:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || TimestampError(text.to_owned());
        let time: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        let millis = u64::try_from(time.as_millisecond()).map_err(|_| bad())?;
        Self::from_millis(millis).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_to_the_millisecond() {
        let time = Timestamp::from_millis(1_769_860_800_123).expect("in range");
        assert_eq!(time.to_string(), "2026-01-31T12:00:00.123Z");
        assert_eq!("2026-01-31T12:00:00.123Z".parse(), Ok(time));
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn times_outside_the_range_are_refused() {
        let past = Timestamp::MAX.as_millis() + 1;
        assert_eq!(Timestamp::from_millis(past), Err(TimestampError(past.to_string())));
        for text in ["1969-12-31T23:59:59Z", "yesterday", ""] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError(text.to_owned())));
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.saturating_since(Timestamp::MAX), Duration::ZERO);
    }
}
