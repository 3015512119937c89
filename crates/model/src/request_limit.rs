use crate::KeyId;

/// How many requests a key may send, whatever they are for: `burst` at once, refilled at `per_second`. It counts besides the
/// limits that hold for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimit {
    per_second: u32,
    burst: u32,
}

/// The limit of the key that a caller uses, or that opened the session in use: both count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimit {
    /// The key.
    pub key: KeyId,
    /// What it may send.
    pub limit: RequestLimit,
}

/// Numbers that are no [`RequestLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key's limit is 1 to {max} requests per second and a burst of {least} to {max}, as the costliest request counts as {least}",
    max = RequestLimit::MAX, least = RequestLimit::BURST_MIN
)]
pub struct RequestLimitError;

impl RequestLimit {
    /// The smallest burst: with less, the costliest request would never be allowed.
    pub const BURST_MIN: u32 = 5;
    /// The most of either number.
    pub const MAX: u32 = 1_000_000;

    /// A limit of `burst` at once, refilled at `per_second`.
    pub fn new(per_second: u32, burst: u32) -> Result<Self, RequestLimitError> {
        let good = (1..=Self::MAX).contains(&per_second) && (Self::BURST_MIN..=Self::MAX).contains(&burst);
        if good { Ok(Self { per_second, burst }) } else { Err(RequestLimitError) }
    }

    /// Requests added each second.
    pub fn per_second(self) -> u32 {
        self.per_second
    }

    /// Most requests at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Whether it allows no more than `other` does.
    pub fn is_within(self, other: Self) -> bool {
        self.per_second <= other.per_second && self.burst <= other.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lets_the_costliest_request_through_and_stays_in_bounds() {
        for (per_second, burst, good) in [
            (1, 5, true),
            (1_000_000, 1_000_000, true),
            (0, 5, false),
            (1, 4, false),
            (1_000_001, 5, false),
            (1, 1_000_001, false),
        ] {
            let limit = RequestLimit::new(per_second, burst);
            assert_eq!(
                limit.map(|limit| (limit.per_second(), limit.burst())).ok(),
                good.then_some((per_second, burst))
            );
        }
    }

    #[test]
    fn within_means_in_both_numbers() {
        let limit = |per_second, burst| RequestLimit::new(per_second, burst).unwrap();
        assert!(limit(5, 10).is_within(limit(5, 10)));
        assert!(!limit(6, 10).is_within(limit(5, 10)));
        assert!(!limit(5, 11).is_within(limit(5, 10)));
    }
}
