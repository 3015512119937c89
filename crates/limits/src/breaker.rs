//! A circuit breaker, which keeps callers from waiting again and again for something that does not answer.
//!
//! ```text
//!              failures_max within the window                    open_for is over: one probe
//!   closed ───────────────────────────────────> open ─────────────────────────────────────────> half-open
//!     ^                                          ^   the probe fails, or nobody hears of it:        │
//!     │                                          └── open again, twice as long, up to open_max ─────┤
//!     └───────────────────────────── the probe succeeds ────────────────────────────────────────────┘
//! ```

use std::time::Duration;

use casemate_model::Timestamp;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures within the window that open it.
    pub failures_max: u32,
    /// How long failures count.
    pub window: Duration,
    /// How long it stays open at first.
    pub open_for: Duration,
    /// The longest that it stays open before a probe.
    pub open_max: Duration,
    /// From when on a probe that nobody heard of counts as failed.
    pub probe_for: Duration,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// One call passes, to see whether it works again.
    HalfOpen,
    /// Nothing passes.
    Open,
}

/// Leave to make one call, whose outcome is to be told to the breaker that gave it.
#[derive(Debug)]
#[must_use = "the breaker waits for the outcome"]
pub struct Pass {
    /// Calls that began before the breaker changed its state say nothing about what came after.
    era: u64,
}

/// The state machine. It touches nothing, and is told the time.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
    era: u64,
    opened: u64,
}

#[derive(Debug)]
enum Phase {
    Closed { failures: u32, since: Timestamp },
    Open { since: Timestamp, lasting: Duration },
    HalfOpen { since: Timestamp, lasting: Duration },
}

impl Breaker {
    /// A closed breaker.
    ///
    /// # Panics
    /// If no failure is allowed at all, as it could then never close.
    pub fn new(settings: BreakerSettings) -> Self {
        assert!(settings.failures_max > 0, "a breaker opens after a failure");
        Self { settings, phase: Phase::Closed { failures: 0, since: Timestamp::EPOCH }, era: 0, opened: 0 }
    }

    /// Lets a call pass, or not.
    pub fn admit(&mut self, now: Timestamp) -> Option<Pass> {
        match self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { since, lasting } if is_over(since, lasting, now) => self.probe(lasting, now),
            Phase::HalfOpen { since, lasting } if is_over(since, self.settings.probe_for, now) => {
                self.probe(lasting, now);
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => return None,
        }
        Some(Pass { era: self.era })
    }

    /// Hears how a call went.
    pub fn report(&mut self, pass: Pass, succeeded: bool, now: Timestamp) {
        if pass.era != self.era {
            return;
        }
        match (&mut self.phase, succeeded) {
            (Phase::Closed { .. }, true) | (Phase::Open { .. }, _) => {}
            (Phase::Closed { failures, since }, false) => {
                if *failures == 0 || is_over(*since, self.settings.window, now) {
                    (*failures, *since) = (0, now);
                }
                *failures += 1;
                if *failures >= self.settings.failures_max {
                    self.open(self.settings.open_for, now);
                }
            }
            (Phase::HalfOpen { .. }, true) => {
                self.era += 1;
                self.phase = Phase::Closed { failures: 0, since: now };
            }
            (Phase::HalfOpen { lasting, .. }, false) => {
                let lasting = lasting.saturating_mul(2).min(self.settings.open_max);
                self.open(lasting, now);
            }
        }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    fn open(&mut self, lasting: Duration, now: Timestamp) {
        self.era += 1;
        self.opened += 1;
        self.phase = Phase::Open { since: now, lasting };
    }

    fn probe(&mut self, lasting: Duration, now: Timestamp) {
        self.era += 1;
        self.phase = Phase::HalfOpen { since: now, lasting };
    }
}

/// Whether `lasting` has gone by. A clock that was set back does not make anything last longer than that.
fn is_over(since: Timestamp, lasting: Duration, now: Timestamp) -> bool {
    now < since || now.saturating_since(since) >= lasting
}

impl BreakerState {
    /// As a metric says it: 0 closed, 1 half-open, 2 open.
    pub const fn number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        failures_max: 3,
        window: Duration::from_secs(10),
        open_for: Duration::from_secs(1),
        open_max: Duration::from_secs(4),
        probe_for: Duration::from_secs(2),
    };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn call(breaker: &mut Breaker, succeeded: bool, millis: u64) -> bool {
        let pass = breaker.admit(at(millis));
        pass.map(|pass| breaker.report(pass, succeeded, at(millis))).is_some()
    }

    #[test]
    fn it_opens_probes_and_closes() {
        let mut breaker = Breaker::new(SETTINGS);
        for millis in [0, 9_000, 20_000, 21_000] {
            assert!(call(&mut breaker, false, millis), "failures that are long past do not count");
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(call(&mut breaker, false, 22_000));
        assert_eq!((breaker.state(), breaker.opened()), (BreakerState::Open, 1));
        assert!(!call(&mut breaker, true, 22_999));
        let probe = breaker.admit(at(23_000)).expect("a probe");
        assert!(breaker.admit(at(23_000)).is_none(), "one at a time");
        breaker.report(probe, false, at(23_100));
        assert!(!call(&mut breaker, true, 25_000), "twice as long");
        let lost = breaker.admit(at(25_100)).expect("a probe");
        assert!(breaker.admit(at(27_000)).is_none());
        let second = breaker.admit(at(27_100)).expect("the first was never heard of");
        breaker.report(lost, false, at(27_200));
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "it is too late for it");
        breaker.report(second, true, at(27_300));
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(call(&mut breaker, false, 27_400) && call(&mut breaker, true, 27_400), "with a fresh budget");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::new(SETTINGS);
        for _ in 0..3 {
            call(&mut breaker, false, 1_000_000);
        }
        assert!(call(&mut breaker, true, 5));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    proptest! {
        /// Whatever happens: while it is not closed, calls pass at most once per `open_for`; and once what it guards works
        /// again, it closes within the longest pause and one probe.
        #[test]
        fn it_neither_floods_nor_stays_shut(steps in proptest::collection::vec((0_u64..3_000, 0_u8..3), 1..300)) {
            let mut breaker = Breaker::new(SETTINGS);
            let (mut now, mut last_probe) = (1_000, None::<u64>);
            for (wait, outcome) in steps {
                now += wait;
                let was_closed = breaker.state() == BreakerState::Closed;
                let Some(pass) = breaker.admit(at(now)) else { continue };
                if was_closed {
                    last_probe = None;
                } else {
                    prop_assert!(last_probe.is_none_or(|last| now - last >= 1_000));
                    last_probe = Some(now);
                }
                match outcome {
                    // Nobody hears of it.
                    0 => drop(pass),
                    outcome => breaker.report(pass, outcome == 1, at(now)),
                }
            }
            let mut probes = 0;
            let end = now + 4_000;
            while breaker.state() != BreakerState::Closed {
                prop_assert!(now <= end);
                probes += u32::from(call(&mut breaker, true, now));
                now += 100;
            }
            prop_assert!(probes <= 1);
        }
    }
}
