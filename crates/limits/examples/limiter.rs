//! Measures what one check of a limit costs.
//!
//! ```console
//! cargo run --release -p casemate-limits --example limiter
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement: it has its own clock, and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use casemate_limits::{Quota, TokenBuckets};
use casemate_model::Timestamp;

const CHECKS: u64 = 4_000_000;
const ROUNDS: usize = 5;
const QUOTA: Quota = Quota { per_second: 1_000, burst: 2_000 };

/// What a check must cost less than.
const TARGET_NS: f64 = 300.0;

fn main() {
    println!("| keys | threads | ns per check (median of {ROUNDS}) | best | worst | under {TARGET_NS} ns |");
    println!("|---|---|---|---|---|---|");
    for (keys, threads) in [(1, 1), (1_000, 1), (1_000_000, 1), (1_000_000, 2)] {
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round(keys, threads)).collect();
        rounds.sort_by(f64::total_cmp);
        let (best, median, worst) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        let met = if median < TARGET_NS { "yes" } else { "no" };
        println!("| {keys} | {threads} | {median:.0} | {best:.0} | {worst:.0} | {met} |");
    }
}

/// Nanoseconds per check of one thread, with keys in an order that no cache foresees.
fn round(keys: u64, threads: u64) -> f64 {
    let buckets = TokenBuckets::new(1 << 19);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let buckets = &buckets;
            scope.spawn(move || {
                let mut state = 0x9e37_79b9_7f4a_7c15 ^ (thread + 1);
                for check in 0..CHECKS {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let now = Timestamp::from_millis(1_800_000_000_000 + check / 1_000).expect("in range");
                    black_box(buckets.take(&(state % keys), QUOTA, 1, now));
                }
            });
        }
    });
    began.elapsed().as_nanos() as f64 / CHECKS as f64
}
