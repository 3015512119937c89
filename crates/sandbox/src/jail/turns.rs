#![expect(unsafe_code, reason = "the kernel's turns have no safe form")]

use std::time::Duration;

/// How long a guest computes before others on the same processor have their turn; the kernel's own choice is about 3 ms. The
/// shortest that Linux takes is 0.1 ms.
const TURN: Duration = Duration::from_micros(500);

/// Asks for short turns on the processor, so that whoever wakes up waits little for guests that compute. Linux before 6.12
/// passes over it.
pub(super) fn take_short_turns() {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default(),
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: rustix::process::getpriority_process(None).unwrap_or_default(),
        sched_priority: 0,
        sched_runtime: u64::try_from(TURN.as_nanos()).unwrap_or_default(),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads as many bytes from the pointer as `size` says, which is those of the value behind it.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}
