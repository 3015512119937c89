/// The functions of WASI preview 1. `sock_*` are there and always fail: a guest has no sockets.
const PREVIEW_1: [&str; 46] = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// The packages of WASI 0.2 that a component may import from. Sockets are there and deny every address.
const PREVIEW_2: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Tells whether a core module's import, as `module::name`, is one that guests get.
pub(super) fn is_core(import: &str) -> bool {
    import.strip_prefix("wasi_snapshot_preview1::").is_some_and(|name| PREVIEW_1.binary_search(&name).is_ok())
}

/// Tells whether a component's import, as `package/interface@version`, is one that guests get.
pub(super) fn is_component(import: &str) -> bool {
    is_of(import, &PREVIEW_2)
}

/// Tells whether an import is one that guests get beside the others if they answer HTTP requests.
pub(super) fn is_http(import: &str) -> bool {
    is_of(import, &["wasi:http/"])
}

fn is_of(import: &str, packages: &[&str]) -> bool {
    import.split_once('@').is_some_and(|(name, version)| {
        version.starts_with("0.2.") && packages.iter().any(|package| name.starts_with(package))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_searching() {
        assert!(PREVIEW_1.is_sorted());
    }

    #[test]
    fn only_wasi_is_known() {
        assert!(is_core("wasi_snapshot_preview1::fd_write") && !is_core("wasi_snapshot_preview1::system"));
        assert!(!is_core("env::fd_write"));
        assert!(is_component("wasi:cli/environment@0.2.3") && !is_component("wasi:http/types@0.2.3"));
        assert!(!is_component("wasi:cli/environment@0.3.0"));
        assert!(is_http("wasi:http/types@0.2.3") && !is_http("wasi:http/types@0.3.0"));
    }
}
