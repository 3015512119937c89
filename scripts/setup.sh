#!/usr/bin/env bash
# Installs what a fresh Debian 12 lacks: `scripts/setup.sh run|test|bench|fuzz`.
#
#   run    what building and starting a node needs
#   test   run, and what `make test` needs
#   bench  run, and what `make bench` needs
#   fuzz   run, and what `make fuzz` needs
#
# Looks first, so it takes no time when nothing is missing. System packages are installed as root or by `sudo -n`;
# without either it prints the one line to type, and fails. Cargo's tools go into cargo's own directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=()

has() { command -v "$1" >/dev/null 2>&1; }

# need PACKAGE TEST...: notes the package when the test fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || packages+=("$package")
}

# file_like PATTERN: tells whether a file matches.
file_like() { compgen -G "$1"; }

need_run() {
    need build-essential has cc
    need build-essential has make
    need pkg-config has pkg-config
    need clang has clang
    need lld has wasm-ld
    need wasi-libc file_like /usr/include/wasm32-wasi/stdio.h
    need "libclang-rt-$(clang_version)-dev-wasm32" file_like "/usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a"
}

# The version of the clang that is there, or of the one that Debian 12 would install.
clang_version() {
    if has clang; then
        clang -dumpversion | cut -d. -f1
    else
        echo 14
    fi
}

need_test() {
    need git has git
    need python3 has python3
    need python3-pip python3 -m pip --version
    need nodejs has node
    need npm has npm
    need chromium has chromium
    need postgresql file_like "/usr/lib/postgresql/*/bin/initdb"
    need redis-server has redis-server
    need strace has strace
    need bind9-dnsutils has delv
    need knot-dnsutils has kdig
    need xdelta3 has xdelta3
}

need_bench() {
    need python3 has python3
    need python3-pip python3 -m pip --version
    need python3-venv python3 -c "import ensurepip"
    need wrk has wrk
    # What names are compared with, and what asks for them.
    need etcd-server has etcd
    need knot file_like "/usr/sbin/knotd"
    need knot-dnsutils has kdig
    need dnsperf has dnsperf
    # The tools that objects are compared with, and what the sets that they store are made with.
    need xdelta3 has xdelta3
    need zstd has zstd
    need restic has restic
    need borgbackup has borg
    need nodejs has node
    need npm has npm
    need e2fsprogs file_like "/*bin/mkfs.ext4"
}

install_packages() {
    if [ ${#packages[@]} -eq 0 ]; then
        return
    fi
    local missing
    mapfile -t missing < <(printf '%s\n' "${packages[@]}" | sort -u)
    can_install "${missing[*]}"
    echo "setup: installing ${missing[*]}"
    # The package lists of a fresh system are empty, those of a used one are mostly new enough.
    apt_install "${missing[@]}" || {
        as_root apt-get update --quiet
        apt_install "${missing[@]}"
    }
}

# QEMU. Debian 12's own (7.2) lacks what machines use, and cannot be installed beside backported tools, which a system may have: there
# it comes from the backports.
install_qemu() {
    if has qemu-system-x86_64 && has qemu-img; then
        return
    fi
    can_install "qemu-system-x86 qemu-utils"
    echo "setup: installing QEMU"
    local suite=()
    # shellcheck disable=SC1091
    if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ]; then
        add_suite bookworm-backports
        suite=(--target-release bookworm-backports)
    fi
    as_root apt-get update --quiet
    apt_install "${suite[@]}" qemu-system-x86 qemu-utils
}

# add_suite SUITE: another suite of the archive that the system has its packages from, unless it is known already.
add_suite() {
    local known
    known=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u)
    if grep -q " $1\$" <<<"$known"; then
        return
    fi
    {
        echo "Types: deb"
        echo "URIs: $(grep " ${1%-*}\$" <<<"$known" | head -n 1 | cut -d ' ' -f 1)"
        echo "Suites: $1"
        echo "Components: main"
        if [ -f /usr/share/keyrings/debian-archive-keyring.gpg ]; then
            echo "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
        fi
    } | as_root tee "/etc/apt/sources.list.d/$1.sources" >/dev/null
}

# can_install PACKAGES: ends with what to type where nothing can be installed.
can_install() {
    if ! has apt-get; then
        echo "setup: there is no apt-get here; install what Debian calls: $1" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! { has sudo && sudo -n true 2>/dev/null; }; then
        echo "setup: some packages are missing; type this, then try again:" >&2
        echo "  sudo apt-get update && sudo apt-get install --yes $1" >&2
        exit 1
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends "$@"
}

check_rust() {
    if ! has cargo; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    if ! has cargo; then
        echo "setup: Rust is missing; install rustup by the line on the Rust project's page \"Install Rust\"," \
            "open a new shell, then try again (it takes the version from rust-toolchain.toml)" >&2
        exit 1
    fi
    if ! cargo --version >/dev/null; then
        echo "setup: cargo does not start; rustup has to get the toolchain of rust-toolchain.toml: rustup toolchain install" >&2
        exit 1
    fi
}

# cargo_tool NAME VERSION: a subcommand of cargo, built quickly rather than well. It runs for seconds.
cargo_tool() {
    if cargo "${1#cargo-}" --version >/dev/null 2>&1; then
        return
    fi
    echo "setup: installing $1 $2, which takes some minutes once"
    env --unset=CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        cargo install --quiet --locked --version "$2" "$1"
}

tools=()
case "${1:-}" in
run) need_run ;;
test)
    need_run
    need_test
    tools=("cargo-nextest 0.9.143" "cargo-deny 0.20.2")
    ;;
bench)
    need_run
    need_bench
    ;;
fuzz)
    need_run
    if has cargo && cargo +nightly --version >/dev/null 2>&1; then
        tools=("cargo-fuzz 0.13.2")
    fi
    ;;
*)
    echo "usage: scripts/setup.sh run|test|bench|fuzz" >&2
    exit 2
    ;;
esac
install_packages
if [ "$1" = test ]; then
    install_qemu
fi
check_rust
for tool in "${tools[@]}"; do
    # shellcheck disable=SC2086
    cargo_tool $tool
done
if [ "$1" = test ]; then
    # Licences are checked of every crate that the lock names, also those of other systems, and without a network.
    cargo fetch --quiet --locked
fi
