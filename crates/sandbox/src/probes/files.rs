use std::ffi::{CStr, CString};

use super::calls::{bytes, call, number, text};
use super::{Attempt, Target};

/// Files and directories outside the grant, and what must not be made inside it.
pub(super) const PROBES: &[(&str, Attempt)] = &[
    ("read-outside", |target| open(&target.path("secret"), libc::O_RDONLY)),
    ("write-outside", |target| open(&target.path("secret"), libc::O_WRONLY)),
    ("create-outside", |target| open(&target.path("new"), libc::O_WRONLY | libc::O_CREAT)),
    ("list-outside", |target| list(&target.outside)),
    ("stat-outside", |target| stat(&target.path("secret"))),
    ("truncate-outside", |target| call(libc::SYS_truncate, [text(&target.path("secret")), 0])),
    ("unlink-outside", |target| {
        call(libc::SYS_unlinkat, [number(libc::AT_FDCWD), text(&target.path("secret")), 0])
    }),
    ("make-directory-outside", |target| {
        call(libc::SYS_mkdirat, [number(libc::AT_FDCWD), text(&target.path("made")), 0o700])
    }),
    ("change-mode-outside", |target| {
        call(libc::SYS_fchmodat, [number(libc::AT_FDCWD), text(&target.path("secret")), 0o777])
    }),
    ("change-owner-outside", |target| {
        call(libc::SYS_fchownat, [number(libc::AT_FDCWD), text(&target.path("secret")), 0, 0, 0])
    }),
    ("touch-outside", |target| {
        call(libc::SYS_utimensat, [number(libc::AT_FDCWD), text(&target.path("secret")), 0, 0])
    }),
    ("rename-out", |target| {
        make(c"moving");
        two_paths(libc::SYS_renameat, c"moving", &target.path("moved"))
    }),
    ("rename-in", |target| two_paths(libc::SYS_renameat, &target.path("secret"), c"taken")),
    ("link-out", |target| {
        make(c"linking");
        two_paths(libc::SYS_linkat, c"linking", &target.path("linked"))
    }),
    ("link-in", |target| two_paths(libc::SYS_linkat, &target.path("secret"), c"link")),
    ("symlink-outside", |target| {
        call(libc::SYS_symlinkat, [text(c"secret"), number(libc::AT_FDCWD), text(&target.path("link"))])
    }),
    ("symlink-follow", |target| {
        call(libc::SYS_symlinkat, [text(&target.path("secret")), number(libc::AT_FDCWD), text(c"sym")]);
        open(c"sym", libc::O_RDONLY)
    }),
    ("symlink-list", |target| {
        call(libc::SYS_symlinkat, [text(&target.outside), number(libc::AT_FDCWD), text(c"symdir")]);
        list(c"symdir")
    }),
    ("climb-out", |_| open(c"../../../../../../../../../../../../etc/passwd", libc::O_RDONLY)),
    ("climb-out-openat2", |_| {
        let mut how: [u64; 3] = [0; 3];
        let path = c"../../../../../../../../../../../../etc/passwd";
        call(libc::SYS_openat2, [number(libc::AT_FDCWD), text(path), bytes(&mut how), 24])
    }),
    ("read-etc-passwd", |_| open(c"/etc/passwd", libc::O_RDONLY)),
    ("read-etc-shadow", |_| open(c"/etc/shadow", libc::O_RDONLY)),
    ("list-etc", |_| list(c"/etc")),
    ("list-home", |_| list(c"/root")),
    ("read-init-environ", |_| open(c"/proc/1/environ", libc::O_RDONLY)),
    ("read-init-maps", |_| open(c"/proc/1/maps", libc::O_RDONLY)),
    ("walk-init-root", |_| list(c"/proc/1/root")),
    ("read-parent-environ", |target| open(&target.of_parent("environ"), libc::O_RDONLY)),
    ("write-parent-memory", |target| open(&target.of_parent("mem"), libc::O_RDWR)),
    ("list-parent-files", |target| list(&target.of_parent("fd"))),
    ("read-own-environ", |_| open(c"/proc/self/environ", libc::O_RDONLY)),
    ("write-own-memory", |_| open(c"/proc/self/mem", libc::O_RDWR)),
    ("open-dev-mem", |_| open(c"/dev/mem", libc::O_RDONLY)),
    ("open-dev-kvm", |_| open(c"/dev/kvm", libc::O_RDWR)),
    ("open-dev-kmsg", |_| open(c"/dev/kmsg", libc::O_RDWR)),
    ("open-dev-tty", |_| open(c"/dev/tty", libc::O_RDWR)),
    ("list-sys", |_| list(c"/sys/kernel")),
    ("write-core-pattern", |_| open(c"/proc/sys/kernel/core_pattern", libc::O_WRONLY)),
    ("make-fifo", |_| node(libc::S_IFIFO)),
    ("make-device", |_| node(libc::S_IFCHR)),
    ("make-socket-node", |_| node(libc::S_IFSOCK)),
    ("set-attribute", |_| {
        make(c"attribute");
        call(libc::SYS_setxattr, [text(c"attribute"), text(c"user.x"), text(c"y"), 1, 0])
    }),
    ("file-handle", |_| {
        let mut handle = [0u32; 34];
        handle[0] = 128;
        let mut mount = 0i32;
        let at = number(libc::AT_FDCWD);
        call(libc::SYS_name_to_handle_at, [at, text(c"."), bytes(&mut handle), bytes(&mut mount), 0])
    }),
    ("open-by-handle", |_| {
        let mut handle = [0u32; 34];
        handle[0] = 8;
        handle[1] = 1;
        call(libc::SYS_open_by_handle_at, [number(libc::AT_FDCWD), bytes(&mut handle), 0])
    }),
    ("change-root", |_| call(libc::SYS_chroot, [text(c".")])),
    ("mount-tmpfs", |_| call(libc::SYS_mount, [text(c"none"), text(c"."), text(c"tmpfs"), 0, 0])),
    ("unmount", |_| call(libc::SYS_umount2, [text(c"/"), number(libc::MNT_DETACH)])),
    ("pivot-root", |_| call(libc::SYS_pivot_root, [text(c"."), text(c".")])),
    ("open-tree", |_| call(libc::SYS_open_tree, [number(libc::AT_FDCWD), text(c"/"), 1])),
    ("move-mount", |_| call(libc::SYS_move_mount, [0, text(c""), number(libc::AT_FDCWD), text(c"."), 4])),
    ("open-file-system", |_| call(libc::SYS_fsopen, [text(c"tmpfs"), 0])),
    ("watch-files", |_| call(libc::SYS_inotify_init1, [0])),
    ("watch-everything", |_| call(libc::SYS_fanotify_init, [0, 0])),
];

impl Target {
    fn path(&self, name: &str) -> CString {
        let mut path = self.outside.clone().into_bytes();
        path.push(b'/');
        path.extend_from_slice(name.as_bytes());
        CString::new(path).expect("no NUL in either part")
    }

    fn of_parent(&self, name: &str) -> CString {
        CString::new(format!("/proc/{}/{name}", self.parent)).expect("no NUL in either part")
    }
}

fn open(path: &CStr, flags: i32) -> i64 {
    call(libc::SYS_openat, [number(libc::AT_FDCWD), text(path), number(flags), 0o600])
}

fn make(name: &CStr) {
    open(name, libc::O_WRONLY | libc::O_CREAT);
}

fn list(path: &CStr) -> i64 {
    let directory = open(path, libc::O_RDONLY | libc::O_DIRECTORY);
    let Ok(directory) = usize::try_from(directory) else {
        return directory;
    };
    let mut buffer = [0u8; 1024];
    call(libc::SYS_getdents64, [directory, bytes(&mut buffer), buffer.len()])
}

fn stat(path: &CStr) -> i64 {
    let mut buffer = [0u64; 64];
    call(libc::SYS_newfstatat, [number(libc::AT_FDCWD), text(path), bytes(&mut buffer), 0])
}

fn two_paths(number_of_call: i64, from: &CStr, to: &CStr) -> i64 {
    let at = number(libc::AT_FDCWD);
    call(number_of_call, [at, text(from), at, text(to), 0])
}

fn node(kind: libc::mode_t) -> i64 {
    let mode = usize::try_from(kind | 0o600).expect("a mode fits");
    let device = usize::try_from(libc::makedev(1, 3)).expect("a small device number fits");
    call(libc::SYS_mknodat, [number(libc::AT_FDCWD), text(c"node"), mode, device])
}
