use std::fmt;
use std::str::FromStr;

/// Which versions of a function answer, and how many of a hundred requests each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(Vec<(u32, u8)>);

/// What is no [`Route`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Text of another form.
    #[error("a route is versions with their percents, such as 3=90 4=10")]
    Form,
    /// Too many versions, or one twice.
    #[error("a route has 1 to {VERSIONS_MAX} versions, each once and with at least 1 percent")]
    Versions,
    /// A part that is no percent.
    #[error("a version answers 1 to 100 percent")]
    Percent,
    /// The percents do not make a whole.
    #[error("the percents of a route make {0} together, not 100")]
    Sum(u32),
}

/// Most versions that answer at once.
const VERSIONS_MAX: usize = 8;

impl Route {
    /// Every request to one version.
    pub fn only(version: u32) -> Self {
        Self(vec![(version, 100)])
    }

    /// Requests by percent.
    pub fn new(mut parts: Vec<(u32, u8)>) -> Result<Self, RouteError> {
        parts.sort_unstable();
        let distinct = parts.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let fits = (1..=VERSIONS_MAX).contains(&parts.len()) && parts.iter().all(|(_, percent)| *percent > 0);
        if !distinct || !fits {
            return Err(RouteError::Versions);
        }
        match parts.iter().map(|(_, percent)| u32::from(*percent)).sum() {
            100 => Ok(Self(parts)),
            sum => Err(RouteError::Sum(sum)),
        }
    }

    /// The same route with `percent` of all requests to another version, taken from the others in proportion.
    pub fn with_canary(&self, version: u32, percent: u8) -> Result<Self, RouteError> {
        let rest = 100_u8.checked_sub(percent).filter(|_| percent > 0).ok_or(RouteError::Percent)?;
        let others: Vec<_> = self.0.iter().filter(|(other, _)| *other != version).copied().collect();
        if rest == 0 || others.is_empty() {
            return Ok(Self::only(version));
        }
        let all: u32 = others.iter().map(|(_, percent)| u32::from(*percent)).sum();
        let (mut parts, mut left) = (vec![(version, percent)], rest);
        for (at, (other, share)) in others.iter().enumerate() {
            let last = at + 1 == others.len();
            let scaled = u32::from(*share) * u32::from(rest) / all;
            let share = if last { left } else { u8::try_from(scaled).unwrap_or(left).min(left) };
            left -= share;
            if share > 0 {
                parts.push((*other, share));
            }
        }
        Self::new(parts)
    }

    /// Versions and percents, by version.
    pub fn parts(&self) -> &[(u32, u8)] {
        &self.0
    }

    /// The version that has most of the requests; of equal ones the newest.
    pub fn main(&self) -> u32 {
        self.0.iter().max_by_key(|(_, percent)| *percent).map_or(0, |(version, _)| *version)
    }

    /// The newest of the versions that answer.
    pub fn newest(&self) -> u32 {
        self.0.iter().map(|(version, _)| *version).max().unwrap_or_default()
    }

    /// The version that answers, from a number by chance.
    pub fn choose(&self, random: u64) -> u32 {
        let mut point = u8::try_from(random % 100).unwrap_or(0);
        for (version, percent) in &self.0 {
            match point.checked_sub(*percent) {
                Some(left) => point = left,
                None => return *version,
            }
        }
        self.main()
    }
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(' ').filter(|part| !part.is_empty()).map(|part| {
            let (version, percent) = part.split_once('=').ok_or(RouteError::Form)?;
            let version = version.parse().map_err(|_| RouteError::Form)?;
            Ok((version, percent.parse().map_err(|_| RouteError::Form)?))
        });
        Self::new(parts.collect::<Result<_, _>>()?)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(version, percent)| format!("{version}={percent}")).collect();
        f.pad(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_goes_there_and_back_and_what_makes_no_whole_is_refused() {
        let route: Route = "4=10 3=90".parse().unwrap();
        assert_eq!((route.to_string(), route.main()), ("3=90 4=10".to_owned(), 3));
        for (text, error) in [
            ("", RouteError::Versions),
            ("3", RouteError::Form),
            ("3=a", RouteError::Form),
            ("3=90", RouteError::Sum(90)),
            ("3=50 3=50", RouteError::Versions),
            ("3=100 4=0", RouteError::Versions),
            ("3=90 4=20", RouteError::Sum(110)),
        ] {
            assert_eq!(text.parse::<Route>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_canary_takes_from_the_others_in_proportion() {
        let after = |route: &str, version, percent| {
            route.parse::<Route>().unwrap().with_canary(version, percent).map(|route| route.to_string())
        };
        assert_eq!(after("3=100", 4, 10), Ok("3=90 4=10".to_owned()));
        assert_eq!(after("3=90 4=10", 5, 50), Ok("3=45 4=5 5=50".to_owned()));
        assert_eq!(after("3=90 4=10", 4, 50), Ok("3=50 4=50".to_owned()));
        assert_eq!(after("3=90 4=10", 4, 100), Ok("4=100".to_owned()));
        assert_eq!(after("3=100", 4, 0), Err(RouteError::Percent));
        assert_eq!(after("3=100", 4, 101), Err(RouteError::Percent));
    }

    proptest! {
        #[test]
        fn every_hundred_numbers_make_the_percents(percent in 1u8..100, start: u32) {
            let route = Route::only(1).with_canary(2, percent).unwrap();
            let chosen = (0..100).filter(|at| route.choose(u64::from(start) + at) == 2).count();
            prop_assert_eq!(chosen, usize::from(percent));
        }

        #[test]
        fn a_canary_always_makes_a_route(percents in prop::collection::vec(1u8..100, 1..7), canary in 1u8..=100) {
            let mut route = Route::only(1);
            for (at, percent) in percents.iter().enumerate() {
                route = route.with_canary(u32::try_from(at).unwrap() + 2, *percent).unwrap();
            }
            let route = route.with_canary(99, canary).unwrap();
            prop_assert_eq!(route.parts().iter().map(|(_, percent)| u32::from(*percent)).sum::<u32>(), 100);
        }
    }
}
