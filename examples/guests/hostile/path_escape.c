/* Tries to reach files outside its grant, by every road that WASI preview 1 has, and says what it got.
 *
 * Exit code 0: every attempt failed. Exit code 1: something outside could be opened, and its name was printed.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

enum { PREOPENS_FIRST = 3, DESCRIPTORS_TRIED = 64 };

static const char *const TARGETS[] = {
    "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/self/mem", "/proc/1/root", "/dev/kmsg", "/root", "/tmp",
    "etc/passwd", ".", "..", "/", "/in/../etc/passwd", "/out/../../etc/passwd", "/in/..", "/out/..",
    "../etc/passwd", "../../etc/passwd", "../../../../../../../../etc/passwd", "./../etc/passwd", "a/../../etc/passwd",
};

static const char *const LINKS[] = {"/etc/passwd", "/etc", "/", "..", "../..", "../../../../etc/passwd", "/proc/self/root"};

static int attempts, escapes;

static void tried(const char *road, const char *target, bool opened)
{
    attempts++;
    if (!opened)
        return;
    escapes++;
    printf("ESCAPED by %s: %s\n", road, target);
}

/* Straight to the host, past the C library's own handling of paths. Opening a granted directory itself is no escape. */
static void try_descriptor(__wasi_fd_t directory, const char *target)
{
    __wasi_fd_t opened;
    __wasi_prestat_t granted;
    if (__wasi_fd_prestat_get(directory, &granted) != 0)
        return;
    __wasi_errno_t error = __wasi_path_open(directory, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, target, 0,
                                            __WASI_RIGHTS_FD_READ, 0, 0, &opened);
    if (error == 0 && strcmp(target, ".") == 0)
        return;
    tried("path_open", target, error == 0);
    if (error == 0)
        close((int)opened);
}

static void try_library(const char *target)
{
    int opened = open(target, O_RDONLY);
    /* The C library answers `.` and `/` from what was granted; that is not outside. */
    bool outside = opened >= 0 && strcmp(target, ".") != 0 && strcmp(target, "/") != 0;
    tried("open", target, outside);
    if (opened >= 0)
        close(opened);
}

/* Plants a link in the output directory and walks through it. */
static void try_link(const char *target)
{
    unlink("/out/link");
    if (symlink(target, "/out/link") != 0) {
        tried("symlink", target, false);
        return;
    }
    int opened = open("/out/link", O_RDONLY);
    tried("through link", target, opened >= 0);
    if (opened >= 0)
        close(opened);
    opened = open("/out/link/passwd", O_RDONLY);
    tried("below link", target, opened >= 0);
    if (opened >= 0)
        close(opened);
    unlink("/out/link");
}

static void try_moves(void)
{
    struct stat seen;
    tried("rename", "/out/x -> ../x", rename("/out/x", "/out/../x") == 0);
    tried("link", "/etc/passwd -> /out/hard", link("/etc/passwd", "/out/hard") == 0);
    tried("mkdir", "/out/../made", mkdir("/out/../made", 0700) == 0);
    tried("stat", "/etc/passwd", stat("/etc/passwd", &seen) == 0);
    tried("create", "/in/planted", open("/in/planted", O_CREAT | O_WRONLY, 0600) >= 0);
}

int main(void)
{
    for (size_t at = 0; at < sizeof TARGETS / sizeof *TARGETS; at++) {
        try_library(TARGETS[at]);
        for (__wasi_fd_t fd = PREOPENS_FIRST; fd < DESCRIPTORS_TRIED; fd++)
            try_descriptor(fd, TARGETS[at]);
    }
    for (size_t at = 0; at < sizeof LINKS / sizeof *LINKS; at++)
        try_link(LINKS[at]);
    try_moves();
    printf("%d attempts to leave, %d succeeded\n", attempts, escapes);
    return escapes == 0 ? 0 : 1;
}
