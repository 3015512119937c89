"""A component that Casemate's authors did not write: JavaScript, made into one by the tools of the Bytecode Alliance."""

import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent / "functions"


def tools(scratch):
    """Installs what makes components, and workerd, into a directory; returns it."""
    directory = scratch / "tools"
    shutil.copytree(HERE, directory)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=directory, check=True, stdout=subprocess.DEVNULL)
    return directory


def component(directory):
    """The component of `hello.js`: `/` says hello, `/json` sums up items."""
    target = directory / "hello.wasm"
    subprocess.run(["node", "build.mjs", "hello.js", str(target)], cwd=directory, check=True)
    return target
