"""Builds the two guests, with the same flags as `cargo xtask guests`. `build.py DIRECTORY` puts them there."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
GUESTS = ("train", "aggregate")
# Debian keeps wasi-libc below /usr, beside the host's own files. The same source gives the same bytes.
CLANG = ("clang --target=wasm32-wasi --sysroot=/usr -std=c11 -D_GNU_SOURCE -Os -Wall -Wextra -Werror -fno-ident "
         "-Wl,--strip-all -Wl,--fatal-warnings").split()


def build(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns where each module is, by its name."""
    directory.mkdir(parents=True, exist_ok=True)
    modules = {name: directory / f"{name}.wasm" for name in GUESTS}
    for name, module in modules.items():
        subprocess.run([*CLANG, "-o", module, HERE / f"{name}.c"], check=True)
    return modules


if __name__ == "__main__":
    for path in build(pathlib.Path(sys.argv[1])).values():
        print(path)
