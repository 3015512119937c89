use super::Attempt;
use super::calls::{bytes, call, number, text};

/// Sockets, namespaces, identity, kernel machinery and the host. What could harm a host is asked with arguments
/// that the kernel would refuse after its check of rights.
pub(super) const PROBES: &[(&str, Attempt)] = &[
    ("socket-inet", |_| socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("socket-inet6", |_| socket(libc::AF_INET6, libc::SOCK_STREAM)),
    ("socket-udp", |_| socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("socket-unix", |_| socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("socket-netlink", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("socket-vsock", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("socket-raw", |_| socket(libc::AF_INET, libc::SOCK_RAW)),
    ("socket-packet", |_| socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("socket-alg", |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    ("socket-pair", |_| {
        let mut pair = [0i32; 2];
        let stream = number(libc::SOCK_STREAM);
        call(libc::SYS_socketpair, [number(libc::AF_UNIX), stream, 0, bytes(&mut pair)])
    }),
    ("connect-loopback", |_| {
        let mut address = [2u8, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        call(libc::SYS_connect, [0, bytes(&mut address), 16])
    }),
    ("connect-abstract", |_| {
        let mut address = *b"\x01\x00\x00/tmp/.X11-unix/X0";
        call(libc::SYS_connect, [0, bytes(&mut address), 20])
    }),
    ("bind", |_| {
        let mut address = [2u8, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        call(libc::SYS_bind, [0, bytes(&mut address), 16])
    }),
    ("listen", |_| call(libc::SYS_listen, [0, 1])),
    ("accept", |_| call(libc::SYS_accept4, [0, 0, 0, 0])),
    ("pass-descriptor", |_| {
        let mut message = [0u64; 7];
        call(libc::SYS_sendmsg, [0, bytes(&mut message), 0])
    }),
    ("unshare-user", |_| call(libc::SYS_unshare, [number(libc::CLONE_NEWUSER)])),
    ("unshare-network", |_| call(libc::SYS_unshare, [number(libc::CLONE_NEWNET)])),
    ("join-namespace", |_| call(libc::SYS_setns, [0, 0])),
    ("become-root", |_| call(libc::SYS_setuid, [0])),
    ("become-root-thrice", |_| call(libc::SYS_setresuid, [0, 0, 0])),
    ("root-group", |_| call(libc::SYS_setresgid, [0, 0, 0])),
    ("root-groups", |_| {
        let mut group = 0u32;
        call(libc::SYS_setgroups, [1, bytes(&mut group)])
    }),
    ("gain-capabilities", |_| {
        let mut header = [0x2008_0522u32, 0];
        let mut sets = [u32::MAX; 6];
        call(libc::SYS_capset, [bytes(&mut header), bytes(&mut sets)])
    }),
    ("allow-privileges", |_| call(libc::SYS_prctl, [number(libc::PR_SET_NO_NEW_PRIVS), 0, 0, 0, 0])),
    ("become-dumpable", |_| call(libc::SYS_prctl, [number(libc::PR_SET_DUMPABLE), 1, 0, 0, 0])),
    ("outlive-the-node", |_| call(libc::SYS_prctl, [number(libc::PR_SET_PDEATHSIG), 0, 0, 0, 0])),
    ("new-filter", |_| call(libc::SYS_seccomp, [1, 0, 0])),
    ("new-landlock-rules", |_| call(libc::SYS_landlock_create_ruleset, [0, 0, 1])),
    ("other-personality", |_| call(libc::SYS_personality, [0x0004_0000])),
    ("shared-memory", |_| {
        let private = number(libc::PROT_READ | libc::PROT_WRITE);
        let shared = number(libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        call(libc::SYS_mmap, [0, 4096, private, shared, number(-1), 0])
    }),
    ("lock-memory", |_| call(libc::SYS_mlockall, [1])),
    ("segment", |_| call(libc::SYS_shmget, [0, 4096, 0o1600])),
    ("message-queue", |_| call(libc::SYS_msgget, [0, 0o1600])),
    ("semaphore", |_| call(libc::SYS_semget, [0, 1, 0o1600])),
    ("posix-queue", |_| call(libc::SYS_mq_open, [text(c"probe"), 0o102, 0o600, 0])),
    ("key-control", |_| call(libc::SYS_keyctl, [0, number(-3), 0, 0, 0])),
    ("add-key", |_| call(libc::SYS_add_key, [text(c"user"), text(c"probe"), text(c"x"), 1, number(-2)])),
    ("request-key", |_| call(libc::SYS_request_key, [text(c"user"), text(c"probe"), 0, 0])),
    ("bpf", |_| {
        let mut attributes = [0u64; 16];
        call(libc::SYS_bpf, [0, bytes(&mut attributes), 128])
    }),
    ("io-uring", |_| {
        let mut parameters = [0u32; 30];
        call(libc::SYS_io_uring_setup, [1, bytes(&mut parameters)])
    }),
    ("user-faults", |_| call(libc::SYS_userfaultfd, [1])),
    ("performance-events", |_| {
        let mut attributes = [0u32; 32];
        attributes[1] = 128;
        call(libc::SYS_perf_event_open, [bytes(&mut attributes), 0, number(-1), number(-1), 0])
    }),
    ("load-kernel", |_| call(libc::SYS_kexec_load, [0, 0, 0, 0])),
    ("load-kernel-file", |_| call(libc::SYS_kexec_file_load, [0, 0, 0, 0, 0])),
    ("load-module", |_| call(libc::SYS_init_module, [0, 0, 0])),
    ("load-module-file", |_| call(libc::SYS_finit_module, [0, 0, 0])),
    ("unload-module", |_| call(libc::SYS_delete_module, [text(c"no-such-module"), 0])),
    // Wrong magic numbers: even a kernel that allowed it would not do it.
    ("reboot", |_| call(libc::SYS_reboot, [0, 0, 0, 0])),
    ("swap-on", |_| call(libc::SYS_swapon, [text(c"no-such-file"), 0])),
    ("swap-off", |_| call(libc::SYS_swapoff, [text(c"no-such-file")])),
    ("host-name", |_| call(libc::SYS_sethostname, [0, 65_536])),
    ("domain-name", |_| call(libc::SYS_setdomainname, [0, 65_536])),
    ("set-clock", |_| call(libc::SYS_clock_settime, [0, 0])),
    ("set-time", |_| call(libc::SYS_settimeofday, [1, 0])),
    ("adjust-clock", |_| call(libc::SYS_adjtimex, [0])),
    ("accounting", |_| call(libc::SYS_acct, [text(c"no-such-file")])),
    ("quota", |_| call(libc::SYS_quotactl, [0, 0, 0, 0])),
    ("kernel-log", |_| call(libc::SYS_syslog, [10, 0, 0])),
    ("terminal-input", |_| {
        call(libc::SYS_ioctl, [0, usize::try_from(libc::TIOCSTI).unwrap_or(0), text(c"x")])
    }),
    ("host-facts", |_| {
        let mut facts = [0u8; 512];
        call(libc::SYS_sysinfo, [bytes(&mut facts)])
    }),
    #[cfg(target_arch = "x86_64")]
    ("port-access", |_| call(libc::SYS_ioperm, [0x378, 1, 1])),
    #[cfg(target_arch = "x86_64")]
    ("port-level", |_| call(libc::SYS_iopl, [3])),
    #[cfg(target_arch = "x86_64")]
    ("descriptor-table", |_| call(libc::SYS_modify_ldt, [1, 0, 0])),
];

fn socket(family: i32, kind: i32) -> i64 {
    call(libc::SYS_socket, [number(family), number(kind), 0])
}
