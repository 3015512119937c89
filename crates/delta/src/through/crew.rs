//! Two threads for work that falls into pieces.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Work lighter than this, in bytes, is not worth a second thread.
const WEIGHT_MIN: usize = 512 << 10;

/// Does every job, the heavy ones first, and answers in the order of the jobs. Each thread has a state of its own, which
/// jobs may leave something in for the next.
pub(crate) fn run<J: Sync, S, R: Send>(
    jobs: &[J],
    weight: impl Fn(&J) -> usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &J) -> R + Sync,
) -> Vec<R> {
    let total: usize = jobs.iter().map(&weight).fold(0, usize::saturating_add);
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|job| std::cmp::Reverse(weight(&jobs[*job])));
    let next = AtomicUsize::new(0);
    let share = || {
        let mut state = state();
        let mut done = Vec::new();
        while let Some(&job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((job, work(&mut state, &jobs[job])));
        }
        done
    };
    let mut done = if jobs.len() < 2 || total < WEIGHT_MIN {
        share()
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(share);
            let mut done = share();
            match other.join() {
                Ok(others) => done.extend(others),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            done
        })
    };
    done.sort_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}
