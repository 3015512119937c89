#!/usr/bin/env bash
# Shows that the checker of names finds what it is there to find: see README.md.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
steps=${STEPS:-60000}
work=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$work/tree" 2>/dev/null || true; rm -rf "$work"' EXIT

git -C "$root" worktree add --quiet --detach "$work/tree" HEAD
cd "$work/tree"
# Beside the usual artefacts, so that only what is patched is built anew.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}

# A patch that does not compile is no defect that was found.
build() {
    cargo build --quiet --locked --workspace --example linear
}

run() {
    "$CARGO_TARGET_DIR/debug/examples/linear" --database sqlite --steps "$steps" >"$work/said" 2>&1
}

build
if run; then
    echo "without a defect: $(tail -n 1 "$work/said")"
else
    cat "$work/said"
    echo "without a defect something was found" >&2
    exit 1
fi
missed=0
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    git apply -p1 "$patch"
    build
    if run; then
        echo "$name: NOT FOUND"
        missed=$((missed + 1))
    else
        echo "$name: found: $(tail -n 1 "$work/said")"
    fi
    git checkout --quiet -- .
done
exit "$missed"
