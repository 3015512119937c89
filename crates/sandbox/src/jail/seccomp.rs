//! System-call filters, three deep; the kernel takes the strictest answer of all.
//!
//! 1. The allow-list. What is not on it fails with EPERM: a library that tries something optional survives.
//! 2. The kill-list. What no part of a worker ever calls, but an attacker would: the process dies at once, so an
//!    attempt is loud (the run ends as an engine failure that names the signal) and cannot be repeated.
//! 3. The absent-list. What the engine tries and does without when the kernel says it does not know it.
//!
//! Arguments behind pointers (paths, `clone3`, `openat2`) cannot be looked at here: files are Landlock's work.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::JailError;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Calls that are allowed whatever their arguments; each group names who needs it.
const ALLOWED: &[c_long] = &[
    // The channel: `recvmsg` for requests and the descriptors that come along, the rest for frames.
    libc::SYS_recvmsg,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    // A guest's file functions (wasmtime-wasi through cap-primitives), below the scratch directory only.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    // Memory of the engine (pool, code, stacks) and of the allocator.
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // The engine turns faults of guests into traps; every thread has an alternate stack for that.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Threads that exist already: locks, naps, and their end.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    // Clocks where the kernel's shared page cannot answer.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    // Randomness for guests and hash maps.
    libc::SYS_getrandom,
    // Code on ARM needs the other processor cores to notice it.
    libc::SYS_membarrier,
];

/// Calls that only an attacker makes.
const KILLED: &[c_long] = &[
    // New programs and processes. All threads exist before the filter, so not even a thread is made.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Sockets. The channel is one, but it exists already.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Kernel machinery with a history of holes.
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // The host.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    // Identity.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_mknodat,
    libc::SYS_fchownat,
    libc::SYS_fchown,
];

/// What only x86-64 has.
#[cfg(target_arch = "x86_64")]
const KILLED_HERE: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_mknod,
    libc::SYS_chown,
    libc::SYS_lchown,
];
#[cfg(not(target_arch = "x86_64"))]
const KILLED_HERE: &[c_long] = &[];

/// Calls that the engine can do without: it asks for a memory file for the images of components' memories, and
/// copies the image when there is none. A memory file would be memory that no limit counts.
const ABSENT: &[c_long] = &[libc::SYS_memfd_create];

/// Installs the filters on every thread. Returns false on a kernel without them.
pub(crate) fn install() -> Result<bool, JailError> {
    // TSYNC has the same age as the system call, so a kernel either has all or nothing.
    for filter in filters()? {
        match seccompiler::apply_filter_all_threads(&filter) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error)) if error.raw_os_error() == Some(libc::ENOSYS) => {
                return Ok(false);
            }
            Err(error) => return Err(JailError::Seccomp(error.into())),
        }
    }
    Ok(true)
}

/// Builds the filters. The first to be installed must still allow installing the next, so the allow-list is last.
fn filters() -> Result<[BpfProgram; 3], JailError> {
    let pid = u64::from(std::process::id());
    let mut killed: Rules = KILLED.iter().chain(KILLED_HERE).map(|call| (*call, vec![])).collect();
    killed.insert(libc::SYS_tgkill, vec![rule(&[condition(0, SeccompCmpOp::Ne, pid)?])?]);
    let absent: Rules = ABSENT.iter().map(|call| (*call, vec![])).collect();

    // The absent calls pass this filter, because of two error numbers the kernel takes the last filter's.
    let mut allowed: Rules = ALLOWED.iter().chain(ABSENT).map(|call| (*call, vec![])).collect();
    // Private memory only: shared memory escapes the limit on what the process may fill.
    let private = SeccompCmpOp::MaskedEq(u64::from(MAP_TYPE_MASK));
    allowed.insert(libc::SYS_mmap, vec![rule(&[condition(3, private, value(libc::MAP_PRIVATE))?])?]);
    // Not F_SETOWN, F_SETSIG or F_NOTIFY, which make the kernel send signals.
    let fcntl = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD_CLOEXEC];
    allowed.insert(libc::SYS_fcntl, one_of(1, &fcntl)?);
    // A run lowers its own file-size limit; the hard limits stay what they are.
    allowed.insert(libc::SYS_prlimit64, one_of(0, &[0])?);
    // An abort raises its signal in the own process.
    allowed.insert(libc::SYS_tgkill, vec![rule(&[condition(0, SeccompCmpOp::Eq, pid)?])?]);

    Ok([
        compile(absent, SeccompAction::Allow, SeccompAction::Errno(errno(libc::ENOSYS)))?,
        compile(killed, SeccompAction::Allow, SeccompAction::KillProcess)?,
        compile(allowed, SeccompAction::Errno(errno(libc::EPERM)), SeccompAction::Allow)?,
    ])
}

/// The bits of `mmap`'s flags that say private or shared.
const MAP_TYPE_MASK: u32 = 0x0f;

fn compile(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, JailError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(unbuilt)?;
    SeccompFilter::new(rules, otherwise, matched, arch).and_then(BpfProgram::try_from).map_err(unbuilt)
}

fn one_of(argument: u8, values: &[c_int]) -> Result<Vec<SeccompRule>, JailError> {
    values.iter().map(|given| rule(&[condition(argument, SeccompCmpOp::Eq, value(*given))?])).collect()
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, JailError> {
    SeccompRule::new(conditions.to_vec()).map_err(unbuilt)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, JailError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(unbuilt)
}

fn value(constant: c_int) -> u64 {
    u64::try_from(constant).expect("the kernel's constants are not negative")
}

fn errno(constant: c_int) -> u32 {
    u32::try_from(constant).expect("error numbers are not negative")
}

fn unbuilt(error: seccompiler::BackendError) -> JailError {
    JailError::Seccomp(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_on_two_lists() {
        let killed: Vec<_> = KILLED.iter().chain(KILLED_HERE).chain(ABSENT).collect();
        let both: Vec<_> = ALLOWED.iter().filter(|call| killed.contains(call)).collect();
        assert_eq!(both, Vec::<&c_long>::new());
    }

    #[test]
    fn the_filters_build() {
        assert_eq!(filters().map(|filters| filters.len()).ok(), Some(3));
    }
}
