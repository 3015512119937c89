//! Clocks of nodes and of the database that they share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casemate_model::test_support::ManualClock;
use casemate_model::{Clock, Timestamp};

use crate::context::{Context, run, with_postgres};

/// A clock that runs with the machine's, so many seconds off.
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let millis = i64::try_from(now.as_millis()).unwrap() + self.0 * 1_000;
        Timestamp::from_millis(u64::try_from(millis).unwrap()).unwrap()
    }
}

#[test]
fn a_clock_that_is_off_is_measured_by_that_of_the_server() {
    with_postgres(|server| async move {
        let context = Context::postgres(server.fresh_database().await).await;
        for off in [0, 20, -20] {
            let ahead_ms = context.store.clock_ahead_ms(&Off(off)).await.unwrap().unwrap();
            let error_ms = ahead_ms + off * 1_000;
            assert!(error_ms.unsigned_abs() < 2_000, "off by {off} s, measured {ahead_ms} ms");
        }
    });
}

#[test]
fn a_file_has_no_clock_of_its_own() {
    run(async {
        let clock = Arc::new(ManualClock::new());
        clock.advance(Duration::from_secs(1));
        assert_eq!(Context::sqlite().await.store.clock_ahead_ms(&*clock).await.unwrap(), None);
    });
}
