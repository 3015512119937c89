use super::calls::{bytes, call, number, process, text};
use super::{Attempt, Target};

/// New processes and programs, and other processes.
pub(super) const PROBES: &[(&str, Attempt)] = &[
    ("fork", |_| new_process()),
    ("vfork", |_| vfork()),
    ("clone-process", |_| process(libc::SYS_clone, [number(libc::SIGCHLD), 0, 0, 0, 0])),
    ("clone-thread", |_| {
        let flags = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND;
        process(libc::SYS_clone, [number(flags), 0, 0, 0, 0])
    }),
    ("clone-namespace", |_| {
        process(libc::SYS_clone, [number(libc::CLONE_NEWUSER | libc::SIGCHLD), 0, 0, 0, 0])
    }),
    ("clone3", |_| {
        let mut arguments = [0u64; 11];
        process(libc::SYS_clone3, [bytes(&mut arguments), 88])
    }),
    ("execute", |_| {
        let mut arguments = [text(c"sh"), 0];
        call(libc::SYS_execve, [text(c"/bin/sh"), bytes(&mut arguments), 0])
    }),
    ("execute-at", |_| {
        let mut arguments = [text(c"sh"), 0];
        call(libc::SYS_execveat, [number(libc::AT_FDCWD), text(c"/bin/sh"), bytes(&mut arguments), 0, 0])
    }),
    ("execute-descriptor", |_| {
        let mut arguments = [text(c"x"), 0];
        let flags = number(libc::AT_EMPTY_PATH);
        call(libc::SYS_execveat, [1, text(c""), bytes(&mut arguments), 0, flags])
    }),
    ("memory-file", |_| call(libc::SYS_memfd_create, [text(c"x"), 0])),
    ("secret-memory-file", |_| call(libc::SYS_memfd_secret, [0])),
    ("signal-parent", |target| call(libc::SYS_kill, [target.parent, 0])),
    ("signal-everybody", |_| call(libc::SYS_kill, [number(-1), 0])),
    ("signal-group", |_| call(libc::SYS_kill, [0, 0])),
    ("signal-parent-thread", |target| call(libc::SYS_tgkill, [target.parent, target.parent, 0])),
    ("signal-thread", |target| call(libc::SYS_tkill, [target.parent, 0])),
    ("queue-signal", |target| {
        let mut information = [0u8; 128];
        call(libc::SYS_rt_sigqueueinfo, [target.parent, 0, bytes(&mut information)])
    }),
    ("queue-thread-signal", |target| {
        let mut information = [0u8; 128];
        call(libc::SYS_rt_tgsigqueueinfo, [target.parent, target.parent, 0, bytes(&mut information)])
    }),
    ("open-parent-pidfd", |target| call(libc::SYS_pidfd_open, [target.parent, 0])),
    ("signal-pidfd", |_| call(libc::SYS_pidfd_send_signal, [0, 0, 0, 0])),
    ("take-descriptor", |_| call(libc::SYS_pidfd_getfd, [0, 0, 0])),
    ("timer-signals-parent", |target| {
        // sigev_value, sigev_signo, sigev_notify = SIGEV_THREAD_ID, the thread.
        let mut event = [0u32; 16];
        event[2] = libc::SIGUSR1.cast_unsigned();
        event[3] = 4;
        event[4] = u32::try_from(target.parent).unwrap_or(1);
        let mut timer = 0u64;
        call(libc::SYS_timer_create, [0, bytes(&mut event), bytes(&mut timer)])
    }),
    ("descriptor-signals-parent", |target| call(libc::SYS_fcntl, [1, number(libc::F_SETOWN), target.parent])),
    ("trace-parent", |target| call(libc::SYS_ptrace, [0x4206, target.parent, 0, 0])),
    ("trace-me", |_| call(libc::SYS_ptrace, [0, 0, 0, 0])),
    ("read-parent-memory", |target| vector(libc::SYS_process_vm_readv, target)),
    ("write-parent-memory-vector", |target| vector(libc::SYS_process_vm_writev, target)),
    ("advise-parent-memory", |_| call(libc::SYS_process_madvise, [0, 0, 0, 0, 0])),
    ("compare-parent", |target| call(libc::SYS_kcmp, [target.parent, target.parent, 0, 0, 0])),
    ("limit-parent", |target| {
        let mut limit = [0u64; 2];
        call(libc::SYS_prlimit64, [target.parent, 7, 0, bytes(&mut limit)])
    }),
    ("raise-own-limit", |_| {
        let mut limit = [1u64 << 20, 1 << 20];
        call(libc::SYS_prlimit64, [0, 7, bytes(&mut limit), 0])
    }),
    ("parent-affinity", |target| affinity(target.parent)),
    ("own-affinity", |_| affinity(0)),
    ("parent-priority", |target| call(libc::SYS_setpriority, [0, target.parent, 10])),
    ("parent-scheduler", |target| {
        let mut priority = 0i32;
        call(libc::SYS_sched_setscheduler, [target.parent, 0, bytes(&mut priority)])
    }),
    ("parent-session", |target| call(libc::SYS_getsid, [target.parent])),
];

#[cfg(target_arch = "x86_64")]
fn new_process() -> i64 {
    process(libc::SYS_fork, [])
}

#[cfg(not(target_arch = "x86_64"))]
fn new_process() -> i64 {
    process(libc::SYS_clone, [number(libc::SIGCHLD), 0, 0, 0, 0])
}

#[cfg(target_arch = "x86_64")]
fn vfork() -> i64 {
    process(libc::SYS_vfork, [])
}

#[cfg(not(target_arch = "x86_64"))]
fn vfork() -> i64 {
    process(libc::SYS_clone, [number(libc::CLONE_VFORK | libc::SIGCHLD), 0, 0, 0, 0])
}

fn vector(number_of_call: i64, target: &Target) -> i64 {
    let mut buffer = [0u8; 8];
    let mut ours = [bytes(&mut buffer), buffer.len()];
    let mut theirs = [0x1000, buffer.len()];
    call(number_of_call, [target.parent, bytes(&mut ours), 1, bytes(&mut theirs), 1, 0])
}

fn affinity(process: usize) -> i64 {
    let mut mask = [u64::MAX; 16];
    call(libc::SYS_sched_setaffinity, [process, 128, bytes(&mut mask)])
}
